"""The cells that many vectors are sorted into, and the 8-bit codes that they are kept as: FAISS's IVF with SQ8.

The space is cut into about sqrt(n) cells by k-means over a sample of n vectors; a vector is kept in its cell's list, as
one byte a dimension (inverted file: Jegou, Douze and Schmid 2011, IEEE TPAMI 33). "Cells" here is an empty index that
knows the cells and the scale of the codes; segments over the same cells can be searched together and put together.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import faiss
import numpy as np

from index.encoding import Vectors
from index.errors import StorageError
from index.rows import Ids
from index.snapshot import Snapshot
from index.views import write_atomically

TRAINED_ON = 64  # vectors a cell
GROWTH = 2

Lists: TypeAlias = Any  # faiss.IndexIVFScalarQuantizer; FAISS's types describe its C++ side

Nearest: TypeAlias = tuple[Vectors, Ids]  # of cells: their similarities to a query, and their numbers


def train(snapshot: Snapshot) -> Lists:
    """Find cells for the vectors of a store, from a sample that is spread evenly over it."""
    wanted = max(1, round(math.sqrt(snapshot.counts()[1])))
    _, vectors = snapshot.vectors(snapshot.chunk_ids_evenly(TRAINED_ON * wanted))
    cells = _lists(faiss.IndexFlatIP(snapshot.dimension), max(1, min(wanted, len(vectors))))
    cells.train(vectors)
    return cells


def suit(cells: Lists, count: int, dimension: int) -> bool:
    """Say whether cells are fine for so many vectors: up to twice or half as many as they were made for."""
    times = count / cells.nlist**2
    return bool(cells.d == dimension and 1 / GROWTH <= times <= GROWTH)


def empty(cells: Lists) -> Lists:
    """Return lists over these cells, with nothing in them."""
    made = _lists(cells.quantizer, cells.nlist)
    made.sq = cells.sq
    made.is_trained = True
    return made


def _lists(quantizer: faiss.Index, count: int) -> Lists:
    # subtle: not by residual, so that a code can be compared without its cell, and ranges hold for all cells
    codes = faiss.ScalarQuantizer.QT_8bit
    return faiss.IndexIVFScalarQuantizer(quantizer, quantizer.d, count, codes, faiss.METRIC_INNER_PRODUCT, False)


def codes_of(cells: Lists, vectors: Vectors) -> list[bytes]:
    """Return the codes that vectors are kept as."""
    codes = np.empty((len(vectors), cells.sq.code_size), np.uint8)
    rows = np.ascontiguousarray(vectors, np.float32)
    cells.sq.compute_codes_c(faiss.swig_ptr(rows), faiss.swig_ptr(codes), len(rows))
    return [row.tobytes() for row in codes]


def write_cells(path: Path, cells: Lists) -> None:
    """Write cells, without any vector."""
    write_atomically(path, faiss.serialize_index(cells).tobytes())


def read_cells(path: Path) -> Lists:
    """Read what `write_cells` wrote. Raises StorageError."""
    with translated(path):
        return faiss.deserialize_index(np.fromfile(path, np.uint8))


def write_lists(path: Path, lists: Lists) -> None:
    """Write the vectors of lists, without their cells."""
    writer = faiss.VectorIOWriter()
    faiss.write_InvertedLists(lists.invlists, writer)
    write_atomically(path, faiss.vector_to_array(writer.data).tobytes())


def read_lists(path: Path, cells: Lists, *, mapped: bool) -> Lists:
    """Read what `write_lists` wrote, or map it into memory, to be searched only. Raises StorageError."""
    with translated(path), path.open("rb") as file:
        # By its number, since FAISS knows no names that are not UTF-8.
        reader = faiss.FileIOReader(f"/dev/fd/{file.fileno()}")
        kept: Any = faiss.downcast_InvertedLists(faiss.read_InvertedLists(reader, faiss.IO_FLAG_MMAP if mapped else 0))
    if mapped:
        kept.prefetch_nthread = 0  # threads that read ahead, made anew in every search, cost more than they save
    lists = empty(cells)
    lists.replace_invlists(kept, True)
    kept.this.disown()
    lists.ntotal = kept.compute_ntotal()
    return lists


def search_lists(lists: Lists, query: Vectors, k: int, near: Nearest, options: Any) -> tuple[Ids, Vectors]:
    """Return up to `k` (ids, similarities) of one query, shape (1, dimension), from the cells that are `near` to it."""
    similarities, ids = np.empty(k, np.float32), np.empty(k, np.int64)
    cosines, cells = near
    arrays = [faiss.swig_ptr(array) for array in (query, cells, cosines, similarities, ids)]
    # subtle: Python's own `search_preassigned` takes no options
    lists.search_preassigned_c(1, arrays[0], k, *arrays[1:], False, options)
    return ids[ids >= 0], similarities[ids >= 0]


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn FAISS's errors, which are all RuntimeErrors, into ours."""
    try:
        yield
    except RuntimeError as error:
        raise StorageError(f"cannot use {path}: {error}") from error
