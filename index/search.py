"""Find the chunks for a question: nearest vectors and best BM25, fused by rank."""

import threading
from dataclasses import dataclass

from index.encoding import Encoder, Vectors
from index.errors import FilterError, IndexIncompatibleError, IndexMovedError
from index.filters import DocumentFilter, Term
from index.interface import IndexStore, Rankings
from index.reading import IndexSnapshot
from index.records import StoredChunk

DEPTH = 50
RRF_K = 60
RANKINGS = frozenset({"dense", "lexical"})
KEPT_IDS = 1_000_000  # of chunks that filters let through; 40 MB
KEPT_FILTERS = 100


@dataclass(frozen=True)
class Hit:
    """A chunk that was found, with its fused score, and its score in each list it was found in."""

    passage: StoredChunk
    score: float
    dense: float | None
    lexical: float | None

    def to_dict(self) -> dict[str, object]:
        """Return plain values, ready for JSON."""
        chunk = self.passage.chunk
        return {
            "document": self.passage.document,
            "start": chunk.start,
            "end": chunk.end,
            "heading": list(chunk.heading),
            "text": self.passage.text,
            "score": self.score,
            "dense": self.dense,
            "lexical": self.lexical,
        }


@dataclass(frozen=True)
class Results:
    """The hits for a question, best first, and the generation of the index they are from."""

    generation: int
    hits: list[Hit]


class Searcher:
    """Search an index. Keeps the rankings open and renews them when the index has a new generation. Thread-safe.

    `rankings` names those that are fused, of "dense" and "lexical".
    """

    def __init__(self, store: IndexStore, encoder: Encoder, rankings: frozenset[str] = RANKINGS) -> None:
        self.store = store
        self.encoder = encoder
        self.rankings = rankings
        self._open: tuple[str, Rankings] | None = None  # the commit, and what it is searched with
        self._filtered = Filtered()
        self._lock = threading.Lock()

    def search(self, question: str, k: int, depth: int = DEPTH, where: DocumentFilter | None = None) -> Results:
        """Return up to `k` hits, best first, from the `depth` best of each list, of documents that meet `where`.

        Of files with the same content, the one that was indexed first is found. Raises FilterError if no document meets
        `where`.
        """
        vector = self.encoder.encode([question])[0]
        try:
            return self._search(question, vector, k, depth, where)
        except IndexMovedError:
            return self._search(question, vector, k, depth, where)  # once more, in the version that took its place

    def _search(self, question: str, vector: Vectors, k: int, depth: int, where: DocumentFilter | None) -> Results:
        with self.store.snapshot() as snapshot:
            rankings = self._current(snapshot)
            among = self._filtered.ids(snapshot, where) if where and where.terms else None
            if among is not None and not among:
                raise FilterError("no document meets the filter: `rag status` says how many there are")
            dense = dict(rankings.dense(snapshot, vector, depth, among)) if "dense" in self.rankings else {}
            lexical = dict(rankings.lexical(question, depth, among)) if "lexical" in self.rankings else {}
            fused = reciprocal_rank_fusion([list(dense), list(lexical)])
            copies = snapshot.copies_among([id_ for id_, _ in fused])
            scores = dict([(id_, score) for id_, score in fused if id_ not in copies][:k])
            chunks = snapshot.chunks(list(scores))
            hits = [Hit(c, scores[c.id], dense.get(c.id), lexical.get(c.id)) for c in chunks]
            return Results(snapshot.generation, hits)

    def _current(self, snapshot: IndexSnapshot) -> Rankings:
        with self._lock:
            if self._open is None or self._open[0] != snapshot.commit:
                if snapshot.meta.encoder != self.encoder.identity:
                    raise IndexIncompatibleError(
                        f"the index was made with the encoder {snapshot.meta.encoder}, questions are encoded with"
                        f" {self.encoder.identity}: set RAG_ENCODER, or run `rag index FOLDER --rebuild`"
                    )
                self._open = (snapshot.commit, self.store.rankings(snapshot))
            return self._open[1]


class Filtered:
    """The chunks of the documents that meet a filter, kept for the next question with it. Thread-safe.

    To look at every document takes half a second among 10,000.
    """

    def __init__(self, size: int = KEPT_IDS) -> None:
        self._size = size
        self._kept: dict[tuple[str, tuple[Term, ...]], list[int]] = {}  # by commit and filter, the last used at the end
        self._lock = threading.Lock()

    def ids(self, snapshot: IndexSnapshot, where: DocumentFilter) -> list[int]:
        """Return the ids of the chunks, of the snapshot's generation."""
        asked = (snapshot.commit, where.terms)
        with self._lock:
            found = self._kept.pop(asked, None)
        if found is None:
            found = snapshot.chunk_ids(where.matches)
        with self._lock:
            self._kept[asked] = found
            while len(self._kept) > KEPT_FILTERS or sum(map(len, self._kept.values())) > self._size:
                del self._kept[next(iter(self._kept))]
        return found


def reciprocal_rank_fusion(rankings: list[list[int]], k: int = RRF_K) -> list[tuple[int, float]]:
    """Fuse rankings of ids: score = sum of 1 / (k + rank), rank from 1 (Cormack, Clarke and Buettcher 2009, SIGIR).

    Example with k = 60: [[7, 8], [8]] -> 8 with 1/62 + 1/61, then 7 with 1/61. Equal scores keep the order in which
    the ids first appear.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, id_ in enumerate(ranking, start=1):
            scores[id_] = scores.get(id_, 0.0) + 1 / (k + rank)
    return sorted(scores.items(), key=lambda item: -item[1])
