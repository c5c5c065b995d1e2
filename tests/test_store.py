import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from index.doctor import examine
from index.errors import (
    IndexBusyError,
    IndexDamagedError,
    IndexIncompatibleError,
    IndexMissingError,
    IndexOutdatedError,
    RagError,
    StorageError,
)
from index.filters import parse_filter
from index.interface import IndexStore
from index.store import DATABASE, Store
from tests.conftest import META, ROOT, WordEncoder, build, searcher


def edit(store: Store, statement: str) -> None:
    connection = sqlite3.connect(store.path)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.everywhere
def test_no_index_says_what_to_run(store: IndexStore) -> None:
    with pytest.raises(IndexMissingError, match="rag index"), store.snapshot():
        pass


@pytest.mark.everywhere
def test_a_snapshot_keeps_its_generation_while_a_writer_commits(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    with store.snapshot() as before:
        (folder / "new.txt").write_text("New.")
        build(store, folder)
        assert before.generation == 1
        assert before.counts()[0] == 3
    with store.snapshot() as after:
        assert (after.generation, after.counts()[0]) == (2, 4)


@pytest.mark.everywhere
def test_an_error_rolls_everything_back(store: IndexStore, folder: Path) -> None:
    build(store, folder)

    def remove_and_fail() -> None:
        with store.transaction(META) as transaction:
            assert transaction.remove("docs/lease.txt")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        remove_and_fail()
    with store.snapshot() as snapshot:
        assert (snapshot.generation, snapshot.counts()[0]) == (1, 3)


def test_a_second_writer_is_refused_and_told_who_writes(store: Store, folder: Path) -> None:
    build(store, folder)
    with store.transaction(META):
        with pytest.raises(IndexBusyError, match=r"another process \(\d+\)"):
            build(store, folder)
        assert searcher(store).search("lease", 3).hits, "readers go on"


def test_a_killed_writer_leaves_no_lock(store: Store, folder: Path) -> None:
    build(store, folder)
    script = (
        "import os, sys; from pathlib import Path; from index.store import Store; from tests.conftest import META\n"
        "with Store(Path(sys.argv[1])).transaction(META) as t:\n"
        "    t.remove('docs/lease.txt'); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(store.folder)], cwd=ROOT, check=False)
    assert killed.returncode == -9
    (folder / "new.txt").write_text("New.")
    assert build(store, folder).added == ["docs/new.txt"]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE documents SET text = replace(text, '900', '100')", "text of document"),
        ("UPDATE chunks SET start = start + 1", "chunk 1"),
        ("UPDATE chunks SET vector = zeroblob(length(vector))", "chunk 1"),
        ("UPDATE chunks SET sentences = '[]'", "chunk 1"),
        ("UPDATE chunks SET document_id = 1", "chunk [23]"),
        ("UPDATE chunks SET vector = x'00'", "chunk 1"),
        ("UPDATE documents SET name = name || 'x'", "text of document"),
        ("UPDATE documents SET text = CAST(text AS BLOB)", "text of document"),
        ("UPDATE meta SET value = 'x' WHERE key = 'dimension'", "description"),
        ("DELETE FROM meta WHERE key = 'encoder'", "description"),
        ("UPDATE documents SET metadata = '{'", "(text of document|not JSON)"),
    ],
)
def test_a_row_that_is_not_what_was_written_is_refused(store: Store, folder: Path, statement: str, said: str) -> None:
    build(store, folder)
    edit(store, statement)
    with pytest.raises(IndexDamagedError, match=f"{said}.*--rebuild"):
        searcher(store).search("lease rent", 5, where=parse_filter("path:*"))


@pytest.mark.parametrize("damage", ["garbage", "truncated", "header"])
def test_a_damaged_database_is_refused_and_a_rebuild_mends_it(store: Store, folder: Path, damage: str) -> None:
    build(store, folder)
    data = store.path.read_bytes()
    written = {"garbage": b"garbage" * 1_000, "truncated": data[: len(data) // 2], "header": b"\0" * 100 + data[100:]}
    store.path.write_bytes(written[damage])
    with pytest.raises(IndexDamagedError, match="--rebuild"), store.snapshot() as snapshot:
        snapshot.check_pages()
    build(store, folder, rebuild=True)
    assert searcher(store).search("lease", 1).hits[0].passage.document == "docs/lease.txt"
    assert store.path.with_name(DATABASE + ".damaged-1").exists()


@pytest.mark.parametrize("shift", [1024, 2048])
def test_wherever_the_database_is_zeros_a_rebuild_mends_it(
    store: Store, folder: Path, tmp_path: Path, shift: int
) -> None:
    """Of one place it was said that there is no index, since its generation was gone, and nothing was set aside."""
    build(store, folder)
    said: list[str] = []
    for at in range(shift, store.path.stat().st_size, 4096):
        hurt = Store(tmp_path / "hurt" / ".rag")
        shutil.copytree(store.folder, hurt.folder)
        data = bytearray(hurt.path.read_bytes())
        data[at : at + 4096] = bytes(len(data[at : at + 4096]))
        hurt.path.write_bytes(data)
        try:
            build(hurt, folder)
        except RagError as error:
            said.append(str(error))
        build(hurt, folder, rebuild=True)
        assert searcher(hurt).search("lease", 1).hits[0].passage.text.startswith("The lease"), f"at {at}"
        shutil.rmtree(hurt.folder)
    assert said
    assert all("--rebuild" in message for message in said)


def test_a_newer_format_is_refused(store: Store, folder: Path) -> None:
    build(store, folder)
    edit(store, "PRAGMA user_version = 99")
    with pytest.raises(IndexIncompatibleError, match="format 99"), store.snapshot():
        pass
    with pytest.raises(IndexIncompatibleError, match="format 99"):
        build(store, folder)


def test_an_older_format_is_refused_and_a_rebuild_sets_it_aside(store: Store, folder: Path) -> None:
    build(store, folder)
    edit(store, "PRAGMA user_version = 1")
    with pytest.raises(IndexOutdatedError, match="--rebuild"), store.snapshot():
        pass
    with pytest.raises(IndexOutdatedError, match="--rebuild"):
        build(store, folder)
    build(store, folder, rebuild=True)
    assert searcher(store).search("lease", 1).hits[0].passage.document == "docs/lease.txt"
    assert store.path.with_name(DATABASE + ".damaged-1").exists()


def test_another_programs_database_is_left_alone(store: Store, folder: Path) -> None:
    store.folder.mkdir()
    edit(store, "CREATE TABLE theirs (x)")
    before = store.path.read_bytes()
    with pytest.raises(IndexIncompatibleError, match=r"not an index.*--index"):
        build(store, folder)
    assert store.path.read_bytes() == before
    assert sqlite3.connect(store.path).execute("SELECT count(*) FROM sqlite_schema").fetchone() == (1,)


def test_row_damage_in_another_folder_does_not_stop_a_rebuild(
    store: Store, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build(store, folder)
    edit(store, "UPDATE documents SET text = 'x' WHERE name = 'docs/lease.txt'")
    build(store, folder / "sub", rebuild=True)
    assert "store.sqlite3.damaged-1" in caplog.text
    assert [check.name for check in examine(store, WordEncoder) if not check.ok] == ["remains"]
    (store.folder / (DATABASE + ".damaged-1")).unlink()
    assert all(check.ok for check in examine(store, WordEncoder))


def test_a_rebuild_leaves_another_programs_database_alone(store: Store, folder: Path) -> None:
    store.folder.mkdir()
    edit(store, "CREATE TABLE theirs (x)")
    with pytest.raises(IndexIncompatibleError, match=r"not an index.*--index"):
        build(store, folder, rebuild=True)
    assert store.set_aside() == []


def test_a_folder_with_other_files_is_no_place_for_an_index(folder: Path) -> None:
    (folder / "lexical").mkdir()
    (folder / "lexical" / "novel.txt").write_text("Once upon a time.")
    with pytest.raises(StorageError, match="holds other files"):
        build(Store(folder), folder)
    assert (folder / "lexical" / "novel.txt").exists()


def test_the_callers_error_passes_through_the_lock(store: Store, folder: Path) -> None:
    build(store, folder)

    def fail() -> None:
        with store.locked_if_free() as locked:
            assert locked
            raise OSError("the caller's own")

    with pytest.raises(OSError, match="the caller's own"):
        fail()


def test_what_is_removed_leaves_the_log_even_if_someone_was_reading(
    store: Store, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "secret.txt").write_text("Xylophonist.")
    build(store, folder)
    (folder / "secret.txt").unlink()
    with store.snapshot():
        build(store, folder)
        assert "someone is reading" in caplog.text
    build(store, folder)
    for path in store.folder.rglob("*"):
        assert not path.is_file() or b"ylophonist" not in path.read_bytes()


def test_a_read_only_copy_with_an_unread_log_is_refused(store: Store, folder: Path, tmp_path: Path) -> None:
    build(store, folder)
    (folder / "new.txt").write_text("Newer.")
    with store.snapshot():
        build(store, folder)
        copy = Store(tmp_path / "copy")
        shutil.copytree(store.folder, copy.folder, ignore=shutil.ignore_patterns("*-shm"))
    script = (
        "import sys; from pathlib import Path; from index.store import Store\n"
        "with Store(Path(sys.argv[1])).snapshot() as s: print(s.generation)"
    )
    copy.folder.chmod(0o555)
    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    result = subprocess.run(
        [*prefix, sys.executable, "-c", script, str(copy.folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    copy.folder.chmod(0o755)
    assert result.stdout == "", "an older generation must not be shown as the newest"
    assert "StorageError" in result.stderr
