"""FAISS and tantivy follow the store; whatever happens to their files, the answers are the store's."""

import errno
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from index.lexical import LexicalView
from index.snapshot import Snapshot
from index.store import Store
from index.vectors import VectorView
from index.views import View, ViewState, open_view, remove, view_state
from tests.conftest import META, WordEncoder, build, searcher

KINDS = pytest.mark.parametrize("kind", [VectorView, LexicalView])


def states(store: Store) -> list[ViewState]:
    with store.snapshot() as snapshot:
        return [view_state(kind, store.folder, snapshot)[0] for kind in (VectorView, LexicalView)]


def ids(snapshot: Snapshot) -> list[int]:
    return [stored.id for stored, _ in snapshot.all_chunks()]


def brute_force(snapshot: Snapshot, vector: np.ndarray) -> dict[int, float]:
    return {stored.id: float(row @ vector) for stored, row in snapshot.all_chunks()}


def test_views_are_in_step_after_every_build(store: Store, folder: Path) -> None:
    for change in ("first", "second"):
        (folder / f"{change}.txt").write_text(f"The {change} text.")
        build(store, folder)
        assert states(store) == [ViewState.IN_STEP] * 2
    (folder / "first.txt").unlink()
    build(store, folder)
    assert states(store) == [ViewState.IN_STEP] * 2
    with store.snapshot() as snapshot:
        assert len(open_view(VectorView, store, snapshot)) == len(open_view(LexicalView, store, snapshot)) == 5


def test_faiss_gives_the_order_of_brute_force(store: Store, folder: Path) -> None:
    build(store, folder)
    vector = WordEncoder().encode(["dogs chase cats at night"])[0]
    with store.snapshot() as snapshot:
        found = open_view(VectorView, store, snapshot).search(snapshot, vector, 100)
        assert dict(found) == pytest.approx(brute_force(snapshot, vector), abs=1e-6)
    similarities = [similarity for _, similarity in found]
    assert similarities == sorted(similarities, reverse=True)


@KINDS
@pytest.mark.parametrize(
    "damage", ["flip", "truncate", "empty", "missing", "stamp", "odd stamp", "deep stamp", "folder", "older"]
)
def test_damaged_files_are_found_and_made_again(
    store: Store, folder: Path, kind: type[View], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    build(store, folder)
    older = store.folder.parent / "older"
    shutil.copytree(store.folder, older)
    (folder / "new.txt").write_text("Something else entirely.")
    build(store, folder)
    path = max(kind.files(store.folder), key=lambda p: p.stat().st_size)
    data = path.read_bytes()
    if damage == "flip":
        path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    elif damage == "truncate":
        path.write_bytes(data[:-1])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "missing":
        path.unlink()
    elif damage == "stamp":
        (store.folder / kind.stamp_file).write_text("{")
    elif damage == "odd stamp":
        (store.folder / kind.stamp_file).write_text(json.dumps({"generation": -(10**30), "commit": "x", "files": {}}))
    elif damage == "deep stamp":
        (store.folder / kind.stamp_file).write_text("[" * 200_000)
    elif damage == "folder":
        (store.folder / kind.stamp_file).unlink()
        (store.folder / kind.stamp_file).mkdir()
    else:
        for file in kind.files(store.folder):
            file.unlink()
        for file in [*kind.files(older), older / kind.stamp_file]:
            shutil.copy(file, store.folder / file.relative_to(older))
    with caplog.at_level(logging.WARNING, "rag"):
        hits = searcher(store).search("something else entirely", 10).hits
    assert hits[0].passage.document == "docs/new.txt"
    assert len(hits) == 5
    if damage in ("flip", "truncate", "empty", "stamp"):
        assert f"the {kind.name} files" in caplog.text
    assert states(store) == [ViewState.IN_STEP] * 2


@KINDS
def test_a_view_is_made_in_memory_while_another_process_writes(store: Store, folder: Path, kind: type[View]) -> None:
    build(store, folder)
    (store.folder / kind.stamp_file).unlink()
    with store.transaction(META), store.snapshot() as snapshot:
        assert len(open_view(kind, store, snapshot)) == len(ids(snapshot))
    assert not (store.folder / kind.stamp_file).exists(), "only the holder of the lock may write"


def test_a_store_that_was_swapped_for_an_older_copy_gets_its_own_views(store: Store, folder: Path) -> None:
    build(store, folder)
    backup = store.path.read_bytes()
    (folder / "one.txt").write_text("Zebra one.")
    build(store, folder)
    store.path.write_bytes(backup)
    (folder / "one.txt").write_text("Giraffe one.")
    build(store, folder)
    # Both histories reached generation 2; only the commit's id tells them apart.
    hits = searcher(store).search("zebra", 10).hits
    assert all("Zebra" not in hit.passage.text for hit in hits)
    assert searcher(store).search("giraffe", 1).hits[0].passage.document == "docs/one.txt"


def test_a_view_behind_the_store_catches_up(store: Store, folder: Path) -> None:
    build(store, folder)
    kept = {p: p.read_bytes() for p in [store.folder / "vectors.json", store.folder / "vectors.faiss"]}
    (folder / "new.txt").write_text("Something new.")
    (folder / "cats.md").unlink()
    build(store, folder)
    for path, data in kept.items():
        path.write_bytes(data)
    assert states(store)[0] is ViewState.BEHIND
    with store.snapshot() as snapshot:
        view = open_view(VectorView, store, snapshot)
        assert sorted(i for i, _ in view.search(snapshot, np.ones(64, np.float32), 99)) == ids(snapshot)
        assert json.loads((store.folder / "vectors.json").read_text())["generation"] == 2


def test_an_open_searcher_sees_the_next_generation(store: Store, folder: Path) -> None:
    build(store, folder)
    search = searcher(store)
    assert search.search("penguin", 1).generation == 1
    (folder / "new.txt").write_text("A penguin.")
    build(store, folder)
    results = search.search("penguin", 1)
    assert (results.generation, results.hits[0].passage.document) == (2, "docs/new.txt")


def test_a_folder_into_which_somebody_writes_meanwhile_is_removed_nevertheless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lexical"
    (folder / "deep").mkdir(parents=True)
    real, tries = shutil.rmtree, []

    def disturbed(path: Path) -> None:
        tries.append(path)
        if len(tries) < 3:
            raise OSError(errno.ENOTEMPTY, "Directory not empty")
        real(path)

    monkeypatch.setattr("index.views.shutil.rmtree", disturbed)
    remove(folder)
    assert tries == [folder] * 3
    assert not folder.exists()


def test_a_folder_that_may_not_be_removed_is_an_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def refused(path: Path) -> None:
        tries.append(path)
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("index.views.shutil.rmtree", refused)
    with pytest.raises(PermissionError):
        remove(tmp_path)
    assert tries == [tmp_path]
