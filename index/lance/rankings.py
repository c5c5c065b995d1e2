"""Search one version of the table: nearest vectors, and BM25 over the same words as the local index."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from index.encoding import Vectors
from index.lance.indexing import PROBED, approved
from index.lance.table import one_of
from index.reading import IndexSnapshot
from index.words import ANALYZERS, WEIGHTS, searchable

if TYPE_CHECKING:
    from lance import LanceDataset


class LanceRankings:
    """What a generation is searched with. Rows that no index covers yet are compared one by one by Lance itself."""

    def __init__(self, dataset: "LanceDataset") -> None:
        self._dataset = dataset
        self._is_indexed = approved(dataset)

    def dense(
        self, snapshot: IndexSnapshot, vector: Vectors, k: int, among: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """Return up to `k` (chunk id, cosine similarity) for a vector of shape (dimension,), best first."""
        return nearest(self._dataset, vector, k, among, use_index=self._is_indexed)

    def lexical(self, question: str, k: int, among: Collection[int] | None = None) -> list[tuple[int, float]]:
        """Return up to `k` (chunk id, BM25 score), best first.

        A chunk's score is the sum over the columns. Lance adds columns up by scoring every chunk that matches, which
        takes a quarter of a second where one column's best take 9 ms. So each column's best are asked for, and what a
        chunk has in the other column; what is in neither list cannot have more than the last of both together. If that
        could be among the `k` best, more are asked for (threshold algorithm: Fagin, Lotem and Naor 2003, section 4).
        """
        text = searchable(question)
        # A word that is asked for twice counts once, as in the local index.
        words = {column: " ".join(dict.fromkeys(ANALYZERS[column].analyze(text))) for column in WEIGHTS}
        if k < 1 or not all(words.values()) or (among is not None and not among):
            return []
        size = 2 * k
        while True:
            best = {column: self._words(words[column], column, size, among) for column in WEIGHTS}
            beyond = sum(WEIGHTS[c] * min(found.values()) for c, found in best.items() if len(found) == size)
            seen = set().union(*best.values())
            for column, found in best.items():
                if others := seen - found.keys():
                    found |= self._words(words[column], column, len(others), others)
            scored = [(id_, sum(WEIGHTS[c] * found.get(id_, 0.0) for c, found in best.items())) for id_ in seen]
            ranked = sorted(scored, key=lambda hit: (-hit[1], hit[0]))[:k]
            if not beyond or (len(ranked) == k and ranked[-1][1] >= beyond):
                return ranked
            size *= 4

    def _words(self, words: str, column: str, k: int, among: Collection[int] | None) -> dict[int, float]:
        from lance.query import MatchQuery

        return dict(_found(self._dataset, "_score", k, among, full_text_query=MatchQuery(words, column)))


def nearest(
    dataset: "LanceDataset", vector: Vectors, k: int, among: Collection[int] | None = None, *, use_index: bool
) -> list[tuple[int, float]]:
    """Return up to `k` (chunk id, cosine similarity), best first; without the index every vector is compared."""
    if k < 1 or (among is not None and not among):
        return []
    # What the index finds is compared once more with the vectors themselves (refine_factor), as in the local one.
    asked = {"column": "vector", "q": vector, "k": k, "metric": "dot", "use_index": use_index}
    if use_index:
        asked |= {"nprobes": PROBED, "refine_factor": 1}
    found = _found(dataset, "_distance", k, among, nearest=asked)
    # Lance's distance is 1 - similarity; rounding may take it a little over 1.
    return [(id_, min(1.0, 1 - distance)) for id_, distance in found]


def _found(
    dataset: "LanceDataset", measure: str, k: int, among: Collection[int] | None, **search: Any
) -> list[tuple[int, float]]:
    table = dataset.to_table(
        columns=["id", measure],
        filter=None if among is None else one_of("id", among),  # only chunks have vectors and words
        prefilter=True,
        limit=k,
        **search,
    )
    found = zip(table["id"].to_pylist(), table[measure].to_pylist(), strict=True)
    # Equal ones are in the order of their ids, so that the same search has the same result.
    return sorted(found, key=lambda hit: (hit[1] if measure == "_distance" else -hit[1], hit[0]))
