"""Bring both views on disk in step with the store, and open them for a search."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from index.encoding import Vectors
from index.lexical import LexicalView
from index.reading import IndexSnapshot
from index.snapshot import Snapshot
from index.vectors import VectorView
from index.views import Viewed, open_view, update_view


@dataclass(frozen=True)
class Views:
    """Both views of one generation: the rankings of a local index."""

    vectors: VectorView
    words: LexicalView

    @classmethod
    def open(cls, store: Viewed, snapshot: Snapshot) -> "Views":
        """Return the views of this snapshot's generation, mended on disk or made in memory if need be."""
        return cls(open_view(VectorView, store, snapshot), open_view(LexicalView, store, snapshot))

    def dense(
        self, snapshot: IndexSnapshot, vector: Vectors, k: int, among: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """Return up to `k` (chunk id, cosine similarity), best first."""
        assert isinstance(snapshot, Snapshot)
        return self.vectors.search(snapshot, vector, k, among)

    def lexical(self, question: str, k: int, among: Collection[int] | None = None) -> list[tuple[int, float]]:
        """Return up to `k` (chunk id, BM25 score), best first."""
        return self.words.search(question, k, among)


def mend_views(store: Viewed) -> None:
    """Bring the views on disk in step with the store, unless another process holds the lock; then a reader will."""
    with store.locked_if_free() as locked:
        if locked:
            write_views(store)


def write_views(store: Viewed) -> None:
    """Bring the views on disk in step with the store. The caller holds the writer's lock. Raises StorageError."""
    with store.snapshot() as snapshot:
        update_view(VectorView, store.folder, snapshot)
        update_view(LexicalView, store.folder, snapshot)
