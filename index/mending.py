"""Bring both views on disk in step with the store."""

from index.lexical import LexicalView
from index.store import Store
from index.vectors import VectorView
from index.views import update_view


def mend_views(store: Store) -> None:
    """Bring the views on disk in step with the store, unless another process holds the lock; then a reader will."""
    with store.locked_if_free() as locked:
        if locked:
            write_views(store)


def write_views(store: Store) -> None:
    """Bring the views on disk in step with the store. The caller holds the writer's lock. Raises StorageError."""
    with store.snapshot() as snapshot:
        update_view(VectorView, store.folder, snapshot)
        update_view(LexicalView, store.folder, snapshot)
