"""What one stage of the chain hands to the next. Pure data, and what a stage computes without the index or a model."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from index.filters import DocumentFilter
from index.search import Hit
from rag.abstention import Judge
from rag.answer import Answer, Claim, Span, Writing
from rag.candidates import RankedHit
from rag.comparison import Side, sides
from rag.conversation import Turn
from rag.kinds import Kind, kind_of
from rag.reading import Evidence, Reading
from rag.reranking import Reranker
from rag.titles import titled


@dataclass
class ModelUse:
    """What the calls of a language model for one answer took, and why they failed, if they did.

    Tokens are as the provider counts them, cost is in US dollars; None where it does not say.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    failure: str = ""


@dataclass(frozen=True)
class Question:
    """A question, the turns before it (oldest first), what is searched for, and what kind of answer it wants.

    `sides` are those of a comparison; `where` says which documents are searched, all if it is None. `use` is filled in
    by every call of a language model for this question.
    """

    text: str
    history: tuple[Turn, ...] = ()
    searched: str = ""
    kind: Kind = Kind.OTHER
    sides: tuple[Side, ...] = ()
    where: DocumentFilter | None = None
    use: ModelUse = field(default_factory=ModelUse, compare=False)

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

    Once it has come to a gate that is shut, no evidence is left in `reading`; `closest` is the best of it. `written` is
    what a language model has written so far.
    """

    question: Question
    generation: int
    hits: tuple[RankedHit, ...]
    judge: Judge
    reading: Reading
    choices: tuple[str, ...]
    timings: dict[str, float]
    written: "Written | None" = None
    closest: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Written:
    """The checked sentences of a language model with their sources, and the record of all that it wrote."""

    claims: tuple[Claim, ...]
    sources: tuple[Span, ...]
    record: Writing


@dataclass(frozen=True)
class Step:
    """How far an answer has come: what is searched for, the passages, each checked sentence, then the answer."""

    searched: str
    hits: tuple[RankedHit, ...] = ()
    claims: tuple[Claim, ...] = ()
    sources: tuple[Span, ...] = ()
    answer: Answer | None = None


def ranked_hits(question: str, hits: Sequence[Hit], reranker: Reranker, first: int) -> tuple[RankedHit, ...]:
    """Return the hits by their scores, best first.

    The `first` are scored first; if one of them is clear, the others are not scored, and stay in their order.
    """
    scores = [-math.inf] * len(hits)
    for part in (range(min(first, len(hits))), range(min(first, len(hits)), len(hits))):
        if part and max(scores, default=-math.inf) < reranker.clear:
            found = reranker.score(question, [titled(hits[i].passage) for i in part])
            for i, score in zip(part, found, strict=True):
                scores[i] = float(score)
    return tuple(sorted(map(RankedHit, hits, scores), key=lambda ranked: -ranked.score))


def understood(question: Question) -> Question:
    """Say what kind of answer is wanted, and what a comparison is between."""
    kind = kind_of(question.searched)
    return replace(question, kind=kind, sides=sides(question.searched) if kind is Kind.COMPARISON else ())


def timed(timings: dict[str, float], stage: str, started: float) -> dict[str, float]:
    """Return the seconds by stage with those of one more."""
    return {**timings, stage: round(time.perf_counter() - started, 4)}
