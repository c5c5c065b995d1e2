import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.sentences import MAX_SENTENCE, split_sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text, 0, len(text))]


@pytest.mark.parametrize(
    "sentences",
    [
        ["He left.", "She stayed."],
        ["The U.S. Supreme Court ruled.", "It was late."],
        ["He met U.S. Attorney General Pam Bondi.", "They talked."],
        ["He lives in the U.S.", "He came in 2004."],
        ["J. K. Rowling wrote it.", "George W. Bush read it."],
        ['He said "We cannot release criminals."', "Then he left."],
        ["“That is it.”", "She left."],
        ['"Stop!" he said.', "Nobody moved."],
        ["Dr. Smith vs. Mr. Jones began at 3 p.m. today.", "It cost $3.5 million."],
        ["M. Dupont est venu.", "Mme. Martin aussi.", "Il habite av. Foch, p. ex. ici."],
        ["See fig. 3 and pp. 5 to 7.", "Cf. Smith (2004)."],
        ["El Sr. García llegó.", "¿Quién es?", "¡Nadie!"],
        ["Really?", "Yes.", "Wait..."],
        ["これは文です。", "次の文です。"],
        ['He said this is never closed " and goes on.', "And on.", "The end."],
        ["One line\nand its second half.", "Next."],
    ],
)
def test_split_gives_the_sentences(sentences: list[str]) -> None:
    separator = "" if "。" in sentences[0] else " "
    assert split(separator.join(sentences)) == sentences


def test_offsets_are_of_the_whole_text() -> None:
    text = "Title.\n\nÉté 😀. Next one.\n"
    assert [text[s:e] for s, e in split_sentences(text, 8, len(text))] == ["Été 😀.", "Next one."]


def test_a_long_sentence_is_cut_after_a_clause() -> None:
    text = "word, " * 400
    pieces = split(text)
    assert len(pieces) == 3
    assert all(len(piece) <= MAX_SENTENCE and piece.endswith("word,") for piece in pieces)


def test_a_long_word_is_cut_at_the_cap() -> None:
    assert [len(piece) for piece in split("x" * 2_500)] == [1_000, 1_000, 500]


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400))
def test_nothing_but_white_space_is_lost(text: str) -> None:
    ranges = split_sentences(text, 0, len(text))
    covered = [i for start, end in ranges for i in range(start, end)]
    assert covered == sorted(set(covered)), "sentences overlap or are out of order"
    assert {i for i, c in enumerate(text) if not c.isspace()} <= set(covered)
    assert all(text[s:e] == text[s:e].strip() != "" for s, e in ranges)


@pytest.mark.parametrize("space", ["\xa0", "\u2009", "\u202f", "\u2028", "\u2029", "\u3000", "\x85"])
def test_any_white_space_may_stand_before_a_full_stop(space: str) -> None:
    assert split(f"This is plan C{space}. Next{space}one here.") == [f"This is plan C{space}.", f"Next{space}one here."]
