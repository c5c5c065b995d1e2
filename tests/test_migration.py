import json
from pathlib import Path

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding

from index.build import Builder
from index.encoders import question_encoder
from index.errors import IndexMissingError, MigrationError
from index.interface import IndexStore
from index.migration import compare, contents, migrate
from index.store import Store
from rag.assemble import index_meta, open_store
from rag.settings import Settings
from rag.vectorstore import IndexVectorStore
from tests.conftest import BOOT, META, SEED, WordEncoder, assert_one_line_error, build, rag, searcher
from tests.places import open_place

pytestmark = pytest.mark.everywhere


@pytest.fixture
def other(store: IndexStore, tmp_path: Path) -> IndexStore:
    """Return an empty index of the other kind, in the same folder, so that documents have the same names."""
    return open_place("lance" if isinstance(store, Store) else "local", tmp_path)


def found(store: IndexStore, question: str) -> dict[str, float]:
    """Return how every passage scores in each list; equal ones may stand in either order, so ranks are not compared."""
    hits = searcher(store).search(question, 9).hits
    scores = {(hit.passage.key, name): getattr(hit, name) for hit in hits for name in ("dense", "lexical")}
    return {f"{key} {name}": score for (key, name), score in scores.items() if score is not None}


def everything(store: IndexStore) -> object:
    with store.snapshot() as snapshot:
        return snapshot.meta, contents(snapshot), snapshot.files()


def test_a_copy_holds_the_same_and_finds_the_same(store: IndexStore, other: IndexStore, folder: Path) -> None:
    (folder / "bad.txt").write_bytes(b"\0")
    build(store, folder)
    (folder / "cats.md").unlink()
    (folder / "late.txt").write_text("Late.\r\nE\u0301te\u0301 was warm.")
    build(store, folder)
    migrate(store, other)
    assert everything(other) == everything(store)
    for question in ("lease rent", "été", "dogs chase cats"):
        assert found(other, question) == pytest.approx(found(store, question), rel=1e-5, abs=1e-6)

    def no_encoder() -> WordEncoder:
        raise AssertionError("something was encoded again")

    assert Builder(other, META, no_encoder).build(folder).unchanged == 3, "and `rag index` goes on from there"


def test_texts_of_the_api_keep_their_ids_and_metadata(store: IndexStore, other: IndexStore) -> None:
    embedding = DeterministicFakeEmbedding(size=6)
    IndexVectorStore.from_texts(["zebra"], embedding, [{"page": 3}], ids=["z"], store=store)
    migrate(store, other)
    (document,) = IndexVectorStore(other, embedding).get_by_ids(["z"])
    assert (document.page_content, document.metadata) == ("zebra", {"page": 3})


def test_an_index_that_is_there_is_left_alone(store: IndexStore, other: IndexStore, folder: Path) -> None:
    build(store, folder)
    build(other, folder / "sub")
    before = everything(other)
    with pytest.raises(MigrationError, match=r"already \(1 documents\)"):
        migrate(store, other)
    assert everything(other) == before


def test_nothing_to_copy_makes_nothing(store: IndexStore, other: IndexStore) -> None:
    with pytest.raises(IndexMissingError):
        migrate(store, other)
    with pytest.raises(IndexMissingError):
        everything(other)


def test_what_differs_is_named(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    with store.snapshot() as snapshot:
        copied = contents(snapshot)
    (folder / "lease.txt").write_text("The lease ends on 4 May 2031.")
    (folder / "cats.md").unlink()
    build(store, folder)
    with (
        store.snapshot() as snapshot,
        pytest.raises(MigrationError, match=r"2 documents .* of 3 .*cats.md, docs"),
    ):
        compare(copied, contents(snapshot), "there")


@pytest.mark.local
def test_the_commands_work_on_a_table_as_on_a_local_index(tmp_path: Path) -> None:
    settings = Settings(index=tmp_path / ".rag")
    Builder(open_store(settings), index_meta(settings), question_encoder).build(SEED.parent)
    place = str(tmp_path / "notes.lance")
    moved = rag("migrate", ".rag", place, cwd=tmp_path)
    assert "1 documents" in moved.stdout, moved.stderr
    assert_one_line_error(rag("migrate", ".rag", place, cwd=tmp_path), 1, "already")
    question = "Why wasn't Ábrego García returned?"
    answers = [
        json.loads(rag("ask", question, "--json", cwd=tmp_path, RAG_INDEX=index).stdout) for index in (".rag", place)
    ]
    for answer in answers:
        del answer["timings"]
        for passage in answer["passages"]:
            del passage["dense"], passage["lexical"], passage["score"]  # BM25 and cosine, to seven digits the same
    assert answers[0] == answers[1]
    status = json.loads(rag("status", "--json", "--index", place, cwd=tmp_path).stdout)
    assert (status["index"], status["documents"], status["generation"]) == (place, 1, 1)
    assert_one_line_error(rag("doctor", "--index", place, cwd=tmp_path), 1, "local index", "rag migrate")
    assert "1 removed" in rag("remove", only_name(place), "--yes", cwd=tmp_path, RAG_INDEX=place).stdout
    assert_one_line_error(rag("search", "x", cwd=tmp_path, RAG_INDEX=str(tmp_path / "no.lance")), 1, "no index at")


@pytest.mark.local
def test_a_table_without_lance_says_what_to_install(tmp_path: Path) -> None:
    without = "import sys; sys.modules['lance'] = None\n" + BOOT
    result = rag("status", cwd=tmp_path, boot=without, RAG_INDEX="s3://bucket/notes")
    assert_one_line_error(result, 1, "pip install 'checkable-rag[scale]'")


def only_name(place: str) -> str:
    with open_store(Settings(table=place)).snapshot() as snapshot:
        return snapshot.documents()[0].name
