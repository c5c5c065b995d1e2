"""What is said in front of a text for the reranker, which sentences it is asked about, and the order of passages."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index.chunking import Chunk, Sentence
from index.records import StoredChunk
from index.search import Hit
from index.store import Store
from rag.abstention import Gate
from rag.candidates import Candidate, RankedHit, candidates_of
from rag.chain import Chain
from rag.kinds import Kind
from rag.reading import read
from rag.shortlist import shortlist
from rag.stages import Question, ranked_hits
from rag.titles import title_of, titled, titled_sentence
from tests.conftest import WordReranker, build, searcher


def passage(*sentences: str, document: str = "12_Rye_Bread.txt", heading: tuple[str, ...] = (), id_: int = 1) -> Hit:
    """Return a hit on a passage of these sentences, a blank between them."""
    text = " ".join(sentences)
    starts = [text.index(sentence) for sentence in sentences]
    places = tuple(Sentence(start, start + len(s)) for start, s in zip(starts, sentences, strict=True))
    return Hit(StoredChunk(id_, f"k{id_}", id_, document, text, Chunk(0, len(text), heading, places)), 1.0, None, None)


def candidates(*sentences: str) -> list[Candidate]:
    return candidates_of([RankedHit(passage(*sentences), 0.0)])


@pytest.mark.parametrize(
    ("document", "heading", "title"),
    [
        ("notes/12_Prime_Minister.txt", (), "Prime Minister"),
        ("Report 2024.pdf", (), "Report"),
        ("000_0c576dfd192f1797.txt", (), ""),
        ("a/00012/12.txt", (), ""),
        ("a.txt", ("Bread",), "Bread"),
        ("a.txt", ("Bread", "Rye", "Baking"), "Bread, Baking"),
        ("mail.eml/été.docx", (), "été"),
    ],
)
def test_a_passage_is_called_by_its_headings_or_its_file(document: str, heading: tuple[str, ...], title: str) -> None:
    assert title_of(passage("It rises.", document=document, heading=heading).passage) == title


def test_a_title_is_said_once() -> None:
    assert titled(passage("It rises.").passage) == "Rye Bread\nIt rises."
    assert titled(passage("Rye Bread rises.").passage) == "Rye Bread rises."
    assert titled(passage("It rises.", document="1.txt").passage) == "It rises."
    assert titled_sentence("", "It rises.") == "It rises."


def test_the_shortlist_keeps_what_shares_the_question_s_words_in_reading_order() -> None:
    found = candidates("The oven is hot.", "Nothing here.", "The baker heats the oven.", "Nor here.")
    kept = shortlist("Who heats the oven?", Kind.OTHER, found, 2, 1.0)
    assert [c.text for c in kept] == ["The oven is hot.", "The baker heats the oven."]
    assert shortlist("Who heats the oven?", Kind.OTHER, found, 4, 1.0) == found


def test_the_shortlist_prefers_what_may_hold_the_kind_of_answer() -> None:
    found = candidates("The oven is hot.", "The oven has 300 degrees.", "Nothing here.")
    assert [c.text for c in shortlist("How hot is the oven?", Kind.OTHER, found, 1, 1.0)] == ["The oven is hot."]
    found = candidates("The oven is old.", "The oven has 300 degrees.", "Nothing here.")
    kept = shortlist("How warm is the oven?", Kind.NUMBER, found, 1, 1.0)
    assert [c.text for c in kept] == ["The oven has 300 degrees."]


def test_where_words_do_not_tell_every_sentence_is_kept() -> None:
    found = candidates("El horno está caliente.", "Nada.", "Nunca.")
    assert shortlist("Who heats the oven?", Kind.OTHER, found, 1, 1.0) == found


class Watched(WordReranker):
    """Remembers what it was asked to score."""

    def __init__(self) -> None:
        self.scored: list[str] = []

    def score(self, question: str, texts: Sequence[str]) -> np.ndarray:
        self.scored += texts
        return super().score(question, texts)


def test_passages_and_sentences_are_scored_behind_their_titles() -> None:
    reranker = Watched()
    hits = ranked_hits("When does rye bread rise?", [passage("It rises at night.", "It is sold.")], reranker, first=3)
    assert reranker.scored == ["Rye Bread\nIt rises at night. It is sold."]
    read("When does rye bread rise?", Kind.DATE, hits, reranker)
    assert "Rye Bread: It rises at night." in reranker.scored


def test_a_further_sentence_must_do_well_without_its_title() -> None:
    """With WordReranker's scores every word counts 1, and the title has all of the question's words but one."""
    question = "Which rye bread of the old town baker rises slowly at night"
    hit = passage(
        "Rye bread of the old town baker rises slowly.",
        "Nothing of it.",
        document="Rye bread of the old town baker.txt",
    )
    reading = read(question, Kind.OTHER, [RankedHit(hit, 5.0)], WordReranker())
    # Titled, the second has 7 - 2 points, the first 9 - 2: near enough. Untitled, it has 1 - 2, the first 9 - 2.
    assert [hit.passage.text[e.sentence.start : e.sentence.end] for e in reading.evidence] == [
        "Rye bread of the old town baker rises slowly."
    ]


def test_passages_are_put_in_the_order_of_the_better_of_their_scores(store: Store, folder: Path) -> None:
    build(store, folder)
    chain = Chain(searcher(store), WordReranker(), Gate("words", 0.0, 1.0, 1.0, "by hand"), k=5)
    draft = chain.read(chain.rerank(chain.retrieve(Question("What do cats eat?"))))
    scores = [ranked.score for ranked in draft.hits]
    assert scores == sorted(scores, reverse=True)
    low, high = passage("Nothing.", id_=1), passage("They eat fish.", id_=2, document="cats.txt")
    reading = read("What do cats eat?", Kind.OTHER, [RankedHit(low, 0.5), RankedHit(high, 0.0)], WordReranker())
    # "cats: They eat fish." has two of the words, so 2 - 2 = 0, no more than its passage has: the order stays.
    assert [ranked.hit for ranked in reading.hits] == [low, high]
    reading = read("What do cats eat?", Kind.OTHER, [RankedHit(low, -0.5), RankedHit(high, -1.0)], WordReranker())
    assert [(ranked.hit, ranked.score) for ranked in reading.hits] == [(high, 0.0), (low, -0.5)]
