"""Question to Answer, as one LangChain runnable: rewrite | retrieve | rerank | read | gate | verify.

Every stage is a method that takes what the stage before returned, so a caller may stop after any of them, or leave out
one that returns what it takes: `rewrite` and `gate`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from langchain_core.runnables import Runnable, RunnableLambda

from index.languages import language_of
from index.search import Hit, Searcher
from index.snapshot import Snapshot
from rag.abstention import Gate
from rag.answer import Answer, Claim, Passage, Span, Support, Verdict
from rag.conversation import Turn, standalone
from rag.question import checked
from rag.reading import Evidence, RankedHit, read
from rag.reranking import Reranker
from rag.verification import verify

MODEL = "extractive"
DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True)
class Question:
    """A question, the turns before it (oldest first), and what is searched for: the question itself if it is None."""

    text: str
    history: tuple[Turn, ...] = ()
    searched: str | None = None


@dataclass(frozen=True)
class Retrieved:
    """What the search found; `timings` are seconds by stage so far."""

    question: str
    searched: str
    generation: int
    hits: tuple[Hit, ...]
    timings: dict[str, float]


@dataclass(frozen=True)
class Ranked:
    """The same hits with the reranker's scores, best first."""

    question: str
    searched: str
    generation: int
    hits: tuple[RankedHit, ...]
    timings: dict[str, float]


@dataclass(frozen=True)
class Draft:
    """The evidence that the reader chose, not verified yet; none once it has come to a gate that is shut."""

    question: str
    searched: str
    generation: int
    hits: tuple[RankedHit, ...]
    evidence: tuple[Evidence, ...]
    confidence: float | None
    timings: dict[str, float]


class Chain:
    """The stages over one index. `k` is the number of passages that are reranked and shown."""

    def __init__(self, searcher: Searcher, reranker: Reranker, gate: Gate, k: int) -> None:
        self.searcher = searcher
        self.reranker = reranker
        self.gate = gate
        self.k = k
        self.runnable: Runnable[str | Question, Answer] = (
            RunnableLambda(self.rewrite)
            | RunnableLambda(self.retrieve)
            | RunnableLambda(self.rerank)
            | RunnableLambda(self.read)
            | RunnableLambda(self.gate_draft)
            | RunnableLambda(self.verify)
        )

    def invoke(self, question: str, history: Sequence[Turn] = ()) -> Answer:
        """Answer a question, which may lean on the turns before it. Raises QuestionError, or an error of the index."""
        return self.runnable.invoke(Question(question, tuple(history)))

    def rewrite(self, question: str | Question) -> Question:
        """Say what to search for: a follow-up is made to stand alone."""
        asked = Question(question) if isinstance(question, str) else question
        text = checked(asked.text)
        return replace(asked, text=text, searched=standalone(text, asked.history))

    def retrieve(self, question: Question) -> Retrieved:
        """Search the index for passages."""
        started = time.perf_counter()
        searched = question.searched or question.text
        results = self.searcher.search(searched, self.k)
        return Retrieved(
            question.text, searched, results.generation, tuple(results.hits), _timed({}, "retrieve", started)
        )

    def rerank(self, retrieved: Retrieved) -> Ranked:
        """Put the passages in the order of the reranker."""
        started = time.perf_counter()
        scores = self.reranker.score(retrieved.searched, [hit.passage.text for hit in retrieved.hits])
        hits = [RankedHit(hit, float(score)) for hit, score in zip(retrieved.hits, scores, strict=True)]
        hits.sort(key=lambda ranked: -ranked.score)
        return Ranked(
            retrieved.question,
            retrieved.searched,
            retrieved.generation,
            tuple(hits),
            _timed(retrieved.timings, "rerank", started),
        )

    def read(self, ranked: Ranked) -> Draft:
        """Choose the sentences that answer."""
        started = time.perf_counter()
        reading = read(ranked.searched, ranked.hits, self.reranker)
        return Draft(
            ranked.question,
            ranked.searched,
            ranked.generation,
            ranked.hits,
            reading.evidence,
            reading.confidence,
            _timed(ranked.timings, "read", started),
        )

    def gate_draft(self, draft: Draft) -> Draft:
        """Take the evidence away if it is not good enough to answer from."""
        return draft if self.gate.passes(draft.confidence) else replace(draft, evidence=())

    def verify(self, draft: Draft) -> Answer:
        """Check every sentence against the store; keep what is supported, count what is not."""
        started = time.perf_counter()
        with self.searcher.store.snapshot() as snapshot:
            checked_claims = [_claim_of(evidence, snapshot) for evidence in draft.evidence]
            passages = tuple(_passage_of(ranked, snapshot) for ranked in draft.hits)
        kept = [(claim, span) for claim, span in checked_claims if claim.support is Support.SUPPORTED]
        return Answer(
            question=draft.question,
            searched=draft.searched,
            language=language_of(draft.question) or DEFAULT_LANGUAGE,
            verdict=Verdict.ANSWERED if kept else Verdict.NOT_IN_DOCUMENTS,
            claims=tuple(replace(claim, citations=(n,)) for n, (claim, _) in enumerate(kept, start=1)),
            sources=tuple(span for _, span in kept),
            passages=passages,
            confidence=draft.confidence,
            threshold=self.gate.threshold,
            dropped=len(checked_claims) - len(kept),
            model=f"{MODEL}/{self.reranker.name}",
            generation=draft.generation,
            timings=_timed(draft.timings, "verify", started),
        )


def _claim_of(evidence: Evidence, snapshot: Snapshot) -> tuple[Claim, Span]:
    stored = evidence.passage
    start, end = evidence.sentence.start, evidence.sentence.end
    quote = stored.text[start - stored.chunk.start : end - stored.chunk.start]
    place = snapshot.place_of(stored.document_id, start, end)
    span = Span(stored.document, start, end, quote, stored.chunk.heading, place)
    claim = Claim(quote, (1,), Support.UNSUPPORTED, evidence.score)
    return replace(claim, support=verify(claim, (span,), snapshot.text_of)), span


def _passage_of(ranked: RankedHit, snapshot: Snapshot) -> Passage:
    hit, chunk = ranked.hit, ranked.hit.passage.chunk
    return Passage(
        document=hit.passage.document,
        start=chunk.start,
        end=chunk.end,
        text=hit.passage.text,
        heading=chunk.heading,
        place=snapshot.place_of(hit.passage.document_id, chunk.start, chunk.end),
        score=hit.score,
        dense=hit.dense,
        lexical=hit.lexical,
        rerank=ranked.score,
    )


def _timed(timings: dict[str, float], stage: str, started: float) -> dict[str, float]:
    return {**timings, stage: round(time.perf_counter() - started, 4)}
