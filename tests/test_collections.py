"""Collections in the terminal and on the disk: making, naming, listing and removing them, and what is left of one."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.build import list_folders
from index.collections import checked_name, folder_of, known, name_of, root_of, uploads_of
from index.documents import document_name, names_base
from index.errors import CollectionError, CollectionMissingError, IndexBusyError, IndexMissingError, RagError
from index.store import Store
from index.traces import prove_gone, stored_trace
from rag import Chatbot
from rag.removal import remove, remove_collection
from rag.settings import SettingError, Settings
from server.accounts import FILE, Accounts
from server.passwords import hash_password
from tests.conftest import assert_one_line_error, build, rag, searcher
from ui.conversations import Conversations
from ui.visitor import Role


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two collections, indexed by the command, beside an empty default one."""
    home = tmp_path_factory.mktemp("collections")
    for name, text in (("legal", "The lease ends in May 2031.\n"), ("hr", "Ana's salary is 4711 euros.\n")):
        (home / name).mkdir()
        (home / name / f"{name}.txt").write_text(text)
        done = rag("index", name, "--collection", name, cwd=home)
        assert done.returncode == 0, done.stderr
    return home


def found(home: Path, *arguments: str, **environment: str) -> set[str]:
    done = rag("search", "euros lease", "--json", *arguments, cwd=home, **environment)
    assert done.returncode == 0, done.stderr
    return {hit["document"] for hit in json.loads(done.stdout)["hits"]}


def test_each_answers_from_its_own_documents_however_it_is_named(home: Path) -> None:
    assert found(home, "--collection", "legal") == {"legal/legal.txt"}
    assert found(home, RAG_COLLECTION="hr") == {"hr/hr.txt"}
    (home / "rag.toml").write_text('collection = "hr"\n')
    assert found(home) == {"hr/hr.txt"}
    config = json.loads(rag("config", "--json", "--collection", "legal", cwd=home).stdout)["settings"]
    assert config["collection"] == {"value": "legal", "from": "flag"}
    assert config["index"]["value"] == ".rag"
    (home / "rag.toml").unlink()
    assert_one_line_error(rag("search", "lease", cwd=home), 1, "no index at .rag: run `rag index FOLDER` first")


def test_the_list_says_what_each_holds(home: Path) -> None:
    listed = json.loads(rag("collection", "list", "--json", cwd=home).stdout)["collections"]
    assert [(one["name"], one["documents"], one["passages"]) for one in listed] == [
        ("default", 0, 0),
        ("hr", 1, 1),
        ("legal", 1, 1),
    ]
    assert all(one["bytes"] > 10_000 for one in listed[1:])
    assert listed[0]["bytes"] == 0, "what collections hold is not the default one's"
    assert "legal: 1 documents, 1 passages, " in rag("collection", "list", cwd=home).stdout


@pytest.mark.parametrize(
    "command",
    [
        *(["search", "x"], ["ask", "x"], ["status"], ["doctor"], ["remove", "x", "--yes"], ["feedback"], ["serve"]),
        *(["export", "f"], ["backup", "f"], ["mcp"], ["chat"]),
    ],
    ids=lambda command: command[0],
)
def test_one_that_does_not_exist_is_not_made_by_asking_and_the_nearest_is_named(home: Path, command: list[str]) -> None:
    before = sorted(home.rglob("*"))
    done = rag(*command, "--collection", "lega", cwd=home)
    assert_one_line_error(done, 1, "there is no collection lega: `rag collection list` lists all; the nearest is legal")
    assert sorted(home.rglob("*")) == before


def test_a_user_is_given_collections_that_there_are(home: Path) -> None:
    def user(*arguments: str) -> None:
        done = rag("user", *arguments, cwd=home, stdin=b"long enough\n")
        assert done.returncode == 0, done.stderr

    user("add", "ana", "--collection", "legal", "--collection", "hr")
    user("add", "ben")
    user("change", "ben", "--role", "editor")
    listed = json.loads(rag("user", "list", "--json", cwd=home).stdout)["users"]
    assert [(one["name"], one["collections"]) for one in listed] == [("ana", ["legal", "hr"]), ("ben", [])]
    assert "(legal, hr)" in rag("user", "list", cwd=home).stdout
    unknown = rag("user", "change", "ben", "--collection", "lega", cwd=home)
    assert_one_line_error(unknown, 1, "there is no collection lega", "the nearest is legal")
    refused = rag("collection", "remove", "legal", "--yes", cwd=home)
    assert_one_line_error(refused, 1, "ana may ask legal: give them others first (`rag user change ana --collection")
    assert (home / ".rag" / FILE).exists(), "users are of the whole index"
    user("change", "ana", "--collection", "default")
    user("remove", "ana")
    user("remove", "ben")


def test_a_whole_collection_moves_by_a_file_and_goes_without_a_trace(home: Path) -> None:
    def run(*arguments: str) -> None:
        done = rag(*arguments, cwd=home)
        assert done.returncode == 0, done.stderr

    run("collection", "add", "copy")
    assert_one_line_error(rag("collection", "add", "copy", cwd=home), 1, "there is a collection copy already")
    assert_one_line_error(rag("status", "--collection", "copy", cwd=home), 1, "FOLDER --collection copy` first")
    run("export", "hr.ragindex", "--collection", "hr")
    run("import", "hr.ragindex", "--collection", "copy")
    assert found(home, "--collection", "copy") == {"hr/hr.txt"}
    run("doctor", "--collection", "copy")
    asks = rag("collection", "remove", "copy", cwd=home)
    assert (asks.returncode, "1 documents to remove: add --yes" in asks.stderr) == (2, True)
    run("collection", "remove", "copy", "--yes")
    assert_one_line_error(rag("collection", "remove", "copy", "--yes", cwd=home), 1, "there is no collection copy")
    assert_one_line_error(rag("collection", "remove", "default", "--yes", cwd=home), 1, "the index folder itself")
    assert known(home / ".rag") == ["hr", "legal"]
    assert not list(home.rglob("*copy*"))


def test_a_chatbot_is_opened_on_one(home: Path) -> None:
    bot = Chatbot.open(index=home / ".rag", collection="hr")
    assert bot.ask("What is Ana's salary?").claims[0].text == "Ana's salary is 4711 euros."
    with pytest.raises(CollectionMissingError):
        Chatbot.open(index=home / ".rag", collection="h").ask("What is Ana's salary?")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "../a",
        "a\\b",
        ".hidden",
        "a.",
        "-a",
        "a b",
        "a\nb",
        "a\0b",
        "a:b",
        "x" * 101,
        "é" * 51,
        "a@b",
    ],
)
def test_a_name_that_is_no_step_of_a_path_is_refused(name: str) -> None:
    with pytest.raises(CollectionError, match="cannot be a collection's name"):
        checked_name(name)
    with pytest.raises(CollectionError):
        Settings.from_environment(collection=name)


@pytest.mark.parametrize("name", ["legal", "Verträge-2031", "法務", "हिन्दी", "a.b_c", "1"])
def test_letters_of_every_script_make_a_name(name: str, tmp_path: Path) -> None:
    store = Store(folder_of(tmp_path / ".rag", name))
    store.make_folder()
    assert known(tmp_path / ".rag") == [name]
    assert name_of(store.folder) == name


@given(st.text(max_size=40))
def test_whatever_the_name_its_folder_is_right_below_the_index_or_it_is_refused(name: str) -> None:
    root = Path("/srv/.rag")
    try:
        folder = folder_of(root, name)
    except CollectionError:
        return
    assert folder.parent == root or (folder, checked_name(name)) == (root, "default")
    assert name_of(folder) == checked_name(name)
    assert root_of(folder) == root


def test_a_name_is_one_however_its_letters_are_written(tmp_path: Path) -> None:
    root = tmp_path / ".rag"
    Store(folder_of(root, "Bu\u0308ro")).make_folder()
    assert known(root) == ["B\u00fcro"]
    with pytest.raises(CollectionError, match="there is a collection Büro: büro would be too like it"):
        Store(folder_of(root, "büro")).make_folder()
    with pytest.raises(CollectionError, match="is a collection itself"):
        folder_of(folder_of(root, "Büro"), "inner")


def test_a_table_holds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="is a table, which holds one collection"):
        Settings.from_environment(index="s3://bucket/notes", collection="legal")
    assert Settings.from_environment(index="s3://bucket/notes", collection="default").table == "s3://bucket/notes"


def test_a_folder_of_other_files_does_not_get_collections(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Ana")
    with pytest.raises(RagError, match="holds other files"):
        Store(folder_of(tmp_path, "legal")).make_folder()
    assert list(tmp_path.iterdir()) == [tmp_path / "letter.txt"]


def test_names_of_documents_do_not_depend_on_the_collection(tmp_path: Path) -> None:
    root = tmp_path / ".rag"
    path = tmp_path / "docs" / "a.txt"
    assert names_base(folder_of(root, "legal")) == names_base(root)
    assert document_name(path, names_base(folder_of(root, "legal"))) == "docs/a.txt"


def both(tmp_path: Path, folder: Path, index: str = ".rag") -> tuple[Store, Store]:
    """Return the default collection and another, both of the same documents."""
    stores = Store(tmp_path / index), Store(folder_of(tmp_path / index, "legal"))
    for store in stores:
        build(store, folder)
    return stores


@pytest.mark.parametrize("index", [".rag", "index"])
def test_a_pass_over_everything_leaves_out_what_was_uploaded_to_others(
    tmp_path: Path, folder: Path, index: str
) -> None:
    first, legal = both(tmp_path, folder, index)
    for store, name in ((first, "plain"), (legal, "secret")):
        uploads_of(store.folder).mkdir()
        (uploads_of(store.folder) / f"{name}.txt").write_text(f"{name}\n")
    (tmp_path / "uploads@home").mkdir()
    (tmp_path / "uploads@home" / "mine.txt").write_text("There is no collection of this name.\n")

    def listed(store: Store) -> set[str]:
        return {source.name for source in list_folders([tmp_path], store.folder).files}

    same = {"docs/lease.txt", "docs/cats.md", "docs/sub/dogs.txt", "uploads@home/mine.txt"}
    assert listed(first) == {*same, "uploads/plain.txt"}
    assert listed(legal) == {*same, "uploads@legal/secret.txt"}


def test_words_of_one_weigh_nothing_in_another(tmp_path: Path, folder: Path) -> None:
    """BM25 knows how many documents have a word: those of another collection must not count."""
    first, legal = both(tmp_path, folder)
    before = [(hit.passage.document, hit.lexical) for hit in searcher(legal).search("lease cats", 5).hits]
    for number in range(20):
        (folder / f"more{number}.txt").write_text(f"The lease number {number}.\n")
    build(first, folder)
    assert [(hit.passage.document, hit.lexical) for hit in searcher(legal).search("lease cats", 5).hits] == before


def test_what_is_removed_from_one_is_gone_there_and_stays_in_the_other(tmp_path: Path, folder: Path) -> None:
    first, legal = both(tmp_path, folder)
    with first.snapshot() as snapshot:
        trace = stored_trace(snapshot, snapshot.id_of("docs/lease.txt"), "docs/lease.txt")
    remove(first, ["docs/lease.txt"])
    assert prove_gone(first, [trace]).found == []
    assert prove_gone(legal, [trace]).pieces == 0, "there it is, so nothing proves that it is not"
    assert [hit.passage.document for hit in searcher(legal).search("lease", 1).hits] == ["docs/lease.txt"]


def test_a_removed_collection_leaves_no_byte_and_the_others_are_as_they_were(tmp_path: Path, folder: Path) -> None:
    first, legal = both(tmp_path, folder)
    (folder / "secret.txt").write_text("The safe opens with zebrawood.\n")
    build(legal, folder)
    (folder / "secret.txt").unlink()
    Conversations.of(Settings(index=legal.folder)).start("ana", "zebrawood?")
    uploads_of(legal.folder).mkdir()
    (uploads_of(legal.folder) / "more.txt").write_text("zebrawood\n")
    before = {path: path.read_bytes() for path in files(first.folder) if not path.is_relative_to(legal.folder)}
    assert [path for path in files(tmp_path) if b"zebrawood" in path.read_bytes()]
    remove_collection(legal.folder)
    assert [path for path in files(tmp_path) if b"zebrawood" in path.read_bytes() or "legal" in str(path)] == []
    assert {path: path.read_bytes() for path in files(first.folder)} == before
    with pytest.raises(CollectionMissingError), legal.snapshot():
        pass
    with pytest.raises(CollectionMissingError):
        Conversations.of(Settings(index=legal.folder)).start("ana", "Again?")
    assert not legal.folder.exists(), "a server that runs does not make it again"


def files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_removal_that_was_killed_is_finished_by_the_next(tmp_path: Path, folder: Path) -> None:
    first, legal = both(tmp_path, folder)
    uploads_of(legal.folder).mkdir()
    (uploads_of(legal.folder) / "secret.txt").write_text("secret\n")
    legal.folder.rename(legal.folder.with_name("legal.collection.removed"))  # and there it was killed
    assert known(first.folder) == []
    assert "uploads@legal/secret.txt" not in {s.name for s in list_folders([tmp_path], first.folder).files}
    build(first, folder)
    with pytest.raises(CollectionMissingError):
        remove_collection(legal.folder)
    assert not list(tmp_path.rglob("*legal*"))


def test_a_collection_is_not_removed_under_a_writer(tmp_path: Path, folder: Path) -> None:
    _, legal = both(tmp_path, folder)
    with legal.locked(), pytest.raises(IndexBusyError):
        remove_collection(legal.folder)
    with legal.snapshot() as snapshot:
        assert snapshot.counts()[0] == 3


def test_accounts_of_a_time_before_collections_open_with_the_default_one(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as db:
        db.executescript(
            "CREATE TABLE users (name TEXT PRIMARY KEY, password TEXT NOT NULL, role TEXT NOT NULL,"
            " documents TEXT NOT NULL, created TEXT NOT NULL);"
            "CREATE TABLE tokens (id TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,"
            " digest TEXT NOT NULL UNIQUE, label TEXT NOT NULL, created TEXT NOT NULL);"
        )
        row = ("ana", hash_password("long enough", cost=2), "reader", "path:x/*", "2026-01-01")
        db.execute("INSERT INTO users VALUES (?, ?, ?, ?, ?)", row)
    accounts = Accounts.of(Settings(index=tmp_path), cost=2)
    user = accounts.by_password("ana", "long enough")
    assert user is not None
    assert (user.documents, user.collections) == ("path:x/*", ())
    accounts.change("ana", collections=["legal", "hr", "legal"])
    assert accounts.by_token(accounts.make_token("ana")[1]).collections == ("legal", "hr")
    accounts.change("ana", role=Role.EDITOR)
    assert accounts.users()[0].collections == ("legal", "hr")
    with pytest.raises(RagError, match="an admin has all collections"):
        accounts.change("ana", role=Role.ADMIN, documents="")
    accounts.change("ana", role=Role.ADMIN, documents="", collections=["default"])
    assert accounts.users()[0].collections == ()
    accounts.remove("ana")
    with sqlite3.connect(tmp_path / FILE) as db:
        assert db.execute("SELECT count(*) FROM collections").fetchone() == (0,)


def test_an_empty_one_is_asked_in_vain(tmp_path: Path) -> None:
    store = Store(folder_of(tmp_path / ".rag", "new"))
    store.make_folder()
    with pytest.raises(IndexMissingError, match="run `rag index FOLDER --collection new` first"), store.snapshot():
        pass
