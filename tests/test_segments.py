"""The lexical view in segments: what is made again, that it scores as one index does, that removed words are gone."""

from itertools import pairwise
from pathlib import Path

import pytest

from index.lexical import FOLDER, LexicalView
from index.segments import LAST_ID, Range, Segment, has_deleted, plan, read_segments, share
from index.store import Store
from index.views import open_view
from tests.conftest import build


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.segments.SEGMENT_CHUNKS", 4)
    monkeypatch.setattr("index.segments.MANY", 1_000)


def segment(first: int, last: int, count: int) -> Segment:
    return Segment(first, last, count, (f"{first}",))


@pytest.mark.parametrize(
    ("old", "removed", "added", "expected"),
    [
        ([], [], 9, [Range(1, LAST_ID, 9)]),
        ([segment(1, 4, 4)], [], 1, [segment(1, 4, 4), Range(5, LAST_ID, 1)]),
        ([segment(1, 3, 3)], [], 1, [Range(1, LAST_ID, 4)]),
        ([segment(1, 4, 4), segment(5, 8, 4)], [2], 0, [Range(1, 4, 3), segment(5, 8, 4)]),
        ([segment(1, 4, 4), segment(5, 8, 4)], [1, 2, 5, 6], 0, [Range(1, 8, 4)]),
        ([segment(1, 4, 4), segment(5, 8, 4)], [5, 6, 7, 8], 0, [segment(1, 4, 4)]),
        ([segment(1, 4, 4)], [99], 0, [segment(1, 4, 4)]),
    ],
)
def test_only_segments_that_changed_or_fit_together_are_made_again(
    old: list[Segment], removed: list[int], added: int, expected: list[Segment | Range]
) -> None:
    assert plan(old, removed, added) == expected


@pytest.mark.parametrize(("chunks", "each"), [(1, 1), (999, 999), (1_010, 1_010), (1_600, 800), (64_001, 1_001)])
def test_no_segment_is_left_with_a_few(chunks: int, each: int) -> None:
    assert share(chunks, 1_000) == each


def test_neighbours_of_unlike_size_are_not_joined_into_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a few new chunks do not have thousands indexed again; small ones are always joined."""
    monkeypatch.setattr("index.segments.MANY", 1)
    many = segment(1, 900_000, 900_000)
    assert plan([many], [], 9) == [many, Range(900_001, LAST_ID, 9)]
    assert plan([many, segment(900_001, 900_006, 6)], [], 5) == [many, Range(900_001, LAST_ID, 11)]
    assert plan([segment(1, 3, 3)], [], 1) == [Range(1, LAST_ID, 4)]


def test_many_edits_leave_the_index_that_one_build_makes(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:02}.txt").write_text(f"Zebra number {number} of {'herd ' * (number % 5)}.")
    build(store, folder)
    kept: list[set[str]] = []
    for number in (3, 17, 3, 29, 8):
        (folder / f"{number:02}.txt").write_text(f"Zebra number {number} was edited {len(kept)} times.")
        if number == 8:
            (folder / "09.txt").unlink()
        build(store, folder)
        kept.append({path.stem for path in (store.folder / FOLDER).glob("*.term")})
    for before, after in pairwise(kept):
        assert len(before & after) >= len(before) - 3, "most segments stay"
    with store.snapshot() as snapshot:
        view, naive = open_view(LexicalView, store, snapshot), LexicalView.in_memory(snapshot)
        assert len(view) == len(naive) == 29
        for question in ("zebra herd", "edited", "number 17", "times 3"):
            assert dict(view.search(question, 99)) == pytest.approx(dict(naive.search(question, 99)))
    segments = read_segments(store.folder / FOLDER)
    assert sum(s.count for s in segments) == 29
    assert all(s.count <= 4 for s in segments)
    assert not has_deleted(store.folder / FOLDER)


def test_the_files_of_replaced_segments_are_gone(store: Store, folder: Path) -> None:
    build(store, folder)
    (folder / "lease.txt").write_text("Changed.")
    build(store, folder)
    place = store.folder / FOLDER
    listed = {id_.replace("-", "") for s in read_segments(place) for id_ in s.ids}
    assert {path.stem for path in LexicalView.files(store.folder)} - {"meta", "segments"} == listed
    assert not list(store.folder.glob("lexical-making-*"))
    with store.snapshot() as snapshot:
        view = open_view(LexicalView, store, snapshot)
        assert view.has_word("changed")
        assert not view.has_word("rent")
