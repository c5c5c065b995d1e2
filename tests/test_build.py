import os
from pathlib import Path

import numpy as np
import pytest

from index.build import Builder
from index.errors import EncodingError, IndexIncompatibleError, IndexMissingError, NoDocumentsError
from index.interface import IndexStore
from index.schema import IndexMeta
from index.search import Searcher
from index.store import Store
from tests.conftest import META, WordEncoder, build

pytestmark = pytest.mark.everywhere


def names(store: IndexStore) -> list[str]:
    with store.snapshot() as snapshot:
        return [document.name for document in snapshot.documents()]


def texts(store: IndexStore) -> dict[str, str]:
    with store.snapshot() as snapshot:
        return {d.name: snapshot.text(d.id) for d in snapshot.documents()}


def test_build_stores_every_text_as_it_is(store: IndexStore, folder: Path) -> None:
    (folder / "wi\u0301ndows.txt").write_bytes("Une phrase.\r\nE\u0301te\u0301.\r\n".encode())
    report = build(store, folder)
    assert sorted(report.added) == ["docs/cats.md", "docs/lease.txt", "docs/sub/dogs.txt", "docs/wi\u0301ndows.txt"]
    assert texts(store)["docs/wi\u0301ndows.txt"] == "Une phrase.\r\nE\u0301te\u0301.\r\n"
    assert texts(store)["docs/lease.txt"] == (folder / "lease.txt").read_text()


def test_a_second_run_touches_only_what_changed(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    (folder / "lease.txt").write_text("The lease ends never.")
    (folder / "new.txt").write_text("Something new.")
    (folder / "cats.md").unlink()
    report = build(store, folder)
    assert report.added == ["docs/new.txt"]
    assert report.changed == ["docs/lease.txt"]
    assert report.removed == ["docs/cats.md"]
    assert report.unchanged == 1
    assert names(store) == ["docs/lease.txt", "docs/new.txt", "docs/sub/dogs.txt"]


def test_an_unchanged_folder_makes_no_generation_and_loads_no_encoder(store: IndexStore, folder: Path) -> None:
    build(store, folder)

    def no_encoder() -> WordEncoder:
        raise AssertionError("the encoder was loaded")

    report = Builder(store, META, no_encoder).build(folder)
    assert report.unchanged == 3
    with store.snapshot() as snapshot:
        assert snapshot.generation == 1


@pytest.mark.local
def test_what_is_removed_is_gone_from_every_file(store: IndexStore, folder: Path) -> None:
    (folder / "secret.txt").write_text("Xylophonist.")
    build(store, folder)
    (folder / "secret.txt").unlink()
    build(store, folder)
    for path in store.folder.rglob("*"):
        if path.is_file():
            assert b"ylophonist" not in path.read_bytes(), path


def test_folders_live_side_by_side(store: IndexStore, folder: Path) -> None:
    build(store, folder / "sub")
    other = folder.parent.parent / f"{folder.parent.name}-elsewhere"
    other.mkdir()
    (other / "a.txt").write_text("Elsewhere.")
    build(store, other)
    assert names(store) == [f"{other}/a.txt", "docs/sub/dogs.txt"]
    build(store, folder)
    assert len(names(store)) == 4


def test_a_single_file_can_be_indexed(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    (folder / "lease.txt").write_text("Changed.")
    (folder / "cats.md").unlink()
    assert build(store, folder / "lease.txt").changed == ["docs/lease.txt"]
    assert "docs/cats.md" in names(store), "only the file that was named is looked at"


def test_unreadable_files_are_skipped_and_named(store: IndexStore, folder: Path) -> None:
    (folder / "binary.txt").write_bytes(b"\x7fELF\0\0\0")
    (folder / "zero.txt").write_bytes(b"")
    (folder / "photo.jpeg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    os.mkfifo(folder / "pipe.txt")
    report = build(store, folder)
    assert dict(report.skipped) == {
        "docs/binary.txt": "binary, not text",
        "docs/pipe.txt": "not a regular file",
        "docs/zero.txt": "empty",
    }
    assert report.ignored == {".jpeg": 1}
    assert len(report.added) == 3


def test_a_file_that_turns_unreadable_leaves_the_index(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    (folder / "cats.md").write_bytes(b"\0\0")
    assert build(store, folder).removed == ["docs/cats.md"]


def test_hidden_files_links_to_folders_and_the_index_are_passed_over(folder: Path) -> None:
    store = Store(folder / "index-is-here")
    (folder / ".hidden.txt").write_text("Hidden.")
    (folder / ".git").mkdir()
    (folder / ".git" / "a.txt").write_text("Hidden.")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    build(store, folder)
    (store.folder / "notes.txt").write_text("In the index folder.")
    build(store, folder)
    assert names(store) == ["cats.md", "lease.txt", "sub/dogs.txt"]


def test_a_name_that_is_not_utf8_is_shown_escaped(store: IndexStore, folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/b\xff.txt")).write_text("Bytes.")
    build(store, folder)
    assert "docs/b\\xff.txt" in names(store)
    assert build(store, folder).unchanged == 4


@pytest.mark.parametrize("case", ["missing", "empty", "other", "binary"])
def test_nothing_to_index_is_an_error_and_changes_nothing(store: IndexStore, folder: Path, case: str) -> None:
    build(store, folder)
    target = folder.parent / case
    if case != "missing":
        target.mkdir()
    if case == "other":
        (target / "a.jpeg").write_bytes(b"\xff\xd8\xff\xe0")
    if case == "binary":
        (target / "a.txt").write_bytes(b"\0")
    with pytest.raises(NoDocumentsError):
        build(store, target)
    assert len(names(store)) == 3


def test_an_emptied_folder_does_not_empty_the_index(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    for path in [folder / "lease.txt", folder / "cats.md", folder / "sub" / "dogs.txt"]:
        path.unlink()
    with pytest.raises(NoDocumentsError, match="as it was"):
        build(store, folder)
    assert len(names(store)) == 3


def test_a_first_run_that_fails_leaves_no_index(store: IndexStore, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_bytes(b"\0")
    with pytest.raises(NoDocumentsError):
        build(store, tmp_path / "docs")
    with pytest.raises(IndexMissingError, match="rag index"):
        names(store)


class StopsAtThird(WordEncoder):
    """As if Ctrl-C came while the third text is encoded."""

    def encode(self, texts: list[str]) -> object:
        if len(texts) >= 3:
            raise KeyboardInterrupt
        return super().encode(texts)


def test_an_interrupted_run_changes_nothing(store: IndexStore, folder: Path) -> None:
    build(store, folder / "sub")
    with pytest.raises(KeyboardInterrupt):
        Builder(store, META, StopsAtThird).build(folder)
    assert names(store) == ["docs/sub/dogs.txt"]
    build(store, folder)
    assert len(names(store)) == 3


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        (IndexMeta("other@1", 40, 1), "encoder words@64 \\(now other@1\\)"),
        (IndexMeta("words@64", 80, 1), "chunk size 40 \\(now 80\\)"),
    ],
)
def test_another_model_or_chunk_size_is_refused_until_a_rebuild(
    store: IndexStore, folder: Path, meta: IndexMeta, said: str
) -> None:
    build(store, folder)
    with pytest.raises(IndexIncompatibleError, match=f"{said}.*--rebuild"):
        build(store, folder, meta)
    report = build(store, folder, meta, rebuild=True)
    assert len(report.changed) == 3
    with store.snapshot() as snapshot:
        assert snapshot.meta == meta


def test_a_rebuild_keeps_the_documents_of_other_folders(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    (folder / "lease.txt").unlink()  # even if the file is gone by now: its text is in the store
    meta = IndexMeta("words@64", 4, 1)
    build(store, folder / "sub", meta, rebuild=True)
    assert names(store) == ["docs/cats.md", "docs/lease.txt", "docs/sub/dogs.txt"]
    with store.snapshot() as snapshot:
        sizes = {d.name: d.chunks for d in snapshot.documents()}
    # "The lease" with "The lease ends on 3 May 2031.", then "The rent is 900 euros.": more than 4 words each.
    assert sizes["docs/lease.txt"] == 2


def test_progress_adds_up_to_the_bytes_of_the_folder(store: IndexStore, folder: Path) -> None:
    done: list[int] = []
    build(store, folder, progress=done.append)
    total = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    assert abs(sum(done) - total) <= 3


def test_a_named_encoding_is_used(store: IndexStore, folder: Path) -> None:
    (folder / "ru.txt").write_bytes("Ёж.".encode("koi8-r"))
    report = build(store, folder, encoding="koi8-r")
    assert texts(store)["docs/ru.txt"] == "Ёж."
    assert report.skipped == []


def test_an_encoding_that_is_named_later_reads_the_file_again(store: IndexStore, folder: Path) -> None:
    (folder / "ru.txt").write_bytes("Ёж.".encode("koi8-r"))
    build(store, folder)
    assert texts(store)["docs/ru.txt"] != "Ёж."
    (folder / "cats.md").unlink()
    assert "docs/ru.txt" in build(store, folder, encoding="koi8-r").changed
    assert texts(store)["docs/ru.txt"] == "Ёж."
    with pytest.raises(EncodingError, match="latn-1"):
        build(store, folder, encoding="latn-1")
    assert len(names(store)) == 3, "a typing error removes nothing"


def test_a_rebuild_with_another_model_leaves_no_old_vector(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    (folder / "lease.txt").unlink()
    os.mkfifo(folder / "lease.txt")  # cannot be read at the moment: what is stored of it stays

    class Longer(WordEncoder):
        identity = "words@96"

        def encode(self, texts: list[str]) -> np.ndarray:
            vectors = super().encode(texts)
            return np.concatenate([vectors, 0 * vectors[:, :32]], axis=1)

    meta = IndexMeta("words@96", 40, 1)
    report = Builder(store, meta, Longer).build(folder, rebuild=True)
    assert [name for name, _ in report.skipped] == ["docs/lease.txt"]
    with store.snapshot() as snapshot:
        assert snapshot.dimension == 96
        assert {len(v) for d in snapshot.documents() for v in snapshot.vectors_in(d.id)} == {4 * 96}
    assert Searcher(store, Longer()).search("rent", 1).hits[0].passage.document == "docs/lease.txt"


def test_a_folder_that_cannot_be_listed_is_not_gone(
    store: IndexStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store, folder)
    scandir = os.scandir

    def refuse(path: object) -> object:
        if str(path).endswith("/sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = build(store, folder)
    assert report.skipped == [("docs/sub", "permission denied")]
    assert report.removed == []
    assert "docs/sub/dogs.txt" in names(store)


@pytest.mark.parametrize("spelling", [".", "..", "docs/", "docs/../docs", "link"])
def test_a_folder_has_one_name_however_it_is_spelled(
    store: IndexStore, folder: Path, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store, folder)
    (folder.parent / "link").symlink_to(folder, target_is_directory=True)
    monkeypatch.chdir(folder if spelling == ".." else folder.parent)
    if spelling == "..":
        monkeypatch.chdir(folder / "sub")
    report = build(store, Path(spelling))
    assert (report.unchanged, report.added, report.removed) == (3, [], [])


def test_a_folder_above_the_index_holds_the_same_documents(folder: Path) -> None:
    store = Store(folder / "sub" / ".rag")
    build(store, folder / "sub")
    report = build(store, folder)
    assert report.unchanged == 1
    assert sorted(report.added) == [f"{folder}/cats.md", f"{folder}/lease.txt"]
    (folder / "sub" / "dogs.txt").unlink()
    assert build(store, folder).removed == ["dogs.txt"]


def test_two_files_never_share_a_name(store: IndexStore, folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\\.txt")).write_text("Bytes.")
    (folder / "\\xff\\.txt").write_text("Backslashes.")
    assert len(build(store, folder).added) == 5
    assert len(names(store)) == 5
    assert build(store, folder).unchanged == 5
