import codecs
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import EncodingError, UnreadableDocumentError
from index.parsing import Place, known_encoding, parse, place_label
from index.parsing.decoding import decode


def blocks(name: str, text: str) -> list[tuple[int, str]]:
    document = parse(name, text.encode())
    return [(b.level, document.text[b.start : b.end]) for b in document.blocks]


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        ("é\r\nb".encode(), "é\r\nb", "utf-8"),
        (codecs.BOM_UTF8 + b"a", "a", "utf-8"),
        ("é".encode("cp1252"), "é", "cp1252"),
        (codecs.BOM_UTF16_LE + "é".encode("utf-16-le"), "é", "utf-16-le"),
        (codecs.BOM_UTF32_LE + "é".encode("utf-32-le"), "é", "utf-32-le"),
        ("e\u0301".encode(), "e\u0301", "utf-8"),
    ],
)
def test_decode_keeps_every_character(data: bytes, text: str, encoding: str) -> None:
    assert decode(data) == (text, encoding)


def test_decode_uses_the_encoding_that_is_named() -> None:
    assert decode("ж".encode("koi8-r"), "koi8-r") == ("ж", "koi8-r")


@pytest.mark.parametrize("data", [b"\x7fELF\0\0\1", b"\x89PNG\r\n\x1a\n\0\0", bytes(range(1, 32)) * 9, b"\x81\x8d\x8f"])
def test_decode_refuses_what_is_not_text(data: bytes) -> None:
    with pytest.raises(UnreadableDocumentError, match="not"):
        decode(data)


def test_decode_names_the_option_when_the_encoding_is_wrong() -> None:
    with pytest.raises(UnreadableDocumentError, match="--encoding"):
        decode(b"\xff", "ascii")


@pytest.mark.parametrize("name", ["no-such", "undefined", "base64", "\udcff", ""])
def test_an_encoding_that_is_none_is_refused_at_the_door(name: str) -> None:
    with pytest.raises(EncodingError):
        known_encoding(name)


@pytest.mark.parametrize("name", ["UTF-8", "utf8", "U8"])
def test_an_encoding_has_one_spelling(name: str) -> None:
    assert known_encoding(name) == "utf-8"
    assert decode(codecs.BOM_UTF8 + b"a", known_encoding(name)) == ("a", "utf-8")


def test_utf8_with_control_characters_is_not_read_as_cp1252() -> None:
    with pytest.raises(UnreadableDocumentError, match="binary"):
        decode(("é" * 60 + "\x01").encode())


def test_a_codec_that_makes_lone_surrogates_is_refused() -> None:
    with pytest.raises(UnreadableDocumentError):
        decode(b"\\ud800", "unicode-escape")


def test_plain_text_has_a_title_and_paragraphs() -> None:
    text = "A title\r\n\r\nOne two.\r\nThree.\r\n\r\n\r\nFour."
    assert blocks("a.txt", text) == [(1, "A title"), (0, "One two.\r\nThree."), (0, "Four.")]


def test_a_first_line_with_a_full_stop_is_no_title() -> None:
    assert blocks("a.txt", "A sentence.\n\nMore.") == [(0, "A sentence."), (0, "More.")]


def test_list_items_are_blocks_of_their_own() -> None:
    text = "Buy this:\n- milk\n- two eggs\n1. first\n2) second"
    assert [b for _, b in blocks("a.txt", text)] == ["Buy this:", "- milk", "- two eggs", "1. first", "2) second"]


def test_lines_that_no_editor_wraps_are_paragraphs() -> None:
    long = "word " * 50
    assert len(blocks("a.txt", f"{long}\n{long}\nshort")) == 3
    assert len(blocks("a.txt", "wrapped line\nand its second half\nand third")) == 1


def test_markdown_blocks_leave_the_prefixes_out() -> None:
    text = (
        "---\ntitle: front\n---\n# One\n\nA *para*\nof two lines.\n\nTwo\n---\n\n> quoted\n\n- item\n  more\n- last\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\ncode()\n```\n\n## Three ##\n\n[x]: http://example.org\n"
    )
    assert blocks("a.md", text) == [
        (1, "One"),
        (0, "A *para*\nof two lines."),
        (2, "Two"),
        (0, "quoted"),
        (0, "item\n  more"),
        (0, "last"),
        (0, "| a | b |"),
        (0, "| 1 | 2 |"),
        (0, "```py\ncode()\n```"),
        (2, "Three"),
        (0, "[x]: http://example.org"),
    ]


def test_markdown_with_windows_line_ends_has_the_same_blocks() -> None:
    text = "# One\n\ntext\n\n## Two\n\nmore\n"
    windows = [(level, block) for level, block in blocks("a.md", text.replace("\n", "\r\n"))]
    assert windows == blocks("a.md", text)


@pytest.mark.parametrize("data", [b"", b" \n\n ", codecs.BOM_UTF8])
def test_a_document_without_text_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableDocumentError, match="empty"):
        parse("a.txt", data)


def test_a_rule_at_the_top_is_no_front_matter() -> None:
    assert blocks("a.md", "---\n\nImportant one.\n\n---\n\nMore.\n") == [(0, "Important one."), (0, "More.")]
    assert blocks("a.md", "---\n---\nBody\n\n---\nend") == [(0, "Body"), (0, "end")]


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
@pytest.mark.parametrize(
    "text",
    ["a\n" + " " * 500_000 + "\nb", "# a" + " " * 500_000 + "# b", "# x\n" * 20_000],
    ids=["blank", "hash", "many"],
)
def test_long_white_space_and_many_headings_take_no_time(name: str, text: str) -> None:
    # Quadratic time would be hours here; pytest would be stopped long before.
    assert blocks(name, text)


MARKDOWN = st.lists(
    st.sampled_from(
        ["# ", "- ", "> ", "1. ", "\n", "\r\n", "\r", "\n\n", "word", " é", "|a|b|\n|-|-|\n|1|2|", "```", "    "]
    )
    | st.text(max_size=4)
).map("".join)


@given(MARKDOWN, st.sampled_from(["a.txt", "a.md"]))
def test_blocks_are_ordered_and_hold_every_letter(text: str, name: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    try:
        document = parse(name, data)
    except UnreadableDocumentError:
        return
    ranges = [(b.start, b.end) for b in document.blocks]
    assert all(a < b for a, b in ranges)
    assert all(first[1] <= second[0] for first, second in pairwise(ranges))
    covered = {i for a, b in ranges for i in range(a, b)}
    front = name == "a.md" and document.text.startswith("---")
    letters = {i for i, c in enumerate(document.text) if c.isalpha()}
    assert front or letters <= covered


@pytest.mark.parametrize(
    ("start", "end", "label"),
    [(0, 5, "page 1"), (5, 10, "page 1"), (10, 12, "page 2"), (9, 11, "page 1 - page 2"), (0, 30, "page 1 - page 3")],
)
def test_a_place_is_where_the_text_comes_from(start: int, end: int, label: str) -> None:
    places = [Place(0, "page 1"), Place(10, "page 2"), Place(20, "page 3")]
    assert place_label(places, start, end) == label
    assert place_label((), start, end) == ""
