"""Question to Answer in four stages, as one LangChain runnable: retrieve | rerank | read | verify.

Every stage is a method that takes what the stage before returned, so a caller may stop after any of them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from langchain_core.runnables import Runnable, RunnableLambda

from index.search import Hit, Searcher
from rag.abstention import Gate
from rag.answer import Answer, Claim, Passage, Span, Support, Verdict
from rag.question import checked
from rag.reading import Evidence, RankedHit, read
from rag.reranking import Reranker
from rag.verification import verify

MODEL = "extractive"


@dataclass(frozen=True)
class Retrieved:
    """What the search found; `timings` are seconds by stage so far."""

    question: str
    generation: int
    hits: tuple[Hit, ...]
    timings: dict[str, float]


@dataclass(frozen=True)
class Ranked:
    """The same hits with the reranker's scores, best first."""

    question: str
    generation: int
    hits: tuple[RankedHit, ...]
    timings: dict[str, float]


@dataclass(frozen=True)
class Draft:
    """The evidence that the reader chose (none if the gate is shut), not verified yet."""

    question: str
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
        self.runnable: Runnable[str, Answer] = (
            RunnableLambda(self.retrieve)
            | RunnableLambda(self.rerank)
            | RunnableLambda(self.read)
            | RunnableLambda(self.verify)
        )

    def invoke(self, question: str) -> Answer:
        """Answer a question. Raises QuestionError, or an error of the index."""
        return self.runnable.invoke(question)

    def retrieve(self, question: str) -> Retrieved:
        """Search the index for passages."""
        started = time.perf_counter()
        question = checked(question)
        results = self.searcher.search(question, self.k)
        return Retrieved(question, results.generation, tuple(results.hits), _timed({}, "retrieve", started))

    def rerank(self, retrieved: Retrieved) -> Ranked:
        """Put the passages in the order of the reranker."""
        started = time.perf_counter()
        scores = self.reranker.score(retrieved.question, [hit.passage.text for hit in retrieved.hits])
        hits = [RankedHit(hit, float(score)) for hit, score in zip(retrieved.hits, scores, strict=True)]
        hits.sort(key=lambda ranked: -ranked.score)
        return Ranked(
            retrieved.question, retrieved.generation, tuple(hits), _timed(retrieved.timings, "rerank", started)
        )

    def read(self, ranked: Ranked) -> Draft:
        """Choose the sentences that answer, unless the gate is shut."""
        started = time.perf_counter()
        reading = read(ranked.question, ranked.hits, self.reranker)
        evidence = reading.evidence if self.gate.passes(reading.confidence) else ()
        return Draft(
            ranked.question,
            ranked.generation,
            ranked.hits,
            evidence,
            reading.confidence,
            _timed(ranked.timings, "read", started),
        )

    def verify(self, draft: Draft) -> Answer:
        """Check every sentence against the store; keep what is supported, count what is not."""
        started = time.perf_counter()
        with self.searcher.store.snapshot() as snapshot:
            checked_claims = [_claim_of(evidence, snapshot.text_of) for evidence in draft.evidence]
        kept = [(claim, span) for claim, span in checked_claims if claim.support is Support.SUPPORTED]
        return Answer(
            question=draft.question,
            searched=draft.question,
            verdict=Verdict.ANSWERED if kept else Verdict.NOT_IN_DOCUMENTS,
            claims=tuple(replace(claim, citations=(n,)) for n, (claim, _) in enumerate(kept, start=1)),
            sources=tuple(span for _, span in kept),
            passages=tuple(_passage_of(ranked) for ranked in draft.hits),
            confidence=draft.confidence,
            threshold=self.gate.threshold,
            dropped=len(checked_claims) - len(kept),
            model=f"{MODEL}/{self.reranker.name}",
            generation=draft.generation,
            timings=_timed(draft.timings, "verify", started),
        )


def _claim_of(evidence: Evidence, text_of: Callable[[str], str | None]) -> tuple[Claim, Span]:
    stored = evidence.passage
    start, end = evidence.sentence.start, evidence.sentence.end
    quote = stored.text[start - stored.chunk.start : end - stored.chunk.start]
    span = Span(stored.document, start, end, quote, stored.chunk.heading)
    claim = Claim(quote, (1,), Support.UNSUPPORTED, evidence.score)
    return replace(claim, support=verify(claim, (span,), text_of)), span


def _passage_of(ranked: RankedHit) -> Passage:
    hit, chunk = ranked.hit, ranked.hit.passage.chunk
    return Passage(
        document=hit.passage.document,
        start=chunk.start,
        end=chunk.end,
        text=hit.passage.text,
        heading=chunk.heading,
        score=hit.score,
        dense=hit.dense,
        lexical=hit.lexical,
        rerank=ranked.score,
    )


def _timed(timings: dict[str, float], stage: str, started: float) -> dict[str, float]:
    return {**timings, stage: round(time.perf_counter() - started, 4)}
