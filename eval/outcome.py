"""What became of one question: the answer, what the answer would have been without the gate, the ranking, the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from eval.suite import Place, Suite, SuiteQuestion
from rag.answer import Answer, Span, Verdict

MAX_ANSWER_WORDS = 12


@dataclass(frozen=True)
class Asked:
    """What a system did with a question.

    `ranking` are the passages it found, best first; `ungated` is what it would have cited with the gate open; `error`
    is the message of the error that it stopped with, and then there is no answer.
    """

    qid: str
    answer: Answer | None
    ungated: tuple[Span, ...] = ()
    ranking: tuple[Place, ...] = ()
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True)
class Outcome:
    """A question of a suite and what a system did with it. Documents in it are named by their ids in the suite."""

    suite: Suite
    question: SuiteQuestion
    asked: Asked

    @property
    def answer(self) -> Answer | None:
        """Return the answer, or None after an error."""
        return self.asked.answer

    @property
    def refused(self) -> bool:
        """Say whether it was answered with "not in the documents". An error is no refusal."""
        return self.answer is not None and self.answer.verdict is Verdict.NOT_IN_DOCUMENTS

    @property
    def sources(self) -> tuple[Span, ...]:
        """Return what is cited."""
        return self.answer.sources if self.answer else ()

    @property
    def has_gold(self) -> bool:
        """Say whether it is known where or what the answer is."""
        question = self.question
        return question.answerable and bool(question.gold or self.findable_answers or question.gold_doc_ids)

    @property
    def findable_answers(self) -> list[str]:
        """Return the gold answers that a document may hold word for word; a longer one was written by somebody."""
        return [answer for answer in self.question.answers if len(answer.split()) <= MAX_ANSWER_WORDS]

    @cached_property
    def gold_sentences(self) -> set[tuple[str, int]]:
        """Return the sentences that a gold span touches, as (document, start)."""
        return {sentence for gold in self.question.gold_spans for sentence in self.sentences_at(gold)}

    def sentences_at(self, place: Place) -> set[tuple[str, int]]:
        """Return the sentences of the document that a stretch of it touches, as (document, start)."""
        sentences = self.suite.documents[place.doc_id].sentences
        return {(place.doc_id, start) for start, end in sentences if start < place.end and place.start < end}

    def joined(self, places: Sequence[Place]) -> list[Place]:
        """Return the places with those made one that overlap, or have only white space between them."""
        found: list[Place] = []
        for place in sorted(places, key=lambda p: (p.doc_id, p.start)):
            last = found[-1] if found else None
            text = self.suite.documents[place.doc_id].text
            if last and last.doc_id == place.doc_id and not text[last.end : place.start].strip():
                found[-1] = Place(last.doc_id, last.start, max(last.end, place.end))
            else:
                found.append(place)
        return found
