import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import UnreadableDocumentError
from index.parsing import Metadata
from tests.documents import found, read, texts, zipped

PAGE = """<!doctype html><html lang="de-AT"><head><title>T &amp; U</title><meta name="author" content="Ann">
<meta property="article:published_time" content="2024-05-03T10:00Z"><style>p {}</style></head><body>
<nav>Menu</nav><h1>Big <em>title</em></h1><p>One&nbsp;two Donau&shy;dampf<br>line<script>no()</script></p>
<p hidden>a</p><p style="display: none">b</p><div aria-hidden="true">c</div><noscript>d</noscript><template>e</template>
<pre><code>def <span>f</span>():
    return  1</code></pre>
<ul><li>Item <b>one</b><ul><li>Nested</li></ul></li></ul>
<table><thead><tr><th>Name<th>Rent</thead><tr><th>Ann<td>900<tr><td>Bob<td><p>8</p><p>00</p></table>
<table><tr><td><h2>Layout</h2><td>Text</table>
<blockquote>Quoted<p>More</blockquote><select><option>f</select><footer>g</footer></body>"""


def test_a_page_is_what_its_reader_sees() -> None:
    assert [(level, text) for level, _, text in found("a.html", PAGE)] == [
        (1, "Big title"),
        (0, "One two Donaudampf\nline"),
        (0, "def f():\n    return  1"),
        (0, "Item one"),
        (0, "Nested"),
        (0, "Name; Rent"),
        (0, "Name: Ann; Rent: 900"),
        (0, "Name: Bob; Rent: 8 00"),
        (2, "Layout"),
        (0, "Text"),
        (0, "Quoted"),
        (0, "More"),
    ]
    assert read("a.html", PAGE).metadata == Metadata("T & U", "Ann", "2024-05-03", "de")


def test_only_the_main_content_is_taken_where_the_page_marks_it() -> None:
    page = "<html><title>T</title><body><div>Around</div><main><p>Inside</p></main><div>Below</div>"
    assert texts("a.html", page) == ["T", "Inside"]


def test_a_title_is_the_heading_of_a_page_without_one() -> None:
    assert found("a.html", "<html><title>T</title><body><h2>H</h2>x") == [(1, "", "T"), (2, "", "H"), (0, "", "x")]


def test_columns_that_a_name_spans_all_have_it() -> None:
    table = "<table><tr><th>Name<th colspan=2>Rent<tr><td>Ann<td>800<td>900</table>"
    assert texts("a.html", table) == ["Name; Rent", "Name: Ann; Rent: 800; Rent: 900"]


@pytest.mark.parametrize(
    ("head", "encoding", "used"),
    [
        ('<meta charset="koi8-r">', "koi8-r", "koi8-r"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">', "cp1252", "cp1252"),
        ("", "utf-8", "utf-8"),
        ("", "cp1251", None),
        ('<meta charset="no-such">', "utf-8", "utf-8"),
    ],
)
def test_a_page_says_its_encoding(head: str, encoding: str, used: str | None) -> None:
    word = "é" if encoding == "cp1252" else "жар"
    document = read("a.html", f"<html><head>{head}</head><body>{word}".encode(encoding))
    assert (document.text == word) == (used is not None)
    assert document.encoding == (used or "cp1252")


@pytest.mark.parametrize("start", ["<div>", "<b>", "<svg>", "<a "])
def test_deep_nesting_is_refused(start: str) -> None:
    with pytest.raises(UnreadableDocumentError, match="nested more than 1,000 deep"):
        read("a.html", f"<html>{start * 100_000}x")


@pytest.mark.parametrize("start", ["<p>", "<br>", "<!-- ", "<script>", "<li>a"])
def test_what_lacks_an_end_is_not_nested(start: str) -> None:
    assert texts("a.html", f"<html><body><p>Text</p>{start * 20_000}")[0] == "Text"


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc",))))
def test_any_text_is_a_page(text: str) -> None:
    assert texts("a.html", f"<html><body><p>Start</p>{text}")[0] == "Start"


BOOK = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": '<container><rootfiles><rootfile full-path="O/b.opf"/></rootfiles></container>',
    "O/b.opf": """<package xmlns:dc="dc"><metadata><dc:title>T</dc:title><dc:creator>Ann</dc:creator>
        <dc:date>2024</dc:date><dc:language>en</dc:language></metadata><manifest>
        <item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
        <item id="one" href="t/1%20a.xhtml" media-type="application/xhtml+xml"/>
        <item id="two" href="2.xhtml" media-type="application/xhtml+xml"/></manifest>
        <spine><itemref idref="n"/><itemref idref="two"/><itemref idref="one"/></spine></package>""",
    "O/nav.xhtml": '<html><body><nav><a href="t/1%20a.xhtml#x">The <i>end</i></a></nav></body></html>',
    "O/t/1 a.xhtml": "<!DOCTYPE html><html><body><h1>Last</h1><p>The last&nbsp;words.</p></body></html>",
    "O/2.xhtml": "<html><body><p>The first words.</p></body></html>",
}


def test_a_book_has_its_chapters_as_places() -> None:
    assert found("a.epub", zipped(BOOK)) == [
        (0, "chapter 1", "The first words."),
        (1, "The end", "Last"),
        (0, "The end", "The last words."),
    ]
    assert read("a.epub", zipped(BOOK)).metadata == Metadata("T", "Ann", "2024", "en")


def test_a_protected_book_is_named() -> None:
    rights = '<encryption><EncryptedData><EncryptionMethod Algorithm="aes"/></EncryptedData></encryption>'
    with pytest.raises(UnreadableDocumentError, match="DRM"):
        read("a.epub", zipped({**BOOK, "META-INF/encryption.xml": rights}))
