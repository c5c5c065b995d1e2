"""Question to Answer, as one LangChain runnable: rewrite | retrieve | rerank | read | gate | again | write | verify.

Every stage is a method that takes what the stage before returned (rag/stages.py), so a caller may stop after any of
them, or leave out one that returns what it takes: `rewrite`, `gate_draft`, `again` and `write`. The last does nothing
without a language model.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any

from index.filters import DocumentFilter
from index.interface import IndexStore
from index.languages import language_of, mostly_english
from index.search import Searcher
from rag import events
from rag.abstention import Gate, Judge
from rag.answer import Answer
from rag.clarifying import choices
from rag.composing import DEFAULT_LANGUAGE, composed
from rag.conversation import Turn, standalone
from rag.generation.checking import Checker, model_text
from rag.generation.failures import ModelCallError
from rag.kinds import Kind
from rag.question import checked
from rag.reading import Reading, read
from rag.reranking import Reranker
from rag.spelling import respelled
from rag.stages import Draft, Question, Ranked, Retrieved, Step, ranked_hits, timed, understood

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from rag.generation.writer import Writer

FIRST_SCORED = 3  # of the passages, before it is decided whether the others need be scored
CLOSEST = 2  # sentences that are shown where nothing answers
LIST_FACTOR = 3  # so many times more passages are looked at for a question for a list


class Chain:
    """The stages over one index. `k` is the number of passages that are reranked and shown.

    `foreign`, if there is one, judges in place of `reranker` and `gate` where the question or the passages are not in
    English, the one language that the cross-encoder reads. `writer` is the language model that writes answers; without
    one, an answer is sentences of the documents.
    """

    def __init__(
        self,
        searcher: Searcher,
        reranker: Reranker,
        gate: Gate,
        k: int,
        foreign: Judge | None = None,
        writer: "Writer | None" = None,
    ) -> None:
        self.searcher = searcher
        self.judge = Judge(reranker, gate)
        self.foreign = foreign
        self.writer = writer
        self.k = k

    def over(self, store: IndexStore) -> "Chain":
        """Return the same stages over another index. They share models, which know nothing of what they were asked.

        subtle: a reranker may remember scores, but of a question and a text together, so that the text is there anyway.
        """
        searcher = Searcher(store, self.searcher.encoder, self.searcher.rankings)
        return Chain(searcher, self.judge.reranker, self.judge.gate, self.k, self.foreign, self.writer)

    @property
    def stages(self) -> tuple[Callable[[Any], Any], ...]:
        """Return the stages in their order; each takes what the one before returns."""
        return (
            self.rewrite,
            self.retrieve,
            self.rerank,
            self.read,
            self.gate_draft,
            self.again,
            self.write,
            self.verify,
        )

    @cached_property
    def runnable(self) -> "Runnable[str | Question, Answer]":
        """Return the stages as a LangChain runnable. It is imported here, which takes longer than an answer."""
        from langchain_core.runnables import RunnableLambda, RunnableSequence

        return RunnableSequence(*map(RunnableLambda, self.stages))

    def invoke(self, question: str, history: Sequence[Turn] = (), where: DocumentFilter | None = None) -> Answer:
        """Answer a question, which may lean on the turns before it, from all documents or those that meet `where`.

        Raises QuestionError, FilterError if no document meets `where`, or an error of the index.
        """
        asked: Any = Question(question, tuple(history), where=where)
        answer: Answer = reduce(lambda given, stage: stage(given), self.stages, asked)
        return answer

    def stream(
        self, question: str, history: Sequence[Turn] = (), where: DocumentFilter | None = None
    ) -> Iterator[Step]:
        """Yield each step of an answer as soon as it is there; the last one has the answer. Raises as `invoke`."""
        asked = self.rewrite(Question(question, tuple(history), where=where))
        yield Step(asked.searched)
        ranked = self.rerank(self.retrieve(asked))
        yield Step(asked.searched, ranked.hits)
        draft = self.again(self.gate_draft(self.read(ranked)))
        searched = draft.question.searched
        for written in self.writing(draft):
            draft = written
            if draft.written and draft.written.claims:
                yield Step(searched, draft.hits, draft.written.claims, draft.written.sources)
        answer = self.verify(draft)
        yield Step(searched, draft.hits, answer.claims, answer.sources, answer)

    def rewrite(self, question: str | Question) -> Question:
        """Say what to search for: a follow-up is made to stand alone."""
        asked = Question(question) if isinstance(question, str) else question
        text = checked(asked.text)
        searched = standalone(text, asked.history)
        if self.writer and asked.history:
            searched = self._asked_of_model(replace(asked, text=text), searched)
        return understood(replace(asked, text=text, searched=searched))

    def retrieve(self, question: Question) -> Retrieved:
        """Search the index for passages: more of them for a list, and for each side of a comparison."""
        started = time.perf_counter()
        k = self.k * LIST_FACTOR if question.kind is Kind.LIST else self.k
        results = self.searcher.search(question.searched, k, where=question.where)
        found = {hit.passage.id: hit for hit in results.hits}
        for side in question.sides:
            for hit in self.searcher.search(side.question, max(1, self.k // 2), where=question.where).hits:
                found.setdefault(hit.passage.id, hit)
        return Retrieved(question, results.generation, tuple(found.values()), timed({}, "retrieve", started))

    def rerank(self, retrieved: Retrieved) -> Ranked:
        """Put the passages in the order of the reranker."""
        started = time.perf_counter()
        judge = self.judge_of(retrieved)
        asked = retrieved.question
        is_single = asked.kind not in (Kind.LIST, Kind.COMPARISON)
        hits = ranked_hits(asked.searched, retrieved.hits, judge.reranker, FIRST_SCORED if is_single else 0)
        return Ranked(asked, retrieved.generation, hits, judge, timed(retrieved.timings, "rerank", started))

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
        timings = timed(ranked.timings, "read", started)
        return Draft(asked, ranked.generation, reading.hits, ranked.judge, reading, open_choices, timings)

    def gate_draft(self, draft: Draft) -> Draft:
        """Take the evidence away if it is not good enough to answer from, or if it is open what was asked."""
        if not draft.judge.gate.passes(draft.reading.confidence):
            closest = tuple(sorted(draft.reading.evidence, key=lambda piece: -piece.score)[:CLOSEST])
            return replace(draft, reading=Reading((), draft.reading.confidence), choices=(), closest=closest)
        return replace(draft, reading=Reading((), draft.reading.confidence)) if draft.choices else draft

    def again(self, draft: Draft) -> Draft:
        """Search once more, if the gate was shut: as the documents spell it, or in a language model's other words."""
        asked = draft.question
        if draft.reading.evidence or draft.choices:
            return draft
        texts = (ranked.hit.passage.text for ranked in draft.hits)
        found = self._instead(draft, respelled(asked.searched, texts, self.searcher.encoder.count_tokens))
        if found is not draft or self.writer is None or asked.use.failure:
            return found
        return self._instead(draft, self._asked_of_model(asked, asked.searched, is_other=True))

    def write(self, draft: Draft) -> Draft:
        """Have the language model write the answer, if there is one and the gate is open."""
        for further in self.writing(draft):
            draft = further
        return draft

    def writing(self, draft: Draft) -> Iterator[Draft]:
        """Yield the draft with each further sentence of the language model, once that is checked."""
        asked, writer, started = draft.question, self.writer, time.perf_counter()
        if writer is None or not draft.reading.evidence or asked.use.failure:
            return
        checker = Checker(writer.name, draft.hits, keep_unsupported=writer.keep_unsupported)
        texts = [model_text(ranked.hit.passage) for ranked in draft.hits]
        language = language_of(asked.text) or DEFAULT_LANGUAGE
        try:
            for sentence in writer.write(asked.searched, language, texts, asked.history, asked.use):
                with self.searcher.store.snapshot() as snapshot:
                    is_kept = checker.add(sentence, snapshot)
                if is_kept:
                    yield replace(draft, written=checker.written(asked.use))
        except ModelCallError as error:
            asked.use.failure = str(error)
        timings = timed(draft.timings, "write", started)
        yield replace(draft, written=checker.written(asked.use), timings=timings)

    def verify(self, draft: Draft) -> Answer:
        """Check every sentence against the store; keep what is supported, count what is not."""
        started = time.perf_counter()
        with self.searcher.store.snapshot() as snapshot:
            answer = composed(draft, snapshot, self.writer.name if self.writer else "")
        answer = replace(answer, timings=timed(draft.timings, "verify", started))
        events.answered(answer)
        return answer

    def _instead(self, draft: Draft, searched: str) -> Draft:
        """Return the draft for another question if the gate opens for that, else `draft`."""
        if searched == draft.question.searched:
            return draft
        asked = understood(replace(draft.question, searched=searched))
        found = self.gate_draft(self.read(self.rerank(self.retrieve(asked))))
        return found if found.reading.evidence else draft

    def _asked_of_model(self, asked: Question, otherwise: str, *, is_other: bool = False) -> str:
        """Return what the language model would search for, or `otherwise` if it fails or gives nothing usable."""
        assert self.writer is not None
        try:
            return self.writer.rewrite(asked.text, asked.history, asked.use, is_other=is_other) or otherwise
        except ModelCallError as error:
            asked.use.failure = str(error)
            return otherwise
