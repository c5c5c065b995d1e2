from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from index.errors import FilterError
from index.filters import DocumentFilter, parse_filter
from index.interface import IndexStore
from index.search import Filtered, Searcher
from rag.abstention import Gate
from rag.chain import Chain
from tests.conftest import WordReranker, build, searcher

pytestmark = pytest.mark.everywhere

PAPER = {"title": "On Sleep", "author": "Anna Smith", "date": "2024-05-03", "language": "en"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("path:reports/*", True),
        ("path:Reports", True),
        ("path:*.txt", False),
        ("-path:*.txt", True),
        ("type=pdf", True),
        ("type!=pdf", False),
        ("author:smith", True),
        ('author="Anna Smith"', True),
        ('title:"on sleep" date>=2024', True),
        ("title:sleep date>2024", False),
        ("date=2024", True),
        ("date>=2024-06", False),
        ("date<2025-01-01", True),
        ("language:en -author:smith", False),
    ],
)
def test_what_a_filter_lets_through(text: str, matches: bool) -> None:
    assert parse_filter(text).matches("reports/2024/sleep.pdf", PAPER) is matches


@pytest.mark.parametrize(
    ("text", "matches"), [("date>=2024", False), ("date<2024", False), ("date!=2024", True), ("-author:smith", True)]
)
def test_a_document_that_says_nothing_of_itself(text: str, matches: bool) -> None:
    assert parse_filter(text).matches("a.txt", {"date": "", "author": None}) is matches


@pytest.mark.parametrize(
    ("text", "named"), [("reports", "reports"), ("size>3", "size"), ("path:", "path:"), ('title:"open', "title")]
)
def test_what_cannot_be_read_is_named(text: str, named: str) -> None:
    with pytest.raises(FilterError, match=named):
        parse_filter(text)


def test_only_documents_that_meet_the_filter_are_searched(store: IndexStore, folder: Path) -> None:
    for number in range(120):
        (folder / f"{number}.txt").write_text("Cats sleep all day, all cats sleep.\n")
    build(store, folder)
    found = searcher(store).search("Do cats sleep all day?", 5, where=parse_filter("path:*dogs* path:docs/sub"))
    assert [hit.passage.document for hit in found.hits] == ["docs/sub/dogs.txt"]
    (hit,) = found.hits
    assert hit.lexical is not None, "120 better ones do not hide it from the search by words"
    assert hit.dense is not None, "nor from the search by meaning"


def test_documents_are_looked_at_once_for_a_filter_and_again_when_some_change(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    looked: list[str] = []

    @dataclass(frozen=True)
    class Watched(DocumentFilter):
        def matches(self, name: str, metadata: Mapping[str, object]) -> bool:
            looked.append(name)
            return super().matches(name, metadata)

    def found(where: str, with_: Searcher) -> list[str]:
        terms = parse_filter(where).terms
        return [hit.passage.document for hit in with_.search("dogs and cats", 9, where=Watched(terms)).hits]

    one = searcher(store)
    before = found("path:*.txt", one)
    count = len(looked)
    assert (found("path:*.txt", one), len(looked)) == (before, count)
    assert set(found("path:*.md", one)).isdisjoint(before)
    assert len(looked) == 2 * count
    (folder / "more.txt").write_text("More dogs and cats.")
    build(store, folder)
    assert set(found("path:*.txt", one)) == {*before, "docs/more.txt"}


def test_what_is_kept_of_filters_is_bounded(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    kept = Filtered(size=3)
    with store.snapshot() as snapshot:
        for number in range(300):
            kept.ids(snapshot, parse_filter(f"path:*{number}"))
        assert len(kept._kept) == 100
        everything = kept.ids(snapshot, parse_filter("-path:nothing"))
        assert len(everything) > 3
        assert kept.ids(snapshot, parse_filter("path:*.md")) == snapshot.chunk_ids(parse_filter("path:*.md").matches)
        assert sum(map(len, kept._kept.values())) <= 3


def test_an_answer_keeps_to_the_filter_and_a_filter_that_nothing_meets_is_an_error(
    store: IndexStore, folder: Path
) -> None:
    build(store, folder)
    chain = Chain(searcher(store), WordReranker(), Gate("words", 0.0, 1.0, 1.0, "by hand"), k=5)
    question = "What is the rent of the lease?"
    assert chain.invoke(question).sources[0].document == "docs/lease.txt"
    answer = chain.invoke(question, where=parse_filter("type=md"))
    assert {passage.document for passage in answer.passages} == {"docs/cats.md"}
    with pytest.raises(FilterError, match="no document"):
        chain.invoke(question, where=parse_filter("author:nobody"))
