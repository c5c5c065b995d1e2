from hypothesis import given
from hypothesis import strategies as st

from index.chunking import Chunk, chunk, text_to_encode
from index.parsing import parse
from tests.conftest import SEED, WordEncoder, words

count = WordEncoder().count_tokens


def chunks(text: str, size: int, overlap: int = 1, name: str = "a.txt") -> list[Chunk]:
    return list(chunk(parse(name, text.encode()), count, size, overlap))


def texts(text: str, size: int, overlap: int = 1, name: str = "a.txt") -> list[str]:
    return [text[c.start : c.end] for c in chunks(text, size, overlap, name)]


def test_sentences_are_packed_with_one_of_overlap() -> None:
    # Four words a sentence, so two fit into nine words, and the second is repeated.
    text = "One two three four. Five six seven eight. Nine ten eleven twelve."
    assert texts(text, 9) == [
        "One two three four. Five six seven eight.",
        "Five six seven eight. Nine ten eleven twelve.",
    ]
    assert texts(text, 9, overlap=0) == ["One two three four. Five six seven eight.", "Nine ten eleven twelve."]


def test_a_sentence_longer_than_a_chunk_stays_whole() -> None:
    assert texts("Short one. Long " + "word " * 20 + "end. Last one.", 5) == [
        "Short one.",
        "Long " + "word " * 20 + "end.",
        "Last one.",
    ]


def test_a_chunk_that_is_half_full_ends_with_its_paragraph() -> None:
    text = "One two three four. Five six.\n\nSeven eight nine. Ten eleven twelve."
    assert texts(text, 10, overlap=0) == ["One two three four. Five six.", "Seven eight nine. Ten eleven twelve."]


def test_a_chunk_has_its_heading_path_and_never_crosses_a_section() -> None:
    text = "# A\n\nIntro here.\n\n## B\n\nBody of b.\n\n### C\n\nBody of c.\n\n# D\n\nBody of d.\n"
    found = [(c.heading, text[c.start : c.end]) for c in chunks(text, 100, name="a.md")]
    assert found == [
        (("A",), "A\n\nIntro here."),
        (("A", "B"), "B\n\nBody of b."),
        (("A", "B", "C"), "C\n\nBody of c."),
        (("D",), "D\n\nBody of d."),
    ]


def test_the_encoder_sees_the_headings_once() -> None:
    text = "# A\n\nIntro here.\n\n## B\n\nOne two three. Four five six.\n"
    found = [text_to_encode(text, c) for c in chunks(text, 4, overlap=0, name="a.md")]
    assert found == ["A\n\nIntro here.", "A\nB\n\nOne two three.", "A > B\nFour five six."]


def test_the_seed_article() -> None:
    text = SEED.read_text()
    found = chunks(text, 200)
    title = text.splitlines()[0]
    assert all(c.heading == (title,) for c in found)
    assert found[0].sentences[0].is_heading
    assert text[found[0].sentences[0].start : found[0].sentences[0].end] == title
    quoted = {text[s.start : s.end] for c in found for s in c.sentences}
    assert any(q.startswith("The U.S. Supreme Court recently") and q.endswith("El Salvador.") for q in quoted)


def test_a_run_of_headings_does_not_outgrow_a_chunk() -> None:
    found = chunks("# x\n\n" * 300, 40, name="a.md")
    assert len(found) == 8
    assert max(len(c.sentences) for c in found) == 40


@given(st.text(alphabet='ab. \n#-é"?', max_size=300), st.integers(1, 30), st.integers(0, 3))
def test_every_word_is_in_a_chunk_and_sizes_hold(text: str, size: int, overlap: int) -> None:
    if not text.strip():
        return
    found = chunks(text, size, overlap)
    for c in found:
        assert (c.start, c.end) == (c.sentences[0].start, c.sentences[-1].end)
        total = sum(count([text[s.start : s.end] for s in c.sentences]))
        body = [s for s in c.sentences if not s.is_heading]
        assert total <= size or len(body) <= 1 or any(s.is_heading for s in c.sentences)
    covered = {i for c in found for s in c.sentences for i in range(s.start, s.end)}
    assert {i for i, character in enumerate(text) if words(character)} <= covered
    starts = [c.start for c in found]
    assert starts == sorted(starts)
