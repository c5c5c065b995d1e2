"""A local copy of a table: what a step takes over, when all is made anew, and that nobody sees half of one."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding

from index.copies import CopyStore, Held
from index.copying import Step, step
from index.encoders import question_encoder
from index.errors import IndexMissingError, IndexMovedError, MigrationError, StorageError
from index.interface import IndexStore
from index.lance import LanceStore
from index.lance.snapshot import LanceSnapshot
from index.migration import contents
from index.schema import IndexMeta, checksum
from index.store import DATABASE, Store
from index.traces import prove_gone, stored_trace
from index.transaction import Transaction
from rag.assemble import index_meta
from rag.settings import Settings
from rag.vectorstore import IndexVectorStore
from tests.conftest import META, ROOT, SEED, WordEncoder, assert_one_line_error, build, clean_environment, rag, searcher
from torture.shim import SOURCE, VARIABLE


@pytest.fixture
def table(tmp_path: Path) -> LanceStore:
    return LanceStore(str(tmp_path / "index.lance"), tmp_path / ".rag")


@pytest.fixture
def copy(tmp_path: Path, table: LanceStore) -> CopyStore:
    return CopyStore(tmp_path / "copy", table.place)


def follow(table: IndexStore, copy: CopyStore, **options: bool) -> Step:
    """Take a step, make the views, and check that the copy is in step in every respect."""
    taken = step(table, copy, **options)
    copy.mend()
    with table.snapshot() as there, copy.snapshot() as here:
        assert (here.meta, here.generation, here.checksums()) == (there.meta, there.generation, there.checksums())
        assert contents(here) == contents(there)
        assert here.files() == there.files()
        assert Held.read(here.copied).commit == there.commit
    for question in ("When does the lease end?", "fish and mice", "dogs chase cats"):
        assert answers(copy, question) == answers(table, question)
    return taken


def answers(store: IndexStore, question: str) -> list[object]:
    """Return the best hit, then all with ids, spans and scores to five digits; equal ones may be in any order."""
    hits = searcher(store).search(question, 9).hits
    found = [(hit.passage, *(score and round(score, 5) for score in (hit.dense, hit.lexical))) for hit in hits]
    return [*(hit.passage for hit in hits[:1]), *sorted(found, key=lambda hit: hit[0].id)]


def changed(taken: Step) -> tuple[int, int, str]:
    return taken.added, taken.removed, taken.anew


def test_a_copy_holds_what_the_table_holds_and_then_takes_the_changes_only(
    table: LanceStore, copy: CopyStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "bad.txt").write_bytes(b"\0")
    build(table, folder)
    assert changed(follow(table, copy)) == (3, 0, "there was none")
    read: list[int] = []
    whole_rows = LanceSnapshot.whole_rows

    def noted(self: LanceSnapshot, ids: Collection[int]) -> Iterator[object]:
        read.extend(ids)
        return whole_rows(self, ids)

    monkeypatch.setattr(LanceSnapshot, "whole_rows", noted)
    assert step(table, copy).changed is False
    (folder / "lease.txt").write_text("The lease ends on 4 May 2032.")
    (folder / "cats.md").unlink()
    (folder / "new.txt").write_text("Quite new.")
    build(table, folder)
    with table.snapshot() as there:
        ids = {there.id_of("docs/lease.txt"), there.id_of("docs/new.txt")}
    taken = step(table, copy)
    assert (changed(taken), set(read), len(read)) == ((2, 2, ""), ids, 2), "the dogs were not read"
    follow(table, copy)


def test_what_a_file_says_about_itself_and_texts_of_the_api_are_followed(table: LanceStore, copy: CopyStore) -> None:
    embedding = DeterministicFakeEmbedding(size=6)
    texts = IndexVectorStore(table, embedding)
    texts.add_texts(["zebra", "lion"], [{"page": 3}, {}], ids=["z", "l"])
    step(table, copy)
    texts.add_texts(["zebra"], [{"page": 4}], ids=["z"])
    texts.delete(["l"])
    assert changed(step(table, copy)) == (1, 2, "")
    copy.mend()
    (document,) = IndexVectorStore(copy, embedding).get_by_ids(["z", "l"])
    assert (document.page_content, document.metadata) == ("zebra", {"page": 4})


def test_what_is_known_of_files_is_followed_without_a_new_generation(
    table: LanceStore, copy: CopyStore, folder: Path
) -> None:
    build(table, folder)
    follow(table, copy)
    with copy.snapshot() as before:
        commit = before.commit
    (folder / "bad.txt").write_bytes(b"\0")
    build(table, folder)
    assert follow(table, copy).changed is False
    with copy.snapshot() as here:
        assert here.commit == commit, "views and searchers need nothing new"
        assert here.files()["docs/bad.txt"].reason


@pytest.mark.parametrize(
    ("meta", "said"),
    [(IndexMeta(META.encoder, 20, 0), "other sizes"), (IndexMeta("words@32", 40, 1), "another model")],
    ids=["chunk size", "encoder"],
)
def test_a_rebuild_is_a_copy_made_anew(
    table: LanceStore, copy: CopyStore, folder: Path, meta: IndexMeta, said: str
) -> None:
    class Half(WordEncoder):
        identity = "words@32"
        dimension = 32

        def encode(self, texts: list[str]) -> object:
            return super().encode(texts)[:, :32]

    from index.build import Builder

    build(table, folder)
    follow(table, copy)
    encoder = Half if meta.encoder == Half.identity else WordEncoder
    Builder(table, meta, encoder).build(folder, rebuild=True)
    taken = step(table, copy)
    assert said in taken.anew
    copy.mend()
    with table.snapshot() as there, copy.snapshot() as here:
        assert (here.meta, here.dimension, here.checksums()) == (meta, there.dimension, there.checksums())
        vector = encoder().encode(["lease rent"])[0]
        found = [dict(store.rankings(s).dense(s, vector, 9)) for store, s in ((table, there), (copy, here))]
        assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_what_is_removed_from_the_table_is_nowhere_in_the_copy(
    table: LanceStore, copy: CopyStore, folder: Path
) -> None:
    (folder / "secret.txt").write_text("The xylophonist Quibblethwaite hid the marzipan under seventeen umbrellas.")
    build(table, folder)
    follow(table, copy)
    with copy.snapshot() as here:
        trace = stored_trace(here, here.id_of("docs/secret.txt"), "docs/secret.txt")
    assert prove_gone(copy, [trace]).pieces == 0, "there it is, so nothing proves that it is not"
    (folder / "secret.txt").unlink()
    build(table, folder)
    follow(table, copy)
    assert prove_gone(copy, [trace]).found == []


def test_what_a_reader_kept_in_the_log_leaves_it_when_he_is_gone(
    table: LanceStore, copy: CopyStore, folder: Path
) -> None:
    build(table, folder)
    follow(table, copy)
    log = Path(f"{copy.path}-wal")
    with copy.snapshot() as reader:
        reader.counts()
        (folder / "lease.txt").unlink()
        build(table, folder)
        step(table, copy)
        assert log.stat().st_size, "he reads the generation before"
        assert reader.text_of("docs/lease.txt")
    copy.empty_log()
    assert not log.exists() or not log.stat().st_size


def test_a_step_that_fails_in_the_middle_changes_nothing(
    table: LanceStore, copy: CopyStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(table, folder)
    follow(table, copy)
    before = answers(copy, "lease rent")
    (folder / "ants.txt").write_text("All ants work for the queen.")
    (folder / "bees.txt").write_text("Bees chase nobody.")
    (folder / "lease.txt").unlink()
    build(table, folder)
    take, calls = Transaction.take, []

    def fail(self: Transaction, *row: object) -> None:
        calls.append(row)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        take(self, *row)

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "take", fail)
        with pytest.raises(OSError, match="No space"):
            step(table, copy)
    assert answers(copy, "lease rent") == before
    follow(table, copy)


def test_a_version_that_goes_while_it_is_read_is_no_failure(
    table: LanceStore, copy: CopyStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(table, folder)
    whole_rows, calls = LanceSnapshot.whole_rows, []

    def moved(self: LanceSnapshot, ids: Collection[int]) -> Iterator[object]:
        for row in whole_rows(self, ids):
            yield row
            calls.append(row)
            if len(calls) == 1:
                (folder / "cats.md").unlink()
                build(table, folder)
                raise IndexMovedError("gone")

    monkeypatch.setattr(LanceSnapshot, "whole_rows", moved)
    assert step(table, copy).held.generation == 2
    monkeypatch.undo()
    assert follow(table, copy).changed is False


@pytest.mark.parametrize("damage", ["garbage", "truncated", "a row", "older"])
def test_a_damaged_copy_is_made_anew(table: LanceStore, copy: CopyStore, folder: Path, damage: str) -> None:
    build(table, folder)
    follow(table, copy)
    if damage in ("garbage", "truncated"):
        data = copy.path.read_bytes()
        copy.path.write_bytes({"garbage": b"garbage" * 5_000, "truncated": data[:3_000]}[damage])
    else:
        edit(copy, "PRAGMA user_version = 1" if damage == "older" else "UPDATE chunks SET start = start + 1")
    taken = follow(table, copy, verify=damage == "a row")
    assert (taken.added, bool(taken.anew)) == (3, True)
    assert not list(copy.folder.glob(f"{DATABASE}.damaged*")), "nothing that was removed may stay in it"


def edit(store: Store, statement: str) -> None:
    connection = sqlite3.connect(store.path)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO commits VALUES (7, 'theirs', '')",
        "DELETE FROM meta WHERE key = 'copied'",
        "UPDATE meta SET value = '{\"of\": 1}' WHERE key = 'copied'",
        "UPDATE meta SET value = replace(value, 'index.lance', 'other.lance') WHERE key = 'copied'",
    ],
)
def test_a_copy_that_does_not_fit_is_made_anew(
    table: LanceStore, copy: CopyStore, folder: Path, statement: str
) -> None:
    build(table, folder)
    follow(table, copy)
    edit(copy, statement)
    assert follow(table, copy).anew


def test_a_copy_of_another_table_is_made_anew(table: LanceStore, copy: CopyStore, folder: Path, tmp_path: Path) -> None:
    build(table, folder)
    follow(table, copy)
    other = LanceStore(str(tmp_path / "other.lance"), tmp_path / ".rag")
    build(other, folder / "sub")
    assert "index.lance" in follow(other, CopyStore(copy.folder, other.place)).anew


def test_a_table_that_was_set_back_is_not_mixed_with_what_it_was(
    table: LanceStore, copy: CopyStore, folder: Path, tmp_path: Path
) -> None:
    build(table, folder)
    shutil.copytree(table.place, tmp_path / "backup")
    for text in ("One way.", "One way, and on."):
        (folder / "way.txt").write_text(text)
        build(table, folder)
        follow(table, copy)
    shutil.rmtree(table.place)
    shutil.copytree(tmp_path / "backup", table.place)
    assert "another way" in follow(table, copy).anew, "an older generation"
    for text in ("The other way.", "The other way, and on.", "The other way, and on and on."):
        (folder / "way.txt").write_text(text)
        build(LanceStore(table.place, table.folder), folder)
    follow(LanceStore(table.place, table.folder), copy)


def test_a_row_that_differs_in_the_copy_is_found_by_verify(table: LanceStore, copy: CopyStore, folder: Path) -> None:
    build(table, folder)
    follow(table, copy)
    with copy.transaction(META) as transaction:  # sound by all checksums, and not what the table holds
        ((_, _, chunks),) = transaction.snapshot.whole_rows([transaction.snapshot.id_of("docs/cats.md")])
        key, vector = chunks[0][1], WordEncoder().encode(["quite another"])[0].tobytes()
        _, _, *columns, _, digest, _ = chunks[0]
        new = checksum(key, *columns, digest, vector=vector)
        transaction._connection.execute("UPDATE chunks SET vector = ?, checksum = ? WHERE key = ?", (vector, new, key))
    assert step(table, copy).changed is False
    assert "read" in follow(table, copy, verify=True).anew
    assert follow(table, copy, verify=True).anew == ""


def test_a_damaged_table_leaves_the_copy_as_it_was(table: LanceStore, copy: CopyStore, folder: Path) -> None:
    build(table, folder)
    follow(table, copy)
    before = answers(copy, "lease rent")
    (folder / "new.txt").write_text("New.")
    build(table, folder)
    table.latest().update({"heading": "'[\"other\"]'"}, where="kind = 'chunk'")
    with pytest.raises(MigrationError, match=r"index\.lance is damaged, and its copy stays"):
        step(table, copy)
    assert answers(copy, "lease rent") == before


def test_an_index_of_somebodys_own_is_never_replaced(table: LanceStore, folder: Path, tmp_path: Path) -> None:
    build(table, folder)
    own = Store(tmp_path / "own")
    build(own, folder / "sub")
    with pytest.raises(StorageError, match="holds an index that is no copy"):
        step(table, CopyStore(own.folder, table.place))
    with own.snapshot() as snapshot:
        assert snapshot.counts()[0] == 1
    with pytest.raises(StorageError, match=r"holds other files .* with --copy"):
        step(table, CopyStore(folder, table.place))


def test_nothing_else_writes_to_a_copy(table: LanceStore, copy: CopyStore, folder: Path) -> None:
    build(table, folder)
    follow(table, copy)
    with pytest.raises(StorageError, match="is a copy: write to what it is of"):
        build(Store(copy.folder), folder)
    assert answers(Store(copy.folder), "lease rent") == answers(copy, "lease rent"), "it may be read"


def test_an_empty_table_has_an_empty_copy_and_no_table_has_none(
    table: LanceStore, copy: CopyStore, folder: Path
) -> None:
    with pytest.raises(IndexMissingError, match=r"no index at .*index\.lance"):
        step(table, copy)
    build(table, folder)
    with table.transaction(META) as transaction:
        for name in ("docs/lease.txt", "docs/cats.md", "docs/sub/dogs.txt"):
            transaction.remove(name)
    table.mend()
    follow(table, copy)
    with copy.snapshot() as here:
        assert here.counts() == (0, 0)


KILLED = """
import ctypes, os, sys
from pathlib import Path
from index.copies import CopyStore
from index.copying import step
from index.store import Store
from torture.shim import Fault, arm, steps
source, copy = Store(Path(sys.argv[1])), CopyStore(Path(sys.argv[2]), sys.argv[1])
at = int(sys.argv[3])
arm(copy.folder, at, Fault.TEAR if at % 2 else Fault.KILL if at else Fault.NOTHING)
step(source, copy)
copy.mend()
print(steps())
"""


@pytest.mark.parametrize("first", [True, False], ids=["the first copy", "a change"])
def test_a_step_that_is_killed_leaves_the_copy_before_or_after(tmp_path: Path, folder: Path, first: bool) -> None:
    shim = tmp_path / "shim.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", shim, SOURCE], check=True)
    source = Store(tmp_path / ".rag")
    build(source, folder)
    before = CopyStore(tmp_path / "before", source.place)
    if not first:
        follow(source, before)
        (folder / "lease.txt").write_text("The lease ends on 4 May 2032.")
        (folder / "cats.md").unlink()
        (folder / "new.txt").write_text("Fish and mice chase the new dogs.")
        build(source, folder)
    else:
        before.folder.mkdir()

    def run(copy: Path, at: int) -> subprocess.CompletedProcess[str]:
        environment = {**clean_environment(), VARIABLE: str(shim), "LD_PRELOAD": str(shim), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", KILLED, str(source.folder), str(copy), str(at)]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    shutil.copytree(before.folder, tmp_path / "counted")
    counted = run(tmp_path / "counted", 0)
    assert counted.returncode == 0, counted.stderr
    count = int(counted.stdout)
    states = set()
    for trial in range(8):
        copy = CopyStore(tmp_path / f"copy{trial}", source.place)
        shutil.copytree(before.folder, copy.folder)
        killed = run(copy.folder, 1 + trial * count // 8)
        assert killed.returncode == -9, killed.stderr
        held = copy.held()
        states.add(held.generation if held else 0)
        if held:
            with copy.snapshot() as here:
                assert (here.counts()[0], here.generation) == (3, held.generation)
                here.check_pages()
                here.check_rows()
        follow(source, copy)
    assert states <= ({0, 1} if first else {1, 2})
    assert len(states) == 2, "some were killed before the commit, and some after it"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a table of a real document, with the real encoder."""
    from index.build import Builder

    home = tmp_path_factory.mktemp("home")
    settings = Settings(index=home / ".rag", table=str(home / "notes.lance"))
    (home / "docs").mkdir()
    shutil.copy(SEED, home / "docs")
    table = LanceStore(settings.table, settings.index)
    Builder(table, index_meta(settings), question_encoder).build(home / "docs")
    return home


def test_the_commands_ask_the_copy_and_say_how_old_it_is(made: Path) -> None:
    place, copy = str(made / "notes.lance"), str(made / "copy")
    settings = {"RAG_INDEX": place, "RAG_COPY": copy}
    assert_one_line_error(rag("follow", "--index", place, cwd=made), 1, "give --copy FOLDER")
    assert_one_line_error(rag("follow", "--copy", copy, cwd=made), 1, "is no table")
    assert_one_line_error(rag("status", cwd=made, **settings), 1, "there is no copy of", "`rag follow` makes it")
    done = rag("follow", cwd=made, **settings)
    assert "1 documents copied, 0 removed, made anew: there was none" in done.stdout, done.stderr
    status = rag("status", cwd=made, **settings).stdout
    assert "in step     yes" in status, status
    assert "copy of" in status
    shutil.move(place, f"{place}-away")
    try:
        found = rag("search", "Why was he deported?", cwd=made, **settings)
        assert (found.returncode, SEED.name in found.stdout) == (0, True), found.stderr
        assert found.stderr.count("no index at") == 1
        assert "generation 1, last in step at" in found.stderr
        assert "in step     last seen at" in rag("status", cwd=made, **settings).stdout
        assert_one_line_error(rag("follow", cwd=made, **settings), 1, "no index at")
        doctor = rag("doctor", cwd=made, **settings)
        assert (doctor.returncode, "BAD" in doctor.stdout) == (0, False), doctor.stdout + doctor.stderr
    finally:
        shutil.move(f"{place}-away", place)
    assert "0 documents copied, 0 removed, all compared" in rag("follow", "--verify", cwd=made, **settings).stdout
    for damage in ("UPDATE documents SET text = text || '!'", "UPDATE chunks SET start = start + 1"):
        edit(CopyStore(made / "copy", place), damage)
        doctor = rag("doctor", cwd=made, **settings)
        assert f"the copy in {copy} is damaged" in doctor.stdout, doctor.stdout
        assert_one_line_error(doctor, 1, "run `rag follow --verify`")
        assert rag("follow", "--verify", cwd=made, **settings).returncode == 0
        assert rag("doctor", cwd=made, **settings).returncode == 0
