"""Print what the search alone reaches on suites, without reranking or reading: minutes where `rag eval` takes an hour.

    RAG_ENCODER=multilingual-e5-small python scripts/search_recall.py SUITE [--questions FILE]

The follow-ups of a suite are made to stand alone, as the chain does; each measure with its 95 % interval.
"""

import argparse
from pathlib import Path

from eval.formats import read_suite
from eval.measures import estimate, measure_named
from eval.outcome import Asked, Outcome
from eval.preparing import prepare_suite
from eval.suite import Place
from rag.assemble import open_searcher
from rag.conversation import standalone
from rag.settings import Settings

DEPTH = 50  # passages, as in `rag eval`: several may be of one document
MEASURES = ("recall@1", "recall@10", "ndcg@10")


def main() -> None:
    """Index the suite, unless it is in the cache, and put its questions to the search."""
    parser = argparse.ArgumentParser(description="Measure the search alone.")
    parser.add_argument("suite", type=Path)
    parser.add_argument("--questions", type=Path, help="another question file than the suite's own")
    given = parser.parse_args()
    settings = Settings.from_environment()
    prepared = prepare_suite(read_suite(given.suite, given.questions), settings)
    searcher = open_searcher(prepared.settings)
    outcomes = []
    for question in prepared.suite.questions:
        hits = searcher.search(standalone(question.question, question.history), DEPTH).hits
        chunks = [(prepared.ids[hit.passage.document], hit.passage.chunk) for hit in hits]
        ranking = tuple(dict.fromkeys(Place(doc_id, chunk.start, chunk.end) for doc_id, chunk in chunks))
        outcomes.append(Outcome(prepared.suite, question, Asked(question.qid, None, ranking=ranking)))
    print(f"{given.questions or given.suite}, encoder {settings.encoder}")
    for name in MEASURES:
        measure = measure_named(name)
        found = estimate(measure, [row for outcome in outcomes if (row := measure.row(outcome)) is not None])
        if found:
            print(f"{name:<10} {found.value:.3f} ({found.low:.2f}-{found.high:.2f}), {found.n} questions")


if __name__ == "__main__":
    main()
