"""Many vectors: searched in a few cells as 8-bit codes, and the best compared once more with the store's own vectors.

On disk these are segments, each with the chunks of one range of ids (see segments.py), mapped into memory. A change
makes only those anew that it touches, from the codes that are left: of a removed chunk no vector stays, in any form.
The cells stay as they are until there are twice or half as many vectors as they were made for.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self
from uuid import uuid4

import faiss
import numpy as np

from index.cells import (
    Lists,
    codes_of,
    empty,
    read_cells,
    read_lists,
    search_lists,
    suit,
    train,
    write_cells,
    write_lists,
)
from index.encoding import Vectors
from index.errors import StorageError
from index.rows import LAST_ID, Ids
from index.segments import LIST, Range, Segment, plan, read_segments, segment_size, share, write_list
from index.snapshot import Snapshot
from index.views import remove

FOLDER = "vectors.segments"
CELLS = "cells.faiss"
MAKING = ".new"
PROBED = 64  # cells that are searched
EXTRA = 10  # so many more than are wanted are compared exactly


class QuantisedVectors:
    """Segments of 8-bit vectors over the same cells."""

    def __init__(self, cells: Lists, segments: Sequence[Lists]) -> None:
        self._cells = cells
        self._segments = segments

    def __len__(self) -> int:
        return sum(int(segment.ntotal) for segment in self._segments)

    @classmethod
    def in_memory(cls, snapshot: Snapshot) -> Self:
        """Make it from all chunks."""
        cells = train(snapshot)
        (_, count) = snapshot.counts()
        made = _made(cells, snapshot, Range(1, LAST_ID, count), segment_size(count))
        return cls(cells, [lists for _, lists in made])

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the files into memory. Raises StorageError."""
        place = folder / FOLDER
        cells = read_cells(place / CELLS)
        files = [place / segment.ids[0] for segment in read_segments(place)]
        return cls(cells, [read_lists(file, cells, mapped=True) for file in files])

    @classmethod
    def write(cls, folder: Path, snapshot: Snapshot, since: int | None, unstamp: Callable[[], None]) -> Self:
        """Carry the files on from a generation; or make them again if `since` is None, or if the cells do not suit.

        Raises StorageError.
        """
        place = folder / FOLDER
        place.mkdir(exist_ok=True)
        (_, count) = snapshot.counts()
        cells = None if since is None else read_cells(place / CELLS)
        if since is not None and cells is not None and suit(cells, count, snapshot.dimension):
            old, removed, new_cells = read_segments(place), snapshot.removed_since(since), None
        else:
            since, old, removed = 0, [], []
            cells = new_cells = train(snapshot)
        kept: list[Segment] = []
        for part in plan(old, removed, snapshot.count_since(since)):
            if isinstance(part, Segment):
                kept.append(part)
                continue
            within = [s for s in old if part.first <= s.first <= part.last]
            pieces = [_without(read_lists(place / s.ids[0], cells, mapped=False), removed) for s in within]
            for segment, lists in _made(cells, snapshot, part, segment_size(count), pieces, old[-1].last if old else 0):
                write_lists(place / f"{segment.ids[0]}{MAKING}", lists)
                kept.append(segment)
        unstamp()
        _publish(place, kept, new_cells)
        view = cls.load(folder)
        if len(view) != count:
            raise StorageError(f"{place} has {len(view)} vectors for {count} chunks")
        return view

    def codes_of(self, vectors: Vectors) -> list[bytes]:
        """Return what vectors, shape (n, dimension), are kept as."""
        return codes_of(self._cells, vectors)

    @classmethod
    def files(cls, folder: Path) -> list[Path]:
        """Return the files of the index, without those that are being made."""
        return sorted(path for path in (folder / FOLDER).iterdir() if not path.name.endswith(MAKING))

    def search(self, snapshot: Snapshot, vector: Vectors, k: int, among: Ids | None = None) -> list[tuple[int, float]]:
        """Return up to `k` (chunk id, cosine similarity) for a vector of shape (dimension,), best first.

        With `among`, only chunks of these ids: the fewer they are, the more cells are searched for them, so that as
        many vectors are compared as without.
        """
        query = np.ascontiguousarray(vector.reshape(1, -1), np.float32)
        probed = float(PROBED)
        options = faiss.SearchParametersIVF()
        if among is not None:
            probed *= max(1.0, len(self) / max(1, len(among)))
            chosen = np.zeros(int(among.max(initial=0)) + 1, bool)
            chosen[among] = True
            bits = np.packbits(chosen, bitorder="little")
            options.sel = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]  # Python's takes an array
        options.nprobe = min(self._cells.nlist, math.ceil(probed))
        near = self._cells.quantizer.search(query, options.nprobe)
        found = [search_lists(segment, query, k + EXTRA, near, options) for segment in self._segments]
        ids, similarities = (np.concatenate(parts) for parts in zip(*found, strict=True))
        best = ids[np.argsort(-similarities, kind="stable")[: k + EXTRA]]
        exact_ids, vectors = snapshot.vectors(best.tolist())
        similarities = vectors @ query[0]
        return [(int(exact_ids[i]), float(similarities[i])) for i in np.argsort(-similarities, kind="stable")[:k]]


def _without(lists: Lists, removed: Sequence[int]) -> Lists:
    lists.remove_ids(faiss.IDSelectorBatch(np.array(removed, np.int64)))
    return lists


def _made(
    cells: Lists, snapshot: Snapshot, part: Range, size: int, pieces: Sequence[Lists] = (), after: int = 0
) -> Iterator[tuple[Segment, Lists]]:
    """Yield the segments of a range: what is left of old ones, `pieces`, then the store's chunks beyond `after`."""
    lists, first, last = empty(cells), part.first, min(after, part.last)
    full = share(part.count, size)
    for piece in pieces:
        lists.merge_from(piece, 0)
    for ids, vectors in snapshot.vectors_between(max(part.first, after + 1), part.last):
        lists.add_with_ids(vectors, ids)
        last = int(ids[-1])
        if lists.ntotal >= full:
            yield _segment(first, last, lists), lists
            lists, first = empty(cells), last + 1
    if lists.ntotal:
        yield _segment(first, last, lists), lists


def _segment(first: int, last: int, lists: Lists) -> Segment:
    return Segment(first, last, int(lists.ntotal), (f"{uuid4().hex}.lists",))


def _publish(place: Path, segments: Sequence[Segment], cells: Lists | None) -> None:
    """Put what was made into its place, and delete what is not of the index any more."""
    names = {segment.ids[0] for segment in segments}
    for name in names:
        made = place / f"{name}{MAKING}"
        if made.exists():
            made.replace(place / name)
    if cells is not None:
        write_cells(place / CELLS, cells)
    write_list(place, segments)
    for path in place.iterdir():
        if path.name not in {CELLS, LIST, *names}:
            remove(path)
