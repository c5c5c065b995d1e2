"""How much of what an exact search finds does the view find: recall@k, on the user's own index."""

import numpy as np
from numpy.typing import NDArray

from index.encoding import Encoder, Vectors
from index.rows import Ids
from index.snapshot import Snapshot
from index.vectors import VectorView

QUESTIONS = 100
K = 10


def sentences(snapshot: Snapshot, count: int = QUESTIONS) -> list[str]:
    """Return sentences of the documents, one a chunk, of chunks that are evenly spread over the index."""
    found = []
    for stored in snapshot.chunks(snapshot.chunk_ids_evenly(count)):
        sentence = stored.chunk.sentences[len(stored.chunk.sentences) // 2]
        start = stored.chunk.start
        found.append(stored.text[sentence.start - start : sentence.end - start])
    return found


def exact(snapshot: Snapshot, queries: Vectors, k: int, among: Ids | None = None) -> NDArray[np.int64]:
    """Return the ids of the `k` nearest chunks for each row of `queries`, nearest first; -1 where there are fewer.

    Every vector of the store is compared, a thousand at a time.
    """
    ids = np.full((len(queries), k), -1, np.int64)
    cosines = np.full((len(queries), k), -np.inf, np.float32)
    for batch, vectors in snapshot.vectors_since(0):
        found = queries @ vectors.T
        if among is not None:
            found[:, ~np.isin(batch, among)] = -np.inf
        all_ids = np.hstack([ids, np.broadcast_to(batch, found.shape)])
        all_cosines = np.hstack([cosines, found])
        best = np.argsort(-all_cosines, axis=1, kind="stable")[:, :k]
        ids, cosines = np.take_along_axis(all_ids, best, 1), np.take_along_axis(all_cosines, best, 1)
    return np.where(np.isneginf(cosines), -1, ids)


def recall(snapshot: Snapshot, view: VectorView, queries: Vectors, k: int = K, among: Ids | None = None) -> float:
    """Return the share of the `k` nearest chunks that the view finds among its own `k`, over all queries."""
    wanted = [set(row[row >= 0].tolist()) for row in exact(snapshot, queries, k, among)]
    chosen = None if among is None else among.tolist()
    hits = sum(
        len(ids & {id_ for id_, _ in view.search(snapshot, query, k, chosen)})
        for ids, query in zip(wanted, queries, strict=True)
    )
    return hits / max(1, sum(map(len, wanted)))


def measured(snapshot: Snapshot, view: VectorView, encoder: Encoder) -> tuple[float, int]:
    """Return recall@10 of searches for sentences of the documents, and for how many."""
    asked = sentences(snapshot)
    return (recall(snapshot, view, encoder.encode(asked)) if asked else 1.0), len(asked)
