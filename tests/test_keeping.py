"""Removing with a proof, and an index as one file."""

import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from index.archive import MANIFEST, read_archive, write_archive
from index.doctor import examine
from index.errors import ArchiveError, IndexMissingError, NoDocumentsError
from index.store import DATABASE, Store
from index.traces import prove_gone
from rag.removal import choose, remove
from rag.settings import Settings
from tests.conftest import SEED, WordEncoder, assert_one_line_error, build, rag, searcher
from tests.test_build import names
from ui.conversations import SCHEMA, Conversations

DIARY = "Yesterday the xylophonist lost her passport in Valparaiso, and nobody at the harbour believed it."


@pytest.fixture
def diary(store: Store, folder: Path) -> Path:
    (folder / "diary.txt").write_text(DIARY)
    build(store, folder)
    return folder / "diary.txt"


# Removing


def test_nothing_of_a_removed_document_is_left(store: Store, diary: Path) -> None:
    chosen = choose(store, ["docs/diary.txt"], also_gone=False)
    for name in (DATABASE, "vectors.faiss"):
        shutil.copy(store.folder / name, store.folder / f"{name}.damaged-1")
    remove(store, chosen.names)
    assert set(prove_gone(store, chosen.traces).found) == {
        (f"{DATABASE}.damaged-1", "text of docs/diary.txt"),
        (f"{DATABASE}.damaged-1", "a vector of docs/diary.txt"),
        (f"{DATABASE}.damaged-1", "the name docs/diary.txt"),
        ("vectors.faiss.damaged-1", "a vector of docs/diary.txt"),
    }
    for path in store.folder.glob("*.damaged-1"):
        path.unlink()
    proof = prove_gone(store, chosen.traces)
    assert proof.found == []
    assert proof.pieces > 50
    assert proof.files >= 5
    assert diary.exists()


@pytest.mark.parametrize("place", ["store.sqlite3.damaged-1", "lexical/old.term", "vectors.faiss"])
def test_a_trace_is_found_wherever_it_is(store: Store, diary: Path, place: str) -> None:
    chosen = choose(store, ["docs/diary.txt"], also_gone=False)
    remove(store, chosen.names)
    with (store.folder / place).open("ab") as file:
        file.write(b"\1" * 70 + DIARY.encode() + b"\2")
    assert (place, "text of docs/diary.txt") in prove_gone(store, chosen.traces).found


def test_what_another_document_says_too_is_no_trace(store: Store, diary: Path) -> None:
    (diary.parent / "copy.txt").write_text(DIARY)
    build(store, diary.parent)
    chosen = choose(store, ["docs/diary.txt"], also_gone=False)
    remove(store, chosen.names)
    assert prove_gone(store, chosen.traces).found == []
    assert searcher(store).search("xylophonist", 1).hits[0].passage.document == "docs/copy.txt"


def test_documents_are_named_by_name_path_folder_or_pattern(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store, folder)
    monkeypatch.chdir(folder)
    for word, expected in {
        "docs/cats.md": ("docs/cats.md",),
        "cats.md": ("docs/cats.md",),
        "sub": ("docs/sub/dogs.txt",),
        "docs/*.txt": ("docs/lease.txt", "docs/sub/dogs.txt"),
    }.items():
        assert choose(store, [word], also_gone=False).names == expected
    with pytest.raises(NoDocumentsError, match="birds"):
        choose(store, ["birds"], also_gone=False)


def test_a_file_that_is_not_indexed_any_more_can_be_looked_for(store: Store, diary: Path) -> None:
    remove(store, ["docs/diary.txt"])
    chosen = choose(store, [str(diary)], also_gone=True)
    assert chosen.names == ()
    assert prove_gone(store, chosen.traces).found == []
    (store.folder / "vectors.old").write_bytes(DIARY.encode())
    assert prove_gone(store, chosen.traces).found == [("vectors.old", f"text of {diary}")]


def answer(document: str) -> dict[str, object]:
    return {"claims": [], "sources": [{"document": document, "quote": DIARY}], "passages": []}


def test_answers_that_quote_it_are_named_and_removed(tmp_path: Path) -> None:
    kept = Conversations.of(Settings(index=tmp_path))
    conversation = kept.start("me", "Who lost it?")
    quoting = kept.add("me", conversation, "Who lost it?", answer("diary.txt"))
    other = kept.add("me", conversation, "And then?", answer("other.txt"))
    assert kept.quoting(["diary.txt", "x"]) == [(quoting, "Who lost it?")]
    kept.withdraw([quoting], "It was removed.")
    assert [(turn.id, turn.answer is None, turn.note) for turn in kept.turns("me", conversation)] == [
        (quoting, True, "It was removed."),
        (other, False, ""),
    ]
    kept.withdraw([other], "")
    assert all(b"xylophonist" not in path.read_bytes() for path in tmp_path.iterdir())


def test_the_remove_command(store: Store, diary: Path) -> None:
    home = store.folder.parent
    kept = Conversations.of(Settings(index=store.folder))
    turn = kept.add("me", kept.start("me", "Who lost it?"), "Who lost it?", answer("docs/diary.txt"))
    assert_one_line_error(rag("remove", "docs/diary.txt", cwd=home), 2, "--yes")
    assert "docs/diary.txt" in names(store)
    result = rag("remove", "docs/diary.txt", "--yes", "--verify", cwd=home)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("1 removed\n1 of the files are still there: the next `rag index` brings them back")
    assert "1 answers in conversations quote them" in result.stdout
    assert "  Who lost it?\nverified: none of" in result.stdout
    assert "docs/diary.txt" not in names(store)
    again = rag("remove", "docs/diary.txt", "--verify", "--conversations", "--json", cwd=home)
    assert (again.returncode, json.loads(again.stdout)["proof"]["found"]) == (0, [])
    assert kept.turn("me", turn) == kept.turn("me", turn)
    assert kept.turn("me", turn).answer is None
    assert_one_line_error(rag("remove", "nothing.txt", cwd=home), 1, "nothing.txt")


# One file


def test_an_index_goes_through_one_file(store: Store, folder: Path, tmp_path: Path) -> None:
    build(store, folder)
    (folder / "new.txt").write_text("Something new.")
    (tmp_path / ".x.ragindex.making-killed").mkdir()
    with store.snapshot():  # someone reads, and a later commit stays in the log
        build(store, folder)
        manifest = write_archive(store, tmp_path / "x.ragindex", {})
    assert (manifest.documents, manifest.generation) == (4, 2)
    copy = Store(tmp_path / "elsewhere" / ".rag")
    read_archive(copy, tmp_path / "x.ragindex", {}, force=False)
    assert names(copy) == names(store)
    assert all(check.ok for check in examine(copy, WordEncoder))
    assert not list(tmp_path.glob(".x*"))


def test_an_index_is_replaced_only_when_asked_and_at_once(store: Store, folder: Path, tmp_path: Path) -> None:
    build(store, folder)
    path = tmp_path / "x.ragindex"
    write_archive(store, path, {})
    (folder / "secret.txt").write_text("Xylophonist.")
    build(store, folder)
    with pytest.raises(ArchiveError, match="--force"):
        read_archive(store, path, {}, force=False)
    with store.snapshot() as before:
        read_archive(store, path, {}, force=True)
        assert before.counts()[0] == 4, "a reader goes on with what it saw"
    assert len(names(store)) == 3
    assert searcher(store).search("xylophonist", 1).generation == 1
    read_archive(store, path, {}, force=True)
    assert all(b"ylophonist" not in p.read_bytes() for p in store.folder.rglob("*") if p.is_file())


def repacked(path: Path, change: Callable[[dict[str, bytes]], None], method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def with_trigger(parts: dict[str, bytes], tmp_path: Path) -> None:
    database = tmp_path / "evil.sqlite3"
    database.write_bytes(parts[DATABASE])
    connection = sqlite3.connect(database)
    connection.execute("CREATE TRIGGER t AFTER INSERT ON documents BEGIN DELETE FROM chunks; END")
    connection.close()
    parts[DATABASE] = database.read_bytes()
    import hashlib

    manifest = json.loads(parts[MANIFEST])
    manifest["files"][DATABASE] = hashlib.sha256(parts[DATABASE]).hexdigest()
    parts[MANIFEST] = json.dumps(manifest).encode()


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("truncated", "not a whole archive"),
        ("flipped", "damaged|not a whole archive"),
        ("swapped", "not what was written"),
        ("foreign", "not a whole archive"),
        ("no manifest", "no manifest"),
        ("extra", "does not hold what"),
        ("outside", "other files"),
        ("compressed", "compressed"),
        ("newer", "format 99"),
        ("trigger", "other tables"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_refused(
    store: Store, folder: Path, tmp_path: Path, case: str, said: str
) -> None:
    build(store, folder)
    path = tmp_path / "x.ragindex"
    write_archive(store, path, {})
    data = path.read_bytes()
    if case == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif case == "flipped":
        at = data.index(b"The lease ends")
        path.write_bytes(data[:at] + b"A" + data[at + 1 :])
    elif case == "foreign":
        path.write_bytes(b"hello" * 100)
    else:
        changes: dict[str, Callable[[dict[str, bytes]], None]] = {
            "swapped": lambda parts: parts.update({DATABASE: parts[DATABASE] + b"\0"}),
            "no manifest": lambda parts: parts.pop(MANIFEST) and None,
            "extra": lambda parts: parts.update({"more": b""}),
            "outside": lambda parts: parts.update(
                {
                    "../out": b"",
                    MANIFEST: json.dumps(
                        {**json.loads(parts[MANIFEST]), "files": {DATABASE: "0", "../out": "0"}}
                    ).encode(),
                }
            ),
            "compressed": lambda parts: None,
            "newer": lambda parts: parts.update(
                {MANIFEST: json.dumps({**json.loads(parts[MANIFEST]), "version": 99}).encode()}
            ),
            "trigger": lambda parts: with_trigger(parts, tmp_path),
        }
        repacked(path, changes[case], zipfile.ZIP_DEFLATED if case == "compressed" else zipfile.ZIP_STORED)
    target = Store(tmp_path / "target" / ".rag")
    shutil.copytree(store.folder, target.folder)
    with pytest.raises(ArchiveError, match=said):
        read_archive(target, path, {}, force=True)
    assert names(target) == names(store), "the index that was there stays"
    fresh = Store(tmp_path / "fresh" / ".rag")
    with pytest.raises(ArchiveError, match=said):
        read_archive(fresh, path, {}, force=False)
    with pytest.raises(IndexMissingError):
        names(fresh)
    assert not (tmp_path / "out").exists()


def test_a_backup_brings_the_conversations_back_and_an_export_has_none(tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(SEED.parent, home / "seeds")
    assert rag("index", cwd=home).returncode == 0
    kept = Conversations.of(Settings(index=home / ".rag"))
    conversation = kept.start("me", "Hello?")
    assert rag("backup", "../b.ragindex", cwd=home).returncode == 0
    assert rag("export", "../e.ragindex", cwd=home).returncode == 0
    assert_one_line_error(rag("export", "../e.ragindex", cwd=home), 1, "--force")
    with zipfile.ZipFile(tmp_path / "e.ragindex") as archive:
        assert sorted(archive.namelist()) == [MANIFEST, DATABASE]
    kept.delete("me", conversation)
    assert_one_line_error(rag("import", "../b.ragindex", cwd=home), 1, "--force")
    assert rag("import", "../b.ragindex", "--force", cwd=home).returncode == 0
    assert kept.owns("me", conversation)
    assert rag("doctor", cwd=home).returncode == 0
    assert SCHEMA.count("CREATE TABLE") == 3
