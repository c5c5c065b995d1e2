import sqlite3
from pathlib import Path

import pytest

from index.doctor import examine
from index.store import Store
from tests.conftest import WordEncoder, build


def broken(store: Store) -> dict[str, str]:
    return {check.name: check.mend for check in examine(store, WordEncoder) if not check.ok}


def test_a_sound_index_passes_every_check(store: Store, folder: Path) -> None:
    build(store, folder)
    checks = list(examine(store, WordEncoder))
    assert [check.name for check in checks] == ["database", "texts", "spans", "FAISS", "tantivy", "vectors", "remains"]
    assert all(check.ok for check in checks)


@pytest.mark.parametrize("name", ["FAISS", "tantivy"])
def test_a_view_out_of_step_is_named_with_its_cure(store: Store, folder: Path, name: str) -> None:
    build(store, folder)
    (store.folder / {"FAISS": "vectors.faiss", "tantivy": "lexical.json"}[name]).write_bytes(b"")
    assert broken(store) == {name: "rag index FOLDER"}
    build(store, folder)
    assert broken(store) == {}


def test_a_changed_text_is_found(store: Store, folder: Path) -> None:
    build(store, folder)
    connection = sqlite3.connect(store.path)
    connection.execute("UPDATE documents SET text = text || '!'")
    connection.commit()
    assert broken(store) == {"database": "rag index FOLDER --rebuild"}


def test_vectors_of_another_text_are_found(store: Store, folder: Path) -> None:
    class Reversed(WordEncoder):
        def encode(self, texts: list[str]) -> object:
            return super().encode([text[::-1] for text in texts])

    build(store, folder)
    bad = [check for check in examine(store, Reversed) if not check.ok]
    assert [check.name for check in bad] == ["vectors"]


def test_an_index_of_another_encoder_is_named(store: Store, folder: Path) -> None:
    class Other(WordEncoder):
        identity = "other@1"

    build(store, folder)
    (bad,) = [check for check in examine(store, Other) if not check.ok]
    assert (bad.name, bad.detail) == ("vectors", "made with words@64, asked with other@1")


def test_recall_is_measured_when_asked(store: Store, folder: Path) -> None:
    build(store, folder)
    (*_, last, remains) = examine(store, WordEncoder, measure_recall=True)
    assert (last.name, last.ok, remains.name) == ("recall", True, "remains")
    assert last.detail == "recall@10 is 1.000 for 4 sentences of the documents, against comparing every vector"
