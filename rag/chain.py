"""Question to Answer, as one LangChain runnable: rewrite | retrieve | rerank | read | gate | verify.

Every stage is a method that takes what the stage before returned, so a caller may stop after any of them, or leave out
one that returns what it takes: `rewrite` and `gate`.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from langchain_core.runnables import Runnable, RunnableLambda

from index.filters import DocumentFilter
from index.languages import language_of, mostly_english
from index.search import Hit, Searcher
from rag.abstention import Gate, Judge
from rag.answer import Answer, Verdict
from rag.candidates import RankedHit
from rag.clarifying import choices
from rag.comparison import Side, sides
from rag.conversation import Turn, standalone
from rag.kinds import Kind, kind_of
from rag.question import checked
from rag.reading import Reading, read
from rag.reranking import Reranker
from rag.verification import conflicts_of, passage_of, verified

MODEL = "extractive"
DEFAULT_LANGUAGE = "en"
FIRST_SCORED = 3  # of the passages, before it is decided whether the others need be scored
LIST_FACTOR = 3  # so many times more passages are looked at for a question for a list


@dataclass(frozen=True)
class Question:
    """A question, the turns before it (oldest first), what is searched for, and what kind of answer it wants.

    `sides` are those of a comparison; `where` says which documents are searched, all if it is None.
    """

    text: str
    history: tuple[Turn, ...] = ()
    searched: str = ""
    kind: Kind = Kind.OTHER
    sides: tuple[Side, ...] = ()
    where: DocumentFilter | None = None

    def __post_init__(self) -> None:
        if not self.searched:
            object.__setattr__(self, "searched", self.text)


@dataclass(frozen=True)
class Retrieved:
    """What the search found; `timings` are seconds by stage so far."""

    question: Question
    generation: int
    hits: tuple[Hit, ...]
    timings: dict[str, float]


@dataclass(frozen=True)
class Ranked:
    """The same hits with the scores of the judge's reranker, best first."""

    question: Question
    generation: int
    hits: tuple[RankedHit, ...]
    judge: Judge
    timings: dict[str, float]


@dataclass(frozen=True)
class Draft:
    """What the reader chose, not verified yet, or the choices that the question leaves open.

    No evidence is left once it has come to a gate that is shut.
    """

    question: Question
    generation: int
    hits: tuple[RankedHit, ...]
    judge: Judge
    reading: Reading
    choices: tuple[str, ...]
    timings: dict[str, float]


class Chain:
    """The stages over one index. `k` is the number of passages that are reranked and shown.

    `foreign`, if there is one, judges in place of `reranker` and `gate` where the question or the passages are not in
    English, the one language that the cross-encoder reads.
    """

    def __init__(
        self, searcher: Searcher, reranker: Reranker, gate: Gate, k: int, foreign: Judge | None = None
    ) -> None:
        self.searcher = searcher
        self.judge = Judge(reranker, gate)
        self.foreign = foreign
        self.k = k
        self.runnable: Runnable[str | Question, Answer] = (
            RunnableLambda(self.rewrite)
            | RunnableLambda(self.retrieve)
            | RunnableLambda(self.rerank)
            | RunnableLambda(self.read)
            | RunnableLambda(self.gate_draft)
            | RunnableLambda(self.verify)
        )

    def invoke(self, question: str, history: Sequence[Turn] = (), where: DocumentFilter | None = None) -> Answer:
        """Answer a question, which may lean on the turns before it, from all documents or those that meet `where`.

        Raises QuestionError, FilterError if no document meets `where`, or an error of the index.
        """
        return self.runnable.invoke(Question(question, tuple(history), where=where))

    def rewrite(self, question: str | Question) -> Question:
        """Say what to search for: a follow-up is made to stand alone."""
        asked = Question(question) if isinstance(question, str) else question
        text = checked(asked.text)
        return understood(replace(asked, text=text, searched=standalone(text, asked.history)))

    def retrieve(self, question: Question) -> Retrieved:
        """Search the index for passages: more of them for a list, and for each side of a comparison."""
        started = time.perf_counter()
        k = self.k * LIST_FACTOR if question.kind is Kind.LIST else self.k
        results = self.searcher.search(question.searched, k, where=question.where)
        found = {hit.passage.id: hit for hit in results.hits}
        for side in question.sides:
            for hit in self.searcher.search(side.question, max(1, self.k // 2), where=question.where).hits:
                found.setdefault(hit.passage.id, hit)
        return Retrieved(question, results.generation, tuple(found.values()), _timed({}, "retrieve", started))

    def rerank(self, retrieved: Retrieved) -> Ranked:
        """Put the passages in the order of the reranker."""
        started = time.perf_counter()
        judge = self.judge_of(retrieved)
        asked = retrieved.question
        is_single = asked.kind not in (Kind.LIST, Kind.COMPARISON)
        hits = ranked_hits(asked.searched, retrieved.hits, judge.reranker, FIRST_SCORED if is_single else 0)
        return Ranked(asked, retrieved.generation, hits, judge, _timed(retrieved.timings, "rerank", started))

    def judge_of(self, retrieved: Retrieved) -> Judge:
        """Return who judges: the foreign one, if there is one, unless question and passages are in English."""
        if self.foreign is None:
            return self.judge
        is_english = language_of(retrieved.question.searched) in (None, "en")
        return self.judge if is_english and mostly_english(h.passage.text for h in retrieved.hits) else self.foreign

    def read(self, ranked: Ranked) -> Draft:
        """Choose the sentences that answer."""
        started = time.perf_counter()
        asked, reranker = ranked.question, ranked.judge.reranker
        reading = read(asked.searched, asked.kind, ranked.hits, reranker, asked.sides)
        open_choices = choices(asked.searched, asked.history, ranked.hits, reranker.scale)
        timings = _timed(ranked.timings, "read", started)
        return Draft(asked, ranked.generation, ranked.hits, ranked.judge, reading, open_choices, timings)

    def gate_draft(self, draft: Draft) -> Draft:
        """Take the evidence away if it is not good enough to answer from, or if it is open what was asked."""
        if not draft.judge.gate.passes(draft.reading.confidence):
            return replace(draft, reading=Reading((), draft.reading.confidence), choices=())
        return replace(draft, reading=Reading((), draft.reading.confidence)) if draft.choices else draft

    def verify(self, draft: Draft) -> Answer:
        """Check every sentence against the store; keep what is supported, count what is not."""
        started = time.perf_counter()
        asked, reading = draft.question, draft.reading
        with self.searcher.store.snapshot() as snapshot:
            kept = verified(asked.searched, asked.kind, reading.evidence, snapshot)
            passages = tuple(passage_of(ranked, snapshot) for ranked in draft.hits)
        verdict = Verdict.ANSWERED if kept else Verdict.NOT_IN_DOCUMENTS
        return Answer(
            question=asked.text,
            searched=asked.searched,
            language=language_of(asked.text) or DEFAULT_LANGUAGE,
            kind=asked.kind,
            verdict=Verdict.UNDERSPECIFIED if draft.choices and not kept else verdict,
            claims=tuple(replace(claim, citations=(n,)) for n, (claim, _) in enumerate(kept.values(), start=1)),
            sources=tuple(span for _, span in kept.values()),
            conflicts=conflicts_of(reading, list(kept)),
            choices=() if kept else draft.choices,
            where=asked.where.text if asked.where else "",
            passages=passages,
            confidence=reading.confidence,
            threshold=draft.judge.gate.threshold,
            dropped=len(reading.evidence) - len(kept),
            model=f"{MODEL}/{draft.judge.reranker.name}",
            generation=draft.generation,
            timings=_timed(draft.timings, "verify", started),
        )


def ranked_hits(question: str, hits: Sequence[Hit], reranker: Reranker, first: int) -> tuple[RankedHit, ...]:
    """Return the hits by their scores, best first.

    The `first` are scored first; if one of them is clear, the others are not scored, and stay in their order.
    """
    scores = [-math.inf] * len(hits)
    for part in (range(min(first, len(hits))), range(min(first, len(hits)), len(hits))):
        if part and max(scores, default=-math.inf) < reranker.clear:
            found = reranker.score(question, [hits[i].passage.text for i in part])
            for i, score in zip(part, found, strict=True):
                scores[i] = float(score)
    return tuple(sorted(map(RankedHit, hits, scores), key=lambda ranked: -ranked.score))


def understood(question: Question) -> Question:
    """Say what kind of answer is wanted, and what a comparison is between."""
    kind = kind_of(question.searched)
    return replace(question, kind=kind, sides=sides(question.searched) if kind is Kind.COMPARISON else ())


def _timed(timings: dict[str, float], stage: str, started: float) -> dict[str, float]:
    return {**timings, stage: round(time.perf_counter() - started, 4)}
