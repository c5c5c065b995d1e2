"""What is evaluated: something that takes a question of a suite and says what became of it."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from eval.outcome import Asked
from eval.suite import Place, SuiteQuestion
from index.search import Hit
from rag.answer import Answer
from rag.chain import Chain
from rag.stages import Question, Retrieved

DEPTH = 50  # passages ranked behind those that were reranked, so that recall@10 of documents can be told


class System(Protocol):
    """A pipeline from a question to an answer with sources."""

    def ask(self, question: SuiteQuestion) -> Asked:
        """Return what became of the question; documents are named by their ids in the suite."""


class ChainSystem:
    """The users' chain, stage by stage, so that what the gate held back is known, too.

    `ids` gives a document's id in the suite by its name in the index. With `given_candidates` a question's own
    candidate documents stand in for the search.
    """

    def __init__(self, chain: Chain, ids: Mapping[str, str], *, given_candidates: bool = False) -> None:
        self.chain = chain
        self.ids = ids
        self.names = {doc_id: name for name, doc_id in ids.items()}
        self.given_candidates = given_candidates

    def ask(self, question: SuiteQuestion) -> Asked:
        """Ask the chain. The search for the longer ranking and the ungated answer are not timed."""
        chain = self.chain
        started = time.perf_counter()
        asked = chain.rewrite(Question(question.question, question.history))
        retrieved = self._candidates(asked, question) if self.given_candidates else chain.retrieve(asked)
        draft = chain.read(chain.rerank(retrieved))
        answer = chain.verify(chain.write(chain.again(chain.gate_draft(draft))))
        seconds = time.perf_counter() - started
        ungated = chain.verify(draft)
        hits = [ranked.hit for ranked in draft.hits]
        if not self.given_candidates:
            hits += chain.searcher.search(asked.searched, DEPTH).hits
        return Asked(
            question.qid,
            self._renamed(answer),
            self._renamed(ungated).sources,
            tuple(dict.fromkeys(self._place(hit) for hit in hits)),
            seconds,
        )

    def _candidates(self, asked: Question, question: SuiteQuestion) -> Retrieved:
        """Return all chunks of the question's candidate documents as if a search had found them."""
        with self.chain.searcher.store.snapshot() as snapshot:
            ids = {record.name: record.id for record in snapshot.documents()}
            chunks = [c for doc_id in question.candidates for c in snapshot.chunks_of(ids[self.names[doc_id]])]
            hits = tuple(Hit(stored, 0.0, None, None) for stored in chunks)
            return Retrieved(asked, snapshot.generation, hits, {})

    def _place(self, hit: Hit) -> Place:
        chunk = hit.passage.chunk
        return Place(self.ids.get(hit.passage.document, hit.passage.document), chunk.start, chunk.end)

    def _renamed(self, answer: Answer) -> Answer:
        return replace(
            answer,
            sources=tuple(replace(s, document=self.ids.get(s.document, s.document)) for s in answer.sources),
            passages=tuple(replace(p, document=self.ids.get(p.document, p.document)) for p in answer.passages),
        )
