"""An index as one Lance table, on a disk or on object storage: texts, passages, vectors and words together."""

from index.lance.store import LanceStore

__all__ = ["LanceStore"]
