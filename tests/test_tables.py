"""What is a Lance table's own: versions, writers at the same time, removal, indexes with a measured recall."""

import random
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import lance
import numpy as np
import pytest
from lance.query import BooleanQuery, MatchQuery, Occur

from index.errors import IndexBusyError, IndexDamagedError, IndexIncompatibleError, IndexMovedError, StorageError
from index.filters import parse_filter
from index.interface import IndexStore
from index.lance import LanceStore
from index.lance.indexing import VECTORS, approved
from index.lance.rankings import nearest
from index.reading import IndexSnapshot
from index.store import Store
from index.words import ANALYZERS, WEIGHTS
from rag.settings import Settings
from tests.conftest import META, ROOT, WordEncoder, build, searcher, write_twice_at_once
from ui.desk import Desk


@pytest.fixture
def table(tmp_path: Path) -> LanceStore:
    return LanceStore(str(tmp_path / "index.lance"), tmp_path / ".rag")


def names(store: LanceStore) -> list[str]:
    with store.snapshot() as snapshot:
        return [record.name for record in snapshot.documents()]


def rankings(store: IndexStore, question: str) -> list[list[float]]:
    """Return the scores of the ten best by vectors, and by words; equal ones may be in either order."""
    with store.snapshot() as snapshot:
        ranked = store.rankings(snapshot)
        vector = WordEncoder().encode([question])[0]
        return [
            [score for _, score in found]
            for found in (ranked.dense(snapshot, vector, 10), ranked.lexical(question, 10))
        ]


def test_a_search_gives_what_the_local_index_gives(table: LanceStore, store: Store, folder: Path) -> None:
    for number in range(60):
        (folder / f"{number}.txt").write_text(f"Number {number}. Ábrego returned {'again ' * (number % 9)}to zebra.")
    build(table, folder)
    build(store, folder)
    for question in ("zebra 17", "abrego returns again", "When does the lease end?", "fish and mice", "東京"):
        ours, local = rankings(table, question), rankings(store, question)
        assert ours == [pytest.approx(scores, rel=1e-5, abs=1e-6) for scores in local], question


def test_the_best_by_both_columns_are_those_of_all_scores(table: LanceStore, tmp_path: Path) -> None:
    draw = random.Random(0)
    vocabulary = ["returns", "returned", "Ábrego", "abrego", "Äpfel", "apfel", "zebra", "zebras", "of", "the"]
    (tmp_path / "many").mkdir()
    for number in range(300):
        words = draw.choices(vocabulary, weights=range(1, 11), k=draw.randint(3, 30))
        (tmp_path / "many" / f"{number}.txt").write_text(f"{' '.join(words)} {number}.")
    build(table, tmp_path / "many")
    dataset = table.latest()
    with table.snapshot() as snapshot:
        for question in ("abrego of the zebras", "Äpfel returned", "the of zebra returns 17"):
            found = table.rankings(snapshot).lexical(question, 3)
            fields = [
                (Occur.SHOULD, MatchQuery(" ".join(ANALYZERS[column].analyze(question)), column, boost=weight))
                for column, weight in WEIGHTS.items()
            ]
            scores = dataset.to_table(columns=["_score"], full_text_query=BooleanQuery(fields))["_score"].to_pylist()
            assert [score for _, score in found] == pytest.approx(sorted(scores)[:-4:-1], rel=1e-5)


def test_of_two_writers_the_second_is_refused_and_nothing_of_it_is_kept(table: LanceStore, folder: Path) -> None:
    build(table, folder)
    write_twice_at_once(table)
    assert names(table) == ["docs/cats.md", "docs/sub/dogs.txt"]


def test_a_killed_writer_leaves_nothing_and_locks_nobody_out(table: LanceStore, folder: Path) -> None:
    build(table, folder)
    script = (
        "import os, sys; from pathlib import Path\n"
        "from index.lance import LanceStore; from tests.conftest import META\n"
        "with LanceStore(sys.argv[1], Path('.')).transaction(META) as t:\n"
        "    t.remove('docs/lease.txt'); t.put(next(t.snapshot.whole_documents())); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, table.place], cwd=ROOT, check=False)
    assert killed.returncode == -9
    assert len(names(table)) == 3
    (folder / "new.txt").write_text("New.")
    assert build(table, folder).added == ["docs/new.txt"]


def test_the_browsers_desk_stands_on_a_table(table: LanceStore, folder: Path) -> None:
    build(table, folder)
    desk = Desk(Settings.from_environment(index=table.place))
    assert desk.counts() == (3, 4)
    assert [found.name for found in desk.documents()] == ["docs/cats.md", "docs/lease.txt", "docs/sub/dogs.txt"]
    assert desk.text("docs/lease.txt") == (folder / "lease.txt").read_text()
    quote = {"document": "docs/lease.txt", "start": 11, "end": 40, "quote": "The lease ends on 3 May 2031."}
    assert desk.in_document({**quote, "heading": []})["there"]
    some = desk.seen_by(parse_filter("path:docs/sub/*"))
    assert [found.name for found in some.documents()] == ["docs/sub/dogs.txt"]
    assert some.text("docs/lease.txt") is None
    assert desk.remove("docs/cats.md")
    assert desk.counts() == (2, 2)


def test_of_two_first_writers_one_is_refused(table: LanceStore, folder: Path) -> None:
    def write_meanwhile() -> None:
        with table.transaction(META) as late:
            build(table, folder)
            late.put(next(_whole(table)))

    with pytest.raises(IndexBusyError, match="another process wrote"):
        write_meanwhile()
    assert len(names(table)) == 3


def _whole(table: LanceStore) -> object:
    with table.snapshot() as snapshot:
        return snapshot.whole_documents()


def test_after_a_removal_every_file_belongs_to_the_one_version_that_is_left(table: LanceStore, folder: Path) -> None:
    (folder / "secret.txt").write_text("Xylophonist.")
    build(table, folder)
    (folder / "more.txt").write_text("More.")
    build(table, folder)
    (folder / "secret.txt").unlink()
    build(table, folder)
    dataset = lance.dataset(table.place)
    assert len(dataset.versions()) == 1
    place = Path(table.place)
    data = {file.path for fragment in dataset.get_fragments() for file in fragment.data_files()}
    assert {path.name for path in (place / "data").iterdir()} == data
    indexes = {str(part.uuid) for found in dataset.describe_indices() for part in found.segments}
    assert {path.name for path in (place / "_indices").iterdir()} == indexes
    assert not any(fragment.num_deletions for fragment in dataset.get_fragments())
    assert dataset.to_table(full_text_query="xylophonist").num_rows == 0
    assert dataset.to_table(columns=["name"])["name"].to_pylist().count("docs/secret.txt") == 0


def test_who_reads_a_version_that_is_removed_begins_again(table: LanceStore, folder: Path) -> None:
    build(table, folder)
    found = searcher(table)

    def read_while_it_goes() -> None:
        with table.snapshot() as old:
            (folder / "lease.txt").unlink()
            build(table, folder)
            old.documents()

    with pytest.raises(IndexMovedError, match="ask again"):
        read_while_it_goes()
    assert {hit.passage.document for hit in found.search("lease", 9).hits} == {"docs/cats.md", "docs/sub/dogs.txt"}


def test_a_search_whose_version_goes_is_made_again(
    table: LanceStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(table, folder)
    inner, calls = LanceStore.rankings, []

    def rankings(self: LanceStore, snapshot: object) -> object:
        calls.append(snapshot)
        if len(calls) == 1:
            (folder / "lease.txt").unlink()
            build(table, folder)
        return inner(self, snapshot)

    monkeypatch.setattr(LanceStore, "rankings", rankings)
    results = searcher(table).search("cats", 9)
    assert (results.generation, len(calls)) == (2, 2)


@pytest.mark.parametrize("column", ["text", "heading", "checksum"])
def test_a_row_that_is_not_what_was_written_is_refused(table: LanceStore, folder: Path, column: str) -> None:
    build(table, folder)
    value = "X'00'" if column == "checksum" else "'[\"other\"]'"
    lance.dataset(table.place).update({column: value}, where=f"{column} IS NOT NULL")
    with pytest.raises(IndexDamagedError, match="not what was written"):
        searcher(table).search("lease rent", 5)


@pytest.mark.parametrize(
    "read",
    [
        lambda snapshot: snapshot.names(lambda *_: True),
        lambda snapshot: snapshot.chunk_ids(lambda *_: True),
        lambda snapshot: snapshot.date_of(snapshot.documents()[0].id),
        lambda snapshot: snapshot.files(),
    ],
    ids=["names", "chunk_ids", "date_of", "files"],
)
def test_what_is_no_json_is_refused(table: LanceStore, folder: Path, read: Callable[[IndexSnapshot], object]) -> None:
    build(table, folder)
    lance.dataset(table.place).update({"metadata": "'{'"}, where="kind IN ('document', 'file')")
    with table.snapshot() as snapshot, pytest.raises(IndexDamagedError, match="not JSON"):
        read(snapshot)


def test_a_newer_format_is_refused(table: LanceStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.lance.transaction.FORMAT_VERSION", 99)
    with pytest.raises(IndexIncompatibleError, match="format 99"):
        build(table, folder)


def test_another_table_is_no_index(table: LanceStore, folder: Path) -> None:
    import pyarrow as pa

    lance.write_dataset(pa.table({"theirs": [1]}), table.place)
    with pytest.raises((StorageError, IndexDamagedError)):
        build(table, folder)
    assert lance.dataset(table.place).to_table().to_pydict() == {"theirs": [1]}


class Directions(WordEncoder):
    """Unit vectors by chance, the same for the same text."""

    def encode(self, texts: list[str]) -> np.ndarray:
        vectors = np.stack([np.random.default_rng(zlib.crc32(text.encode())).normal(size=64) for text in texts])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def many(table: LanceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LanceStore:
    """Return a table of 900 chunks, where 500 count as many."""
    monkeypatch.setattr("index.lance.indexing.INDEXED_CHUNKS", 500)
    (tmp_path / "many").mkdir()
    for number in range(900):
        (tmp_path / "many" / f"{number}.txt").write_text(f"Text {number}.")
    return table


def fill(table: LanceStore, folder: Path) -> None:
    from index.build import Builder

    Builder(table, META, Directions).build(folder)


def agreement(table: LanceStore) -> float:
    """Return the share of the ten exact neighbours that a search of the table finds."""
    found = 0
    with table.snapshot() as snapshot:
        rankings = table.rankings(snapshot)
        for query in Directions().encode([f"question {number}" for number in range(20)]):
            exact = {id_ for id_, _ in nearest(snapshot.dataset, query, 10, use_index=False)}
            found += len(exact & {id_ for id_, _ in rankings.dense(snapshot, query, 10)})
    return found / 200


def test_many_vectors_are_indexed_and_the_index_is_approved_by_its_recall(many: LanceStore, tmp_path: Path) -> None:
    fill(many, tmp_path / "many")
    assert approved(many.latest())
    assert agreement(many) >= 0.95
    (tmp_path / "many" / "new.txt").write_text("Quite new.")
    fill(many, tmp_path / "many")
    assert approved(many.latest()), "a few new vectors are compared one by one beside the index"
    with many.snapshot() as snapshot:
        query = Directions().encode(["Quite new."])[0]
        (best, _), *_ = many.rankings(snapshot).dense(snapshot, query, 1)
        assert snapshot.chunks([best])[0].text == "Quite new."


def test_an_index_of_poor_recall_is_not_used(
    many: LanceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("index.lance.rankings.PROBED", 1)  # of 30 cells: vectors by chance lie in all of them
    fill(many, tmp_path / "many")
    assert "less than 0.95" in caplog.text
    assert VECTORS not in {index.name for index in many.latest().describe_indices()}
    assert agreement(many) == 1.0


def test_an_index_that_nobody_measured_is_not_used(
    many: LanceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(many, tmp_path / "many")
    many.latest().create_index("vector", "IVF_SQ", VECTORS, metric="dot", num_partitions=30, replace=True)
    assert not approved(many.latest())
    with monkeypatch.context() as patch:
        patch.setattr("index.lance.rankings.PROBED", 1)
        assert agreement(many) == 1.0
    many.mend()
    assert approved(many.latest()), "the next run measures it"
