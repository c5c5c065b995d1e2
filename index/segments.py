"""The segments of a view: which chunks each holds, and which are made again after a change.

tantivy's own list of segments is a JSON file, so segments that were each made in a folder of their own can be put
together as one index, and single ones can be replaced. No segment ever has a deleted chunk in it: one that held a
removed chunk is made again from those that are left. Neighbours of like size that fit into one become one, so there are
few segments, and what a change costs does not grow with the index until it has `MANY` of them.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

from index.errors import StorageError
from index.rows import LAST_ID
from index.views import remove, write_atomically

SEGMENT_CHUNKS = 1_000
MANY = 64
META = "meta.json"
LIST = "segments.json"


@dataclass(frozen=True)
class Range:
    """Chunks to be indexed: the ids from `first` to `last`, and how many there are of them."""

    first: int
    last: int
    count: int


@dataclass(frozen=True)
class Segment:
    """Chunks that are indexed: `count` of those from `first` to `last`; `ids` name tantivy's segment or the file."""

    first: int
    last: int
    count: int
    ids: tuple[str, ...]


def segment_size(chunks: int) -> int:
    """Return how many chunks a segment holds at most in an index of so many."""
    return max(SEGMENT_CHUNKS, chunks // MANY)


def share(chunks: int, size: int) -> int:
    """Return how many chunks each segment of a range gets: about `size`, and none is left with a few.

    Example: 1,010 chunks where a segment holds 1,000 make one segment, 1,600 make two of 800.
    """
    return -(-chunks // max(1, round(chunks / size)))


def plan(old: Sequence[Segment], removed: Sequence[int], added: int) -> list[Segment | Range]:
    """Say which segments stay and which ranges are to be indexed (again), in the order of their ids.

    `removed` are ids of chunks that are gone, `added` is the number of chunks after the last segment.

    Example with room for 1,000: of segments with chunks 1-1000 and 1001-1600, chunk 7 is removed and chunk 1601 is new:
    the first is made again with 999 chunks; the second and the new one are made again together.
    """
    gone = sorted(removed)
    parts: list[Segment | Range] = []
    for segment in old:
        lost = bisect_right(gone, segment.last) - bisect_left(gone, segment.first)
        parts.append(Range(segment.first, segment.last, segment.count - lost) if lost else segment)
    parts.append(Range(old[-1].last + 1 if old else 1, LAST_ID, added))
    size = segment_size(sum(part.count for part in parts))
    joined: list[Segment | Range] = []
    for part in parts:
        if not part.count:
            continue
        if joined and _fit_together(joined[-1].count, part.count, size):
            before = joined.pop()
            part = Range(before.first, part.last, before.count + part.count)
        joined.append(part)
    return joined


def _fit_together(one: int, other: int, size: int) -> bool:
    """Say whether two neighbours become one: both are small, or they fit and neither is much larger than the other.

    So a chunk is indexed again as often as its segment doubles, not with every few chunks that come after it.
    """
    return one + other <= SEGMENT_CHUNKS or (one + other <= size and max(one, other) <= 2 * min(one, other))


def segment_of(making: Path, chunks: Sequence[int]) -> Segment:
    """Say what the segments of an index, made of the chunks with these ids in a folder of its own, are together."""
    ids = tuple(str(segment["segment_id"]) for segment in _meta(making)["segments"])
    return Segment(chunks[0], chunks[-1], len(chunks), ids)


def adopt(making: Path, place: Path) -> None:
    """Move the files of an index's segments into `place`."""
    for path in making.iterdir():
        if not path.name.startswith(".") and path.name != META:
            path.replace(place / path.name)


def write_segments(place: Path, segments: Sequence[Segment], made: Sequence[Path], template: Path) -> None:
    """Make tantivy's list of these segments and ours, and delete the files of all others.

    tantivy's entries are taken from its lists in `place` and in the folders where new ones were `made`; the rest of its
    list from `template`, an empty index.
    """
    entries = {
        str(e["segment_id"]): e
        for folder in (place, *made)
        if (folder / META).exists()
        for e in _meta(folder)["segments"]
    }
    listed = [entries[id_] for segment in segments for id_ in segment.ids]
    write_atomically(place / META, json.dumps({**_meta(template), "segments": listed}).encode("utf-8"))
    write_list(place, segments)
    kept = {UUID(id_).hex for segment in segments for id_ in segment.ids}
    for path in place.iterdir():
        if path.name not in (META, LIST) and path.name.partition(".")[0] not in kept:
            remove(path)


def write_list(place: Path, segments: Sequence[Segment]) -> None:
    """Write our list of segments."""
    write_atomically(place / LIST, json.dumps([asdict(segment) for segment in segments]).encode("ascii"))


def read_segments(place: Path) -> list[Segment]:
    """Return the segments of a view, in the order of their ids. Raises StorageError if the list is not one."""
    try:
        return [Segment(**{**entry, "ids": tuple(entry["ids"])}) for entry in json.loads((place / LIST).read_bytes())]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StorageError(f"cannot use {place / LIST}: {error}") from error


def has_deleted(place: Path) -> bool:
    """Say whether tantivy still has words of a deleted chunk in a segment."""
    return any(segment["deletes"] for segment in _meta(place)["segments"])


def _meta(folder: Path) -> "dict[str, list[dict[str, object]]]":
    return dict(json.loads((folder / META).read_bytes()))
