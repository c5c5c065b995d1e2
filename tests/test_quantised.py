"""Many vectors in cells and 8 bits: against brute force, through many changes, and with nothing of the removed left."""

import json
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index.chunking import Chunk, Sentence
from index.doctor import examine
from index.mending import mend_views, write_views
from index.parsing import Block, ParsedDocument
from index.quantised import FOLDER, MAKING
from index.recall import exact, recall
from index.records import NewDocument
from index.schema import IndexMeta
from index.snapshot import Snapshot
from index.stamps import Stamp
from index.store import Store
from index.traces import prove_gone, trace_of
from index.vectors import FILE, VectorView
from index.views import ViewState, open_view, view_state

META = IndexMeta("drawn@16", 40, 0)
DIMENSION = 16


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.vectors.EXACT_CHUNKS", 40)
    monkeypatch.setattr("index.segments.SEGMENT_CHUNKS", 16)
    monkeypatch.setattr("index.segments.MANY", 1_000)


@pytest.fixture
def every_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.quantised.PROBED", 10_000)


def vectors_of(seed: int, count: int = 4) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal((count, DIMENSION), np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def change(store: Store, put: Sequence[int] = (), drop: Sequence[int] = ()) -> None:
    """Add documents by number, each of four chunks with vectors drawn from its number, and remove others."""
    with store.transaction(META) as transaction:
        for number in drop:
            assert transaction.forget(f"{number}.txt")
        for number in put:
            text = f"Text {number}."
            parsed = ParsedDocument(text, (Block(0, len(text)),), "utf-8")
            chunks = [Chunk(0, len(text), (), (Sentence(0, len(text)),))] * 4
            transaction.put(NewDocument(f"{number}.txt", str(number), parsed, chunks, vectors_of(number)))
    mend_views(store)


def kept(store: Store) -> set[str]:
    return {path.name for path in (store.folder / FOLDER).iterdir()}


def nearest(view: VectorView, snapshot: Snapshot, query: np.ndarray, k: int = 10) -> list[int]:
    return [id_ for id_, _ in view.search(snapshot, query, k)]


@pytest.mark.usefixtures("every_cell")
def test_with_every_cell_searched_it_finds_what_brute_force_finds(store: Store) -> None:
    change(store, range(100))
    queries = vectors_of(-1 % 2**32, 20)
    with store.snapshot() as snapshot:
        view = open_view(VectorView, store, snapshot)
        assert not view.is_exact
        assert len(view) == 400
        assert recall(snapshot, view, queries) == 1.0
        assert [nearest(view, snapshot, query) for query in queries] == exact(snapshot, queries, 10).tolist()
        ids, vectors = snapshot.vectors(nearest(view, snapshot, queries[0]))
        found = dict(view.search(snapshot, queries[0], 10))
        assert [found[int(id_)] for id_ in ids] == pytest.approx((vectors @ queries[0]).tolist(), abs=1e-6)


def test_with_few_cells_searched_it_finds_most_and_all_of_a_small_filter(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.quantised.PROBED", 8)  # of 20
    change(store, range(100))
    queries = vectors_of(7_000, 20)
    with store.snapshot() as snapshot:
        view = open_view(VectorView, store, snapshot)
        assert 0.6 < recall(snapshot, view, queries) < 1.0, "random directions have no neighbourhoods; text has"
        among = np.array(snapshot.chunk_ids_evenly(20))
        assert recall(snapshot, view, queries, 5, among) == 1.0
        assert set(nearest_among := [i for i, _ in view.search(snapshot, queries[0], 99, among.tolist())]) <= set(among)
        assert len(nearest_among) == 20


@pytest.mark.usefixtures("every_cell")
def test_many_changes_leave_what_one_build_makes(store: Store) -> None:
    change(store, range(40))
    there = set(range(40))
    draw = np.random.default_rng(5)
    queries = vectors_of(8_000, 5)
    for step in range(12):
        gone = draw.choice(sorted(there), 3, replace=False).tolist()
        new = [100 + 10 * step + n for n in range(int(draw.integers(0, 6)))]
        before = kept(store)
        change(store, new, gone)
        there = (there - set(gone)) | set(new)
        assert before & kept(store), "some segments stay"
        with store.snapshot() as snapshot:
            assert view_state(VectorView, store.folder, snapshot, thorough=True)[0] is ViewState.IN_STEP
            view = open_view(VectorView, store, snapshot)
            assert len(view) == 4 * len(there)
            assert [nearest(view, snapshot, query) for query in queries] == exact(snapshot, queries, 10).tolist()
    segments = json.loads((store.folder / FOLDER / "segments.json").read_text())
    assert {name for s in segments for name in s["ids"]} == {name for name in kept(store) if name.endswith(".lists")}


def test_cells_are_found_again_when_the_index_has_doubled(store: Store) -> None:
    change(store, range(20))
    first = (store.folder / FOLDER / "cells.faiss").read_bytes()
    change(store, range(20, 35))
    assert (store.folder / FOLDER / "cells.faiss").read_bytes() == first
    change(store, range(35, 45))
    assert (store.folder / FOLDER / "cells.faiss").read_bytes() != first
    with store.snapshot() as snapshot:
        assert len(open_view(VectorView, store, snapshot)) == 180


def test_few_are_exact_many_are_not_and_back_at_half(store: Store) -> None:
    for put, drop, is_exact in [
        (range(10), (), True),
        ((10,), (), False),
        ((), range(5), False),
        ((), (5,), True),
        ((20, 21, 22, 23), (), True),
    ]:
        change(store, put, drop)
        with store.snapshot() as snapshot:
            view = open_view(VectorView, store, snapshot)
            assert view.is_exact is is_exact
            assert len(view) == snapshot.counts()[1]
        assert (store.folder / FILE).exists() is is_exact
        assert (store.folder / FOLDER).exists() is not is_exact


def test_no_code_of_a_removed_vector_is_left_and_one_that_is_left_is_found(store: Store) -> None:
    change(store, range(20))
    trace = trace_of("7.txt", "Text 7.", [row.tobytes() for row in vectors_of(7)])
    with store.snapshot() as snapshot:
        codes = open_view(VectorView, store, snapshot).codes_of(vectors_of(7))
    holding = [p for p in (store.folder / FOLDER).iterdir() if any(code in p.read_bytes() for code in codes)]
    assert len(holding) == 1
    old = holding[0].read_bytes()
    change(store, drop=[7])
    assert not any(code in p.read_bytes() for code in codes for p in store.folder.rglob("*") if p.is_file())
    assert prove_gone(store, [trace]).found == []
    (store.folder / "vectors.old").write_bytes(old)
    assert ("vectors.old", "a vector of 7.txt") in prove_gone(store, [trace]).found


def test_what_a_killed_process_left_is_not_used_and_goes(store: Store) -> None:
    change(store, range(20))
    left = store.folder / FOLDER / f"abc.lists{MAKING}"
    left.write_bytes(b"half")
    with store.snapshot() as snapshot:
        assert view_state(VectorView, store.folder, snapshot)[0] is ViewState.IN_STEP
    change(store, [20])
    assert not left.exists()


def test_an_open_view_is_searched_while_its_files_are_replaced(store: Store) -> None:
    change(store, range(20))
    with store.snapshot() as snapshot:
        view = open_view(VectorView, store, snapshot)
        before = nearest(view, snapshot, vectors_of(9)[0])
        change(store, range(20, 40), range(20))
        assert nearest(view, snapshot, vectors_of(9)[0]) == before


def flipped(path: Path) -> bytes:
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    return bytes(data)


def test_a_file_that_has_its_old_times_again_is_found_out(store: Store) -> None:
    change(store, range(20))
    path = max(VectorView.files(store.folder), key=lambda p: p.stat().st_size)
    times = path.stat()
    path.write_bytes(flipped(path))
    shutil.os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with store.snapshot() as snapshot:
        assert view_state(VectorView, store.folder, snapshot)[0] is ViewState.DAMAGED


def test_what_decays_on_the_disk_is_found_by_the_doctor(store: Store) -> None:
    change(store, range(20))
    path = max(VectorView.files(store.folder), key=lambda p: p.stat().st_size)
    path.write_bytes(flipped(path))
    stamp_file = store.folder / VectorView.stamp_file
    kept_stamp = json.loads(stamp_file.read_text())
    name, stat = str(path.relative_to(store.folder)), path.stat()
    digest = kept_stamp["files"][name][0]
    kept_stamp["files"][name] = [digest, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    time.sleep(0.05)  # past the tick of the clock in which the file was written
    stamp_file.write_text(json.dumps(kept_stamp))
    with store.snapshot() as snapshot:
        assert view_state(VectorView, store.folder, snapshot)[0] is ViewState.IN_STEP, "nothing tells"
        assert view_state(VectorView, store.folder, snapshot, thorough=True)[0] is ViewState.DAMAGED

    class Drawn:
        identity = META.encoder

        def encode(self, texts: Sequence[str]) -> np.ndarray:
            return vectors_of(0, len(texts))

        def count_tokens(self, texts: Sequence[str]) -> list[int]:
            return [1 for _ in texts]

    assert "its files are damaged" in {check.name: check.detail for check in examine(store, Drawn)}["FAISS"]


def test_a_stamp_does_not_trust_a_file_of_its_own_moment(store: Store) -> None:
    change(store, range(20))
    path = store.folder / VectorView.stamp_file
    stamp = Stamp.read(path)
    assert stamp is not None
    newest = max(max(seal.stat.modified, seal.stat.changed) for seal in stamp.files.values())
    (name,) = [n for n, seal in stamp.files.items() if max(seal.stat.modified, seal.stat.changed) == newest][:1]
    target = store.folder / name
    wrong = {**stamp.files, name: type(stamp.files[name])("0" * 64, stamp.files[name].stat)}
    for at, expected in ((newest, stamp.files[name].sha256), (newest + 1, "0" * 64)):
        found = Stamp(1, "x", 2, wrong, at).seals(store.folder, [target])
        assert found[name].sha256 == expected


def test_a_reader_waits_for_the_writer_where_making_a_view_takes_long(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(store, range(20))
    (store.folder / VectorView.stamp_file).unlink()
    monkeypatch.setattr("index.views.MANY_CHUNKS", 1)
    monkeypatch.setattr(VectorView, "in_memory", classmethod(lambda cls, snapshot: pytest.fail("made in memory")))
    holding = threading.Event()

    def write() -> None:
        with store.locked():
            holding.set()
            time.sleep(0.3)
            write_views(store)

    writer = threading.Thread(target=write)
    writer.start()
    holding.wait()
    with store.snapshot() as snapshot:
        assert len(open_view(VectorView, store, snapshot)) == 80
    writer.join()
