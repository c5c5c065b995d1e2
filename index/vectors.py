"""The FAISS view: exact inner product over the chunks' vectors, each under its chunk's id."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import faiss
import numpy as np

from index.encoding import Vectors
from index.snapshot import Snapshot
from index.views import View, write_atomically

FILE = "vectors.faiss"


class VectorView(View):
    """Nearest chunks by cosine similarity (vectors have length 1, so it is the inner product)."""

    name: ClassVar[str] = "FAISS"
    stamp_file: ClassVar[str] = "vectors.json"
    version: ClassVar[int] = 1

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def in_memory(cls, snapshot: Snapshot) -> Self:
        """Make the index from all chunks."""
        view = cls(faiss.IndexIDMap2(faiss.IndexFlatIP(snapshot.dimension)))
        view._add(snapshot, 0)
        return view

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the index from its file."""
        return cls(faiss.deserialize_index(np.fromfile(folder / FILE, np.uint8)))

    @classmethod
    def write(cls, folder: Path, snapshot: Snapshot, since: int | None) -> Self:
        """Carry the index on from `since`, or make it again, and replace its file."""
        view = None if since is None else cls.load(folder)
        if since is None or view is None or view._index.d != snapshot.dimension:
            view = cls.in_memory(snapshot)
        else:
            removed = np.array(snapshot.removed_since(since), np.int64)
            view._index.remove_ids(faiss.IDSelectorBatch(removed))
            view._add(snapshot, since)
        write_atomically(folder / FILE, faiss.serialize_index(view._index).tobytes())
        return view

    @classmethod
    def files(cls, folder: Path) -> list[Path]:
        """Return the one file of the index."""
        return [folder / FILE]

    def search(self, vector: Vectors, k: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """Return up to `k` (chunk id, cosine similarity) for one vector of shape (dimension,), best first.

        With `among`, only chunks of these ids.
        """
        wanted = None
        if among is not None:
            wanted = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.array(among, np.int64)))  # type: ignore[call-arg]  # SWIG takes it
        similarities, ids = self._index.search(vector.reshape(1, -1), k, params=wanted)
        return [(int(i), float(s)) for i, s in zip(ids[0], similarities[0], strict=True) if i >= 0]

    def _add(self, snapshot: Snapshot, since: int) -> None:
        for chunks, vectors in snapshot.chunks_since(since):
            self._index.add_with_ids(vectors, np.array([chunk.id for chunk in chunks], np.int64))
