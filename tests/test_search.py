from pathlib import Path

import pytest

from index.errors import IndexIncompatibleError
from index.interface import IndexStore
from index.lexical import LexicalView
from index.search import Searcher, reciprocal_rank_fusion
from index.store import Store
from index.views import open_view
from tests.conftest import WordEncoder, build, searcher

pytestmark = pytest.mark.everywhere


def lexical(store: IndexStore, question: str) -> list[str]:
    with store.snapshot() as snapshot:
        found = store.rankings(snapshot).lexical(question, 10)
        return [stored.text for stored in snapshot.chunks([i for i, _ in found])]


def write(folder: Path, **texts: str) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)


def test_fusion_adds_reciprocal_ranks() -> None:
    assert reciprocal_rank_fusion([[7, 8], [8]]) == [(8, 1 / 62 + 1 / 61), (7, 1 / 61)]
    assert reciprocal_rank_fusion([[], []]) == []


@pytest.mark.parametrize("question", ["Ábrego", "Abrego", "ÁBREGO", "A\u0301brego"])
def test_accents_are_found_both_ways_and_the_typed_form_ranks_first(
    tmp_path: Path, store: IndexStore, question: str
) -> None:
    write(tmp_path / "docs", a="The man Ábrego came.", b="The man Abrego came.", c="Nobody came.")
    build(store, tmp_path / "docs")
    first = "The man Abrego came." if question == "Abrego" else "The man Ábrego came."
    found = lexical(store, question)
    assert len(found) == 2
    assert found[0] == first


def test_a_name_in_decomposed_form_is_found(tmp_path: Path, store: IndexStore) -> None:
    write(tmp_path / "docs", a="Here is A\u0301brego.", b="Nobody.")
    build(store, tmp_path / "docs")
    assert lexical(store, "Ábrego") == lexical(store, "abrego") == ["Here is A\u0301brego."]


def test_word_endings_do_not_matter(tmp_path: Path, store: IndexStore) -> None:
    write(tmp_path / "docs", a="He was returned.", b="Nothing.")
    build(store, tmp_path / "docs")
    assert lexical(store, "returns") == ["He was returned."]


@pytest.mark.parametrize("question", ['"', "a:b", "AND OR NOT", "(((", "\\", "*", "😀", "x" * 1_000, "[1 TO 2]", "-"])
def test_no_question_is_a_query_language(store: IndexStore, folder: Path, question: str) -> None:
    build(store, folder)
    assert len(searcher(store).search(question, 3).hits) == 3


def test_hits_say_where_they_stand_and_how_they_scored(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    hit = searcher(store).search("When does the lease end?", 1).hits[0]
    text = (folder / "lease.txt").read_text()
    assert hit.passage.text == text[hit.passage.chunk.start : hit.passage.chunk.end]
    assert hit.score == pytest.approx(2 / 61)
    assert hit.dense is not None
    assert hit.lexical is not None


def test_search_refuses_an_index_of_another_encoder(store: IndexStore, folder: Path) -> None:
    build(store, folder)

    class Other(WordEncoder):
        identity = "other@1"

    with pytest.raises(IndexIncompatibleError, match=r"words@64.*other@1"):
        Searcher(store, Other()).search("lease", 1)


@pytest.mark.local
def test_of_many_chunks_the_most_frequent_words_are_left_out_unless_there_are_no_others(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        (folder / f"{number}.txt").write_text(f"The house of number {number} and the café." + " Tea." * (number == 7))
    build(store, folder)
    with store.snapshot() as snapshot:
        view = open_view(LexicalView, store, snapshot)
        all_words, frequent = view.search("the tea of the cafe", 50), view.search("the café", 50)
        monkeypatch.setattr("index.words.MANY_CHUNKS", 1)
        few_words = view.search("the tea of the cafe", 50)
        assert len(all_words) >= 20
        assert [id_ for id_, _ in few_words] == [all_words[0][0]]
        assert dict(view.search("the café", 50)) == pytest.approx(dict(frequent), rel=1e-5)


@pytest.mark.local
def test_a_filter_of_few_chunks_finds_what_looking_further_down_finds(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        (folder / f"{number:02}.txt").write_text("Zebra. " * (1 + number % 7) + f"Number {number}.")
    build(store, folder)
    with store.snapshot() as snapshot:
        view = open_view(LexicalView, store, snapshot)
        among = snapshot.chunk_ids_evenly(9)
        told = dict(view.search("the zebra", 5, among))
        monkeypatch.setattr("index.lexical.FEW_IDS", 0)
        assert dict(view.search("the zebra", 5, among)) == pytest.approx(told)
        assert len(told) == 5
        assert set(told) <= set(among)
