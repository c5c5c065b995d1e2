import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import UnreadableDocumentError
from index.parsing import Metadata
from index.parsing.metadata import iso_date, language_code
from tests.documents import found, read, texts

WORDS = st.text(st.characters(codec="utf-8", categories=("L",)), min_size=1, max_size=10)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_rows_say_the_names_of_their_columns(delimiter: str) -> None:
    rows = [["Name", "Rent"], ["Ann", "1.5"], ["", ""], ['Bob "B"', ""]]
    table = "\r\n".join(delimiter.join(row) for row in rows[:3]) + f'\r\n"Bob ""B"""{delimiter}\r\n'
    assert found("a.csv", table) == [
        (0, "row 1", "Name; Rent"),
        (0, "row 2", "Name: Ann; Rent: 1.5"),
        (0, "row 4", 'Name: Bob "B"'),
    ]


def test_a_table_without_names_has_plain_rows() -> None:
    assert texts("a.csv", "Ann,900\nBob,800\n") == ["Ann; 900", "Bob; 800"]


def test_a_comma_in_numbers_is_not_the_delimiter() -> None:
    assert texts("a.csv", "Name;Rent\nAnn;1,5\nBob;2,25\n")[1] == "Name: Ann; Rent: 1,5"


@given(st.lists(st.lists(WORDS, min_size=2, max_size=2), min_size=1, max_size=6))
def test_every_cell_of_a_table_is_in_the_text(rows: list[list[str]]) -> None:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    document = read("a.csv", file.getvalue())
    assert all(cell in document.text for row in rows for cell in row)
    assert [place.label for place in document.places] == [f"row {n + 1}" for n in range(len(rows))]


def test_records_are_passages() -> None:
    lines = [{"name": "Ann", "home": {"city": "Rome"}, "tags": ["a", 2, None]}, {"name": None, "ok": True}]
    text = "\n".join(map(json.dumps, lines))
    assert found("a.jsonl", text) == [
        (0, "line 1", "name: Ann; home.city: Rome; tags: a, 2"),
        (0, "line 2", "ok: true"),
    ]
    assert [place for _, place, _ in found("a.json", json.dumps(lines))] == ["[0]", "[1]"]


def test_the_members_of_an_object_have_its_keys_as_places() -> None:
    value = {"title": "T", "items": [{"a": 1}, {"a": 2}]}
    assert found("a.json", json.dumps(value)) == [
        (0, "title", "title: T"),
        (0, "items[0]", "a: 1"),
        (0, "items[1]", "a: 2"),
    ]


def test_long_texts_in_records_stand_alone() -> None:
    long = "A long text. " * 20
    assert texts("a.json", json.dumps({"id": 7, "body": long})) == ["id: 7", f"body: {long.strip()}"]


@pytest.mark.parametrize("text", ["{", '{"a": 1}\n{', "nonsense"])
def test_what_is_no_json_is_named(text: str) -> None:
    with pytest.raises(UnreadableDocumentError, match="not JSON"):
        read("a.json", text)


SRT = (
    "1\r\n00:00:01,500 --> 00:00:03,000\r\n<i>Hello</i> there.\r\nTwo lines.\r\n\r\n"
    "2\r\n01:02:03,000 --> 01:02:04,000\r\n3 cats.\r\n"
)
VTT = (
    "WEBVTT - Title\n\nNOTE not this\n\nintro\n00:01.000 --> 00:04.000 align:start\n<v Ann>Hello</v>\n\n"
    "STYLE\n::cue {}\n\n01:00:05.000 --> 01:00:06.000\n<c.loud>Bye</c> 1 < 2\n"
)


def test_subtitles_have_the_time_as_place() -> None:
    assert found("a.srt", SRT) == [(0, "00:00:01", "Hello there.\nTwo lines."), (0, "01:02:03", "3 cats.")]
    assert found("a.vtt", VTT) == [(0, "00:00:01", "Ann: Hello"), (0, "01:00:05", "Bye 1 < 2")]


def test_source_code_is_the_files_own_text_by_lines() -> None:
    code = "import a\n\n\ndef f():\n    return 1\r\n\r\n# end\n"
    assert found("a.py", code) == [
        (0, "line 1", "import a"),
        (0, "line 4", "def f():\n    return 1"),
        (0, "line 7", "# end"),
    ]
    assert read("a.py", code).text == code


RTF = rb"""{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}{\f2\fcharset128 MS;}}
{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}{\s2 heading 2;}}
{\info{\title The \'e9t\'e9}{\author Ann}{\creatim\yr2024\mo5\dy3}}
{\header Not this}\pard\s1 Title\par\pard\s2 Section\par
\pard Caf\'e9 \u1046\'3f {\f1\'e6} {\f2\'94\'4e} \u-10179?\u-8704? {\v hidden}{\*\unknown not this}
{\deleted gone}end{\footnote {\chftn} The note}.\par
{\field{\*\fldinst HYPERLINK "http://x"}{\fldrslt link}}\line next\par
\trowd\pard\intbl Name\cell Rent\cell\row\trowd\pard\intbl Ann\cell 9\par 00\cell\row\pard After\~all \{x\}\par}"""


def test_rich_text() -> None:
    assert [(level, text) for level, _, text in found("a.rtf", RTF)] == [
        (1, "Title"),
        (2, "Section"),
        (0, "Café Ж ж 年 😀 end[1]."),
        (0, "[1] The note"),
        (0, "link\nnext"),
        (0, "Name; Rent"),
        (0, "Name: Ann; Rent: 9 00"),
        (0, "After all {x}"),
    ]
    assert read("a.rtf", RTF).metadata == Metadata("The été", "Ann", "2024-05-03")


@given(st.binary(max_size=200))
def test_any_bytes_are_rich_text_or_refused(data: bytes) -> None:
    assert texts("a.rtf", b"{\\rtf1 start\\par " + data)[0].startswith("start")


@given(st.lists(WORDS, min_size=1, max_size=6))
def test_rich_text_keeps_every_word(words: list[str]) -> None:
    def escaped(word: str) -> str:
        units = word.encode("utf-16-le")
        return "".join(
            f"\\u{int.from_bytes(units[n : n + 2], 'little', signed=True)}?" for n in range(0, len(units), 2)
        )

    assert texts("a.rtf", "{\\rtf1 " + "".join(f"{escaped(word)}\\par " for word in words) + "}") == words


def test_front_matter_is_metadata() -> None:
    front = '---\ntitle: "The: lease"\nauthor: Ann\ndate: 2024-05-03 10:00\nlang: en-GB\ntags: [a]\n---\n# Body\n'
    assert read("a.md", front).metadata == Metadata("The: lease", "Ann", "2024-05-03", "en")
    assert read("a.md", "# title: none\n").metadata == Metadata()


@pytest.mark.parametrize(
    ("given", "date"),
    [
        ("2024-05-03T10:00:00Z", "2024-05-03"),
        ("2024/05", "2024-05"),
        ("2024", "2024"),
        ("20240503", "2024-05-03"),
        ("D:20240503100000+01'00'", "2024-05-03"),
        ("Fri, 3 May 2024 10:00:00 +0000", "2024-05-03"),
        ("2024-13-03", ""),
        ("202405031", ""),
        ("someday", ""),
        ("", ""),
    ],
)
def test_dates_have_one_spelling(given: str, date: str) -> None:
    assert iso_date(given) == date


@pytest.mark.parametrize(("given", "code"), [("en-GB", "en"), ("DE", "de"), ("deu", ""), ("", "")])
def test_languages_are_two_letters(given: str, code: str) -> None:
    assert language_code(given) == code
