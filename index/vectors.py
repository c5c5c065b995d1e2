"""The FAISS view: the chunks' vectors, each under its chunk's id. Exact for few, in cells and 8 bits for many.

Up to `EXACT_CHUNKS` every vector is compared, in one file that is written as a whole. Beyond, see quantised.py; and an
index that shrinks goes back at half of that.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Self

import faiss
import numpy as np

from index.cells import translated
from index.encoding import Vectors
from index.quantised import FOLDER, QuantisedVectors
from index.rows import Ids
from index.snapshot import Snapshot
from index.views import View, remove, write_atomically

FILE = "vectors.faiss"
EXACT_CHUNKS = 20_000


class ExactVectors:
    """All vectors as they are."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def in_memory(cls, snapshot: Snapshot) -> Self:
        """Make the index from all chunks."""
        made = cls(faiss.IndexIDMap2(faiss.IndexFlatIP(snapshot.dimension)))
        made._add(snapshot, 0)
        return made

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the index from its file. Raises StorageError."""
        with translated(folder / FILE):
            return cls(faiss.deserialize_index(np.fromfile(folder / FILE, np.uint8)))

    @classmethod
    def write(cls, folder: Path, snapshot: Snapshot, since: int | None, unstamp: Callable[[], None]) -> Self:
        """Carry the index on from `since`, or make it again, and replace its file."""
        made = None if since is None else cls.load(folder)
        if since is None or made is None or made._index.d != snapshot.dimension:
            made = cls.in_memory(snapshot)
        else:
            removed = np.array(snapshot.removed_since(since), np.int64)
            made._index.remove_ids(faiss.IDSelectorBatch(removed))
            made._add(snapshot, since)
        unstamp()
        write_atomically(folder / FILE, faiss.serialize_index(made._index).tobytes())
        return made

    def search(self, snapshot: Snapshot, vector: Vectors, k: int, among: Ids | None = None) -> list[tuple[int, float]]:
        """Return up to `k` (chunk id, cosine similarity) for one vector of shape (dimension,), best first."""
        wanted = None
        if among is not None:
            wanted = faiss.SearchParameters(sel=faiss.IDSelectorBatch(among))  # type: ignore[call-arg]  # SWIG takes it
        similarities, ids = self._index.search(vector.reshape(1, -1), k, params=wanted)
        return [(int(i), float(s)) for i, s in zip(ids[0], similarities[0], strict=True) if i >= 0]

    def _add(self, snapshot: Snapshot, since: int) -> None:
        for ids, vectors in snapshot.vectors_since(since):
            self._index.add_with_ids(vectors, ids)


class VectorView(View):
    """Nearest chunks by cosine similarity (vectors have length 1, so it is the inner product)."""

    name: ClassVar[str] = "FAISS"
    stamp_file: ClassVar[str] = "vectors.json"
    version: ClassVar[int] = 2

    def __init__(self, vectors: ExactVectors | QuantisedVectors) -> None:
        self._vectors = vectors
        self.is_exact = isinstance(vectors, ExactVectors)

    def __len__(self) -> int:
        return len(self._vectors)

    @classmethod
    def in_memory(cls, snapshot: Snapshot) -> Self:
        """Make the index from all chunks."""
        return cls((QuantisedVectors if _are_many(snapshot) else ExactVectors).in_memory(snapshot))

    def codes_of(self, vectors: Vectors) -> list[bytes]:
        """Return what vectors, shape (n, dimension), are kept as, if it is not the vectors themselves."""
        return self._vectors.codes_of(vectors) if isinstance(self._vectors, QuantisedVectors) and len(vectors) else []

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the index, or map it into memory. Raises StorageError."""
        return cls((QuantisedVectors if _is_quantised(folder) else ExactVectors).load(folder))

    @classmethod
    def write(cls, folder: Path, snapshot: Snapshot, since: int | None, unstamp: Callable[[], None]) -> Self:
        """Carry the index on from `since`, or make it again if that is None or its size wants the other kind."""
        was_quantised = _is_quantised(folder)
        if _are_many(snapshot, was_quantised):
            quantised = QuantisedVectors.write(folder, snapshot, since if was_quantised else None, unstamp)
            remove(folder / FILE)
            return cls(quantised)
        exact = ExactVectors.write(folder, snapshot, None if was_quantised else since, unstamp)
        remove(folder / FOLDER)
        return cls(exact)

    @classmethod
    def files(cls, folder: Path) -> list[Path]:
        """Return the files of the index."""
        return QuantisedVectors.files(folder) if _is_quantised(folder) else [folder / FILE]

    def search(
        self, snapshot: Snapshot, vector: Vectors, k: int, among: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """Return up to `k` (chunk id, cosine similarity) for one vector of shape (dimension,), best first.

        `snapshot` is of the view's generation. With `among`, only chunks of these ids.
        """
        wanted = None if among is None else np.array(among, np.int64)
        return self._vectors.search(snapshot, vector, min(k, len(self)), wanted) if len(self) and k > 0 else []


def _are_many(snapshot: Snapshot, were_many: bool = False) -> bool:
    return snapshot.counts()[1] > (EXACT_CHUNKS // 2 if were_many else EXACT_CHUNKS)


def _is_quantised(folder: Path) -> bool:
    return (folder / FOLDER).exists()
