"""Put a suite's questions to simpler pipelines, so that the table shows what our stages add.

    python benchmarks/pipelines.py [SUITE]

- `langchain-faiss`: plain LangChain + FAISS with the same encoder (benchmarks/plain_langchain.py): 1,000-character
  chunks by the recursive splitter, ranked by cosine similarity; the best chunk is the answer.
- `bm25-first-sentence`: BM25 over our chunks; the first sentence of the best one is the answer.

Neither refuses, reranks or reads: that is how such pipelines are without a language model. Without SUITE the bundled
questions are asked. The same measures as `rag eval`, over the same documents.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import faiss
import numpy as np
from plain_langchain import CHUNK_OVERLAP, CHUNK_SIZE, MiniLMEmbeddings

from eval.formats import read_suite
from eval.measures import MEASURES
from eval.outcome import Asked
from eval.preparing import prepare_suite, read_bundled
from eval.report import make_report
from eval.run import run
from eval.stages import ALWAYS_OPEN, open_ablated
from eval.suite import Place, Suite, SuiteQuestion
from eval.systems import DEPTH, ChainSystem, System
from index.search import Hit, Searcher
from rag.answer import Answer, Claim, Span, Support, Verdict
from rag.assemble import open_searcher
from rag.settings import Settings

SHOWN = ("recall@1", "recall@10", "ndcg@10", "contains", "citation_precision", "citation_f1", "abstention_f1", "auc")


class PlainLangChain:
    """Top chunks by cosine similarity; the best chunk, whole, is the answer."""

    name = "langchain-faiss"

    def __init__(self, suite: Suite) -> None:
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        splitter = RecursiveCharacterTextSplitter(
            chunk_size=CHUNK_SIZE, chunk_overlap=CHUNK_OVERLAP, add_start_index=True, strip_whitespace=False
        )
        self.embeddings = MiniLMEmbeddings()
        self.texts: list[str] = []
        self.places: list[Place] = []
        for doc_id, document in suite.documents.items():
            for chunk in splitter.create_documents([document.text]):
                start = chunk.metadata["start_index"]
                self.texts.append(chunk.page_content)
                self.places.append(Place(doc_id, start, start + len(chunk.page_content)))
        vectors = np.array(self.embeddings.embed_documents(self.texts), np.float32)
        self.index = faiss.IndexFlatIP(vectors.shape[1])
        self.index.add(vectors)

    def ask(self, question: SuiteQuestion) -> Asked:
        """Return the nearest chunks."""
        started = time.perf_counter()
        vector = np.array([self.embeddings.embed_query(question.question)], np.float32)
        scores, ids = self.index.search(vector, min(DEPTH, len(self.texts)))
        seconds = time.perf_counter() - started
        found = [(self.places[i], self.texts[i]) for i in ids[0]]
        return answered(question, found[:1], [place for place, _ in found], float(scores[0][0]), seconds)


class BM25FirstSentence:
    """The best chunk by BM25; its first sentence is the answer."""

    name = "bm25-first-sentence"

    def __init__(self, searcher: Searcher, ids: Mapping[str, str]) -> None:
        self.searcher = searcher
        self.searcher.rankings = frozenset({"lexical"})
        self.ids = ids

    def ask(self, question: SuiteQuestion) -> Asked:
        """Return the best chunks."""
        started = time.perf_counter()
        hits = self.searcher.search(question.question, DEPTH).hits
        seconds = time.perf_counter() - started
        best = list(self._first_sentence(hits))
        score = hits[0].lexical or 0.0 if hits else None
        return answered(question, best, [self._place(hit) for hit in hits], score, seconds)

    def _place(self, hit: Hit) -> Place:
        return Place(self.ids[hit.passage.document], hit.passage.chunk.start, hit.passage.chunk.end)

    def _first_sentence(self, hits: Sequence[Hit]) -> Iterator[tuple[Place, str]]:
        for hit in hits[:1]:
            passage = hit.passage
            first = next((s for s in passage.chunk.sentences if not s.is_heading), passage.chunk.sentences[0])
            quote = passage.text[first.start - passage.chunk.start : first.end - passage.chunk.start]
            yield Place(self.ids[passage.document], first.start, first.end), quote


def answered(
    question: SuiteQuestion,
    cited: Sequence[tuple[Place, str]],
    ranking: Sequence[Place],
    score: float | None,
    seconds: float,
) -> Asked:
    """Return what became of a question as an Answer of ours would show it."""
    sources = tuple(Span(place.doc_id, place.start, place.end, text, ()) for place, text in cited)
    answer = Answer(
        question=question.question,
        searched=question.question,
        language="en",
        verdict=Verdict.ANSWERED if sources else Verdict.NOT_IN_DOCUMENTS,
        claims=tuple(Claim(s.quote, (n,), Support.SUPPORTED, score or 0.0) for n, s in enumerate(sources, start=1)),
        sources=sources,
        passages=(),
        confidence=score,
        threshold=ALWAYS_OPEN,
        dropped=0,
        model="peer",
        generation=0,
    )
    return Asked(question.qid, answer, sources, tuple(ranking), seconds)


def main() -> None:
    """Run the pipelines and print their measures side by side."""
    parser = argparse.ArgumentParser(description="Simpler pipelines on the same questions.")
    parser.add_argument("suite", type=Path, nargs="?")
    options = parser.parse_args()
    settings = Settings.from_environment()
    prepared = prepare_suite(read_suite(options.suite) if options.suite else read_bundled(), settings)
    systems: dict[str, System] = {
        PlainLangChain.name: PlainLangChain(prepared.suite),
        BM25FirstSentence.name: BM25FirstSentence(open_searcher(prepared.settings), prepared.ids),
        "checkable-rag": ChainSystem(open_ablated(prepared.settings, frozenset()), prepared.ids),
    }
    measures = [MEASURES[name] for name in SHOWN]
    print(f"{'system':<22}" + "".join(f"{name:>20}" for name in SHOWN))
    for name, system in systems.items():
        outcomes = run(prepared.suite, system)
        report = make_report(outcomes, settings, frozenset(), measures, system=name)
        values = [report["measures"][shown] for shown in SHOWN]
        print(f"{name:<22}" + "".join(f"{value['value'] if value else float('nan'):>20.3f}" for value in values))


if __name__ == "__main__":
    sys.exit(main())
