"""Questions with words that are none, as the documents spell them."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from index.search import Searcher
from index.store import Store
from rag.abstention import Gate
from rag.answer import Verdict
from rag.chain import Chain
from rag.spelling import respelled
from tests.conftest import WordEncoder, WordReranker, build

WORDS = {"rent", "lease", "iran", "money", "stop"}  # that the model knows
TEXT = "The meeting about the murder in Iraq was in Łódź. Keller asked how the Isaacs have ended."


def tokens(texts: Sequence[str]) -> list[int]:
    return [1 if text.casefold() in WORDS else 2 for text in texts]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("wher was the meating abuot the murdr?", "where was the meeting about the murder?"),
        ("Wher is Kellar?", "Where is Keller?"),
        ("Who is in Iran?", "Who is in Iran?"),  # a word of its own
        ("Who is Beller?", "Who is Beller?"),  # the first letter says that it is another
        ("What ending is it?", "What ending is it?"),  # the text has the word with another ending
        ("What did Isaac do?", "What did Isaac do?"),
        ("Was the mord in Lodz?", "Was the mord in Lodz?"),  # too far away, and only without accents
        ("Is xyzzy2 in teh text?", "Is xyzzy2 in teh text?"),  # nothing is like it, and too short
    ],
)
def test_only_what_is_no_word_becomes_one_of_the_text(question: str, expected: str) -> None:
    assert respelled(question, [TEXT], tokens) == expected


class Reader(WordEncoder):
    """The words' encoder, which knows few of them."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return tokens(texts)


@pytest.fixture
def chain(store: Store, folder: Path) -> Chain:
    build(store, folder)
    return Chain(Searcher(store, Reader()), WordReranker(), Gate("words", 0.0, 1.0, 1.0, "by hand"), k=5)


def test_a_question_that_is_refused_is_read_again_as_the_documents_spell_it(chain: Chain) -> None:
    answer = chain.invoke("Rent in euross?")
    assert answer.verdict is Verdict.ANSWERED
    assert (answer.question, answer.searched) == ("Rent in euross?", "Rent in euros?")
    assert "The rent is 900 euros." in [source.quote for source in answer.sources]
    *_, last = chain.stream("Rent in euross?")
    assert last.searched == "Rent in euros?"


def test_an_answer_there_is_is_not_asked_for_again(chain: Chain) -> None:
    answer = chain.invoke("The lease ends when in mayy?")
    assert answer.verdict is Verdict.ANSWERED
    assert answer.searched == "The lease ends when in mayy?"


def test_a_question_whose_other_spelling_finds_nothing_stays_as_it_was_asked(chain: Chain) -> None:
    answer = chain.invoke("Dogss of Berlin?")
    assert answer.verdict is Verdict.NOT_IN_DOCUMENTS
    assert answer.searched == "Dogss of Berlin?"
