"""PDF: text in reading order, the way back to the page, and the page with a sentence painted over."""

import io
import json
import re
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image, ImageChops

from index.errors import PageError, UnreadableDocumentError
from index.parsing import Metadata, ParsedDocument, parse
from index.parsing.pdf import draw, marked, text_of
from index.parsing.pdf.assembly import seam
from index.parsing.pdf.drawing import MAX_PIXELS
from index.parsing.pdf.parse import extract, iso_date
from index.store import Store
from rag.answer import Span
from rag.pages import SourcePages
from tests.conftest import assert_one_line_error, build, rag
from tests.pdfs import A4, LEFT, TOP, Writer, pages, protected

LEASE = (
    "The lease of the house in Harbour Street was signed on 4 May 2021 by both of",
    "the parties. The tenant pays a rent of nine hundred euros every month, and the",
    "deposit is returned within thirty days.",
)
GARDEN = (
    "The garden behind the house may be used by every tenant. Nobody may light a",
    "fire there between April and October.",
)


def read(data: bytes) -> ParsedDocument:
    document = parse("a.pdf", data)
    assert [b.start for b in document.blocks] == sorted(b.start for b in document.blocks)
    return document


def blocks(data: bytes) -> list[tuple[int, str]]:
    document = read(data)
    return [(block.level, document.text[block.start : block.end]) for block in document.blocks]


def paragraphs(data: bytes) -> list[str]:
    return [text for _, text in blocks(data)]


# Text


def test_lines_become_paragraphs_and_pages_are_places() -> None:
    data = pages(LEASE, GARDEN)
    document = read(data)
    assert paragraphs(data) == [" ".join(LEASE), " ".join(GARDEN)]
    assert [place.label for place in document.places] == ["page 1", "page 2"]
    assert document.text[document.places[1].start :] == " ".join(GARDEN)


def test_a_page_without_text_still_counts() -> None:
    document = read(pages(LEASE, (), GARDEN))
    assert [place.label for place in document.places] == ["page 1", "page 3"]


def test_a_gap_an_indent_and_a_bullet_begin_a_paragraph() -> None:
    writer = Writer().down(*LEASE).gap().down(*GARDEN)
    writer.down("The keys are with the neighbour, who lives in the house on the other side of it,", x=LEFT + 15)
    writer.down("and nobody else has one.").gap(2).down("• bring the meter’s number", "• bring the keys")
    writer.page()
    found = paragraphs(writer.data())
    assert found[1] == " ".join(GARDEN)
    assert found[2].startswith("The keys are with")
    assert found[2].endswith("nobody else has one.")
    assert found[3:] == ["• bring the meter’s number", "• bring the keys"]


def test_verse_and_addresses_keep_their_lines() -> None:
    writer = Writer().down(*LEASE).gap().down("Harbour Street 12", "2000 Antwerp", "Belgium").page()
    assert paragraphs(writer.data())[1] == "Harbour Street 12\n2000 Antwerp\nBelgium"


def test_a_word_parted_by_a_line_end_is_whole_and_every_character_leads_back_to_its_own() -> None:
    data = pages(
        (
            "The contract is a long one, and it was writ-",
            "ten by hand. A well-known lawyer signed it, a well-",
            "known man, on behalf of the tenants, and nobody re-",
            "members when. It lies in the office where every tenant",
            "may read it.",
        )
    )
    text = text_of(data)
    assert text == (
        "The contract is a long one, and it was written by hand. A well-known lawyer signed it, a well-known man,"
        " on behalf of the tenants, and nobody remembers when. It lies in the office where every tenant may read it."
    )
    origins = {at: [*extract(data).assembled.raw_of(at, at + 1)] for at in range(len(text))}
    assert {text[at] for at, found in origins.items() if not found} == {" "}, "only spaces stand on no page"
    document = pypdfium2.PdfDocument(data)
    page = document[0].get_textpage()
    for at, found in origins.items():
        for number, characters in found:
            raw = page.get_text_range(characters[0], 1)
            assert (number, len(characters)) == (1, 1)
            assert raw == text[at] or (raw, text[at]) == ("\ufffe", "-"), "pdfium writes a line's last hyphen so"
    document.close()


@pytest.mark.parametrize(
    ("line", "following", "words", "joined"),
    [
        ("the es-", "tablished order", set(), "the established order"),
        ("a well-", "known man", {"well-known"}, "a well-known man"),
        ("a well-", "known man", {"well-known", "wellknown"}, "a wellknown man"),
        ("state-of-the-", "art", set(), "state-of-the-art"),
        ("Anglo-", "Saxon", set(), "Anglo-Saxon"),
        ("INTERNA-", "TIONAL", set(), "INTERNATIONAL"),
        ("pre-", "and postwar", set(), "pre- and postwar"),
        ("COVID-", "19 came", set(), "COVID-19 came"),
        ("a statically-", "typed language", {"statically", "typed"}, "a statically-typed language"),
        ("it rained -", "and then", set(), "it rained - and then"),
        ("the end", "of it", set(), "the end of it"),
    ],
)
def test_what_a_line_end_parts(line: str, following: str, words: set[str], joined: str) -> None:
    cut, between = seam(line, following, words)
    assert line[: len(line) - cut] + between + following == joined


LEFT_COLUMN = (
    "In the beginning the harbour was small, and",
    "the ships that came to it were smaller. They",
    "brought salt and wine, and took cloth. When",
    "the river changed its bed in 1404, merchants",
    "went away, and the warehouses stood without",
    "anything in them for a hundred years, until",
)
RIGHT_COLUMN = (
    "a canal was dug by order of the duke. After",
    "that the trade returned. In the year 1561 a",
    "new town hall was built, which is still the",
    "finest house of the market square. Its tower",
    "burnt twice, and was built again twice, with",
    "the same stones and by the same families.",
)


@pytest.mark.parametrize("by_rows", [False, True])
def test_two_columns_are_read_one_after_the_other(by_rows: bool) -> None:
    writer = Writer().down("A history of the harbour and of the people who lived near it", size=18).gap(20)
    top = writer.y
    if by_rows:
        for left, right in zip(LEFT_COLUMN, RIGHT_COLUMN, strict=True):
            writer.at(LEFT, writer.y, left).at(310, writer.y, right)
            writer.y -= 13
    else:
        writer.down(*LEFT_COLUMN)
        writer.y = top
        writer.down(*RIGHT_COLUMN, x=310)
    writer.page()
    assert blocks(writer.data()) == [
        (1, "A history of the harbour and of the people who lived near it"),
        (0, " ".join((*LEFT_COLUMN, *RIGHT_COLUMN))),
    ]


def test_columns_of_code_and_of_prose_are_columns_too() -> None:
    code = [f"let value_{n} = measure(harbour)" if n % 3 else f"# {n}: the ships" for n in range(1, 15)]
    writer = Writer().down(*LEFT_COLUMN).gap().down(*LEFT_COLUMN)
    writer.y = TOP - 4  # on other feet than the prose
    for line in code:
        writer.at(310, writer.y, line, size=9, font="Courier")
        writer.y -= 12
    prose = " ".join(LEFT_COLUMN)
    assert paragraphs(writer.page().data()) == [prose, prose, " ".join(code)]


def test_a_table_is_read_by_rows() -> None:
    writer = Writer().down(*LEASE).gap()
    for name, rent in (("First floor", "900 euros"), ("Second floor", "800 euros"), ("Attic", "400 euros")) * 2:
        writer.at(LEFT, writer.y, name).at(320, writer.y, rent)
        writer.y -= 13
    rows = paragraphs(writer.page().data())[1:]
    assert rows == ["First floor 900 euros", "Second floor 800 euros", "Attic 400 euros"] * 2


def test_a_paragraph_runs_on_over_the_page_and_its_note_does_not_part_it() -> None:
    writer = Writer().down(*GARDEN).gap().down(*LEASE[:2])
    writer.at(LEFT, 60, "1 The parties are named in the first annex of the lease.", size=7).page()
    writer.down(LEASE[2], "It was never asked for.").page()
    document = read(writer.data())
    found = [document.text[b.start : b.end] for b in document.blocks]
    assert " ".join((*LEASE, "It was never asked for.")) in found
    assert "1 The parties are named in the first annex of the lease." in found
    start = document.text.index("The tenant pays")
    assert document.text[start:].startswith("The tenant pays a rent of nine hundred euros every month, and the deposit")


def test_what_comes_again_on_every_page_is_left_out() -> None:
    def around(writer: Writer, number: int) -> None:
        writer.at(LEFT, 810, "Annual report of the harbour")
        writer.at(290, 30, f"Page {number} of 4")

    texts = [(f"In those years {n * 100} ships came to the harbour.", *LEASE) for n in range(1, 5)]
    data = pages(*texts, around=around)
    text = read(data).text
    assert "Annual report" not in text
    assert "of 4" not in text
    assert all(f"In those years {n * 100} ships" in text for n in range(1, 5)), "only the page's own number may differ"


def test_a_header_is_kept_where_there_is_only_one_page() -> None:
    data = pages(LEASE, around=lambda writer, number: writer.at(LEFT, 810, "Annual report"))
    assert paragraphs(data)[0] == "Annual report"


def test_headings_by_outline_by_size_and_by_weight() -> None:
    writer = Writer().down("The house", size=20).gap().down(*LEASE)
    for level, title in enumerate(("The garden", "Fires")):
        writer.canvas.bookmarkPage(title)
        writer.canvas.addOutlineEntry(title, title, level=level)
    writer.gap().down("2. The garden").gap().down(GARDEN[0]).gap().down("Fires").gap().down(*LEASE)
    writer.gap().down("Keys", font="Helvetica-Bold").gap().down(*GARDEN).page()
    found = [(level, text) for level, text in blocks(writer.data()) if level]
    assert found == [(1, "The house"), (1, "2. The garden"), (2, "Fires"), (3, "Keys")]


def test_what_the_file_says_of_itself() -> None:
    writer = Writer(lang="de-AT")
    writer.canvas.setTitle("Der Mietvertrag")
    writer.canvas.setAuthor("Änne  Öz")
    metadata = read(writer.down(*LEASE).page().data()).metadata
    assert (metadata.title, metadata.author, metadata.language) == ("Der Mietvertrag", "Änne Öz", "de")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", metadata.date)
    assert read(pages(LEASE)).metadata == Metadata(date=metadata.date, title="", author="anonymous")


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("D:20240503120000+02'00'", "2024-05-03"),
        ("D:202405", "2024-05"),
        ("D:2024", "2024"),
        ("20240503", "2024-05-03"),
        ("2024-05-03T12:00:00Z", "2024-05-03"),
        ("D:20241399", "2024"),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_dates(written: str, date: str) -> None:
    assert iso_date(written) == date


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_turned_page_is_read_as_it_is_shown(rotation: int) -> None:
    writer = Writer()
    writer.canvas.setPageRotation(rotation)  # reportlab's page is then as large as it is shown
    writer.canvas.translate(*{0: (0, 0), 90: (A4[1], 0), 180: A4, 270: (0, A4[0])}[rotation])
    writer.canvas.rotate(rotation)
    writer.y = 500
    data = writer.down(*LEASE).page().data()
    assert paragraphs(data) == [" ".join(LEASE)]
    (mark,) = marked(data, 0, len(LEASE[0]))
    (box,) = mark.boxes
    assert box[0] * A4[0] == pytest.approx(LEFT, abs=1)
    assert (1 - box[3]) * A4[1] == pytest.approx(500, abs=5)


# What is refused, with its reason


def test_a_password_is_named() -> None:
    with pytest.raises(UnreadableDocumentError, match=r"^password-protected$"):
        parse("a.pdf", protected("secret"))


def scan(data: bytes) -> bytes:
    """Return a PDF with pictures of another's pages."""
    document = pypdfium2.PdfDocument(data)
    pictures = [page.render(scale=200 / 72).to_pil() for page in document]
    document.close()
    file = io.BytesIO()
    pictures[0].save(file, "PDF", save_all=True, append_images=pictures[1:], resolution=200)
    return file.getvalue()


def test_a_scan_is_told_to_be_read_by_ocr_first() -> None:
    with pytest.raises(UnreadableDocumentError, match="no text layer: run OCR first"):
        parse("a.pdf", scan(pages(LEASE)))


def test_ocr_makes_a_scan_readable(tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_bytes(scan(pages(GARDEN, LEASE)))
    result = rag("ocr", "scan.pdf", cwd=tmp_path)
    assert result.stderr == "scan.ocr.pdf: 2 pages read\n"
    data = (tmp_path / "scan.ocr.pdf").read_bytes()
    assert paragraphs(data) == [" ".join(GARDEN), " ".join(LEASE)]
    start = text_of(data).index("The tenant pays")
    (mark,) = marked(data, start, start + 15)
    (before,) = marked(pages(GARDEN, LEASE), start, start + 15)
    assert mark.page == before.page == 2
    assert mark.boxes[0] == pytest.approx(before.boxes[0], abs=0.01)
    assert_one_line_error(rag("ocr", "scan.pdf", cwd=tmp_path), 1, "scan.ocr.pdf is there already", "--output")
    assert_one_line_error(rag("ocr", "scan.ocr.pdf", cwd=tmp_path), 1, "has a text layer", "rag index")
    assert_one_line_error(rag("ocr", "none.pdf", cwd=tmp_path), 1, "none.pdf: no such file or directory")
    other = ("--output", "b.pdf")
    assert_one_line_error(rag("ocr", "scan.pdf", *other, "--language", "xyz", cwd=tmp_path), 1, "tesseract failed:")
    assert_one_line_error(rag("ocr", "scan.pdf", *other, cwd=tmp_path, PATH=""), 1, "apt install tesseract-ocr")
    assert not (tmp_path / "b.pdf").exists()


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"%PDF-1.7\nnothing", "damaged"), (b"hello", "damaged"), (b"", "damaged"), (pages(()), "^empty$")],
)
def test_what_holds_nothing_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableDocumentError, match=reason):
        parse("a.pdf", data)


def test_more_pages_than_anyone_wrote_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.parsing.pdf.source.MAX_PAGES", 2)
    with pytest.raises(UnreadableDocumentError, match=r"more than 2 pages \(3\)"):
        parse("a.pdf", pages(LEASE, LEASE, LEASE))
    monkeypatch.setattr("index.parsing.pdf.source.MAX_PAGES", 3)
    monkeypatch.setattr("index.parsing.pdf.source.MAX_CHARACTERS", 300)
    with pytest.raises(UnreadableDocumentError, match="more than 300 characters"):
        parse("a.pdf", pages(LEASE, LEASE, LEASE))


# Back to the page


def test_rectangles_lie_around_the_words_and_no_others() -> None:
    data = pages(GARDEN, LEASE)
    text = text_of(data)
    quote = "The tenant pays a rent of nine hundred euros every month, and the deposit is returned"
    start = text.index(quote)
    (mark,) = marked(data, start, start + len(quote))
    assert (mark.page, len(mark.boxes)) == (2, 2), "a rectangle for each line"
    document = pypdfium2.PdfDocument(data)
    page = document[1].get_textpage()
    inside = ""
    for number in range(page.count_chars()):
        left, bottom, right, top = page.get_charbox(number)
        x, y = (left + right) / 2 / A4[0], 1 - (bottom + top) / 2 / A4[1]
        if any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for box in mark.boxes):
            inside += page.get_text_range(number, 1)
    document.close()
    assert "".join(inside.split()) == "".join(quote.split())


def test_a_quote_over_two_pages_is_marked_on_both() -> None:
    data = pages(LEASE[:2], (LEASE[2], *GARDEN))
    text = text_of(data)
    start = text.index("The tenant")
    assert [m.page for m in marked(data, start, text.index("thirty days."))] == [1, 2]


def test_the_picture_differs_where_the_words_stand_and_nowhere_else() -> None:
    data = pages(LEASE)
    quote = "The tenant pays a rent"
    start = text_of(data).index(quote)
    (mark,) = marked(data, start, start + len(quote))
    painted = Image.open(io.BytesIO(draw(data, mark).png)).convert("RGB")
    document = pypdfium2.PdfDocument(data)
    plain = document[0].render(scale=2).to_pil().convert("RGB")
    document.close()
    assert painted.size == plain.size == (1190, 1684)
    left, top, right, bottom = ImageChops.difference(painted, plain).getbbox()
    (box,) = mark.boxes
    expected = (box[0] * 1190, box[1] * 1684, box[2] * 1190, box[3] * 1684)
    assert (left, top, right, bottom) == pytest.approx(expected, abs=3)


def test_a_huge_page_does_not_eat_the_memory() -> None:
    writer = Writer()
    writer.canvas.setPageSize((14_000, 14_000))
    data = writer.at(100, 100, "A small word on a large page.", size=100).page().data()
    (mark,) = marked(data, 0, 5)
    image = Image.open(io.BytesIO(draw(data, mark).png))
    assert image.width * image.height <= MAX_PIXELS * 1.01


# From a folder to a picture


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("pdf")
    (home / "papers").mkdir()
    (home / "papers" / "lease 1.pdf").write_bytes(pages(GARDEN, LEASE))
    (home / "papers" / "cats.txt").write_text("The cat of the harbour is called Minka.\n")
    result = rag("index", "papers", cwd=home)
    assert result.stdout.startswith("2 new, 0 changed"), result.stderr
    return home


QUESTION = "How much rent does the tenant pay every month?"


def test_an_answer_names_the_page(home: Path) -> None:
    answer = json.loads(rag("ask", QUESTION, "--json", cwd=home).stdout)
    source = answer["sources"][0]
    text = text_of((home / "papers" / "lease 1.pdf").read_bytes())
    assert source["place"] == "page 2"
    assert source["quote"].startswith("The tenant pays a rent of nine hundred euros")
    assert text[source["start"] : source["end"]] == source["quote"]
    assert ", page 2, characters" in rag("ask", QUESTION, cwd=home).stdout


def test_open_writes_the_page_with_the_sentence_painted(home: Path, tmp_path: Path) -> None:
    result = rag("ask", QUESTION, "--open", "1", "--output", str(tmp_path), cwd=home)
    (path,) = tmp_path.iterdir()
    assert path.name == "lease_1-page-2.png"
    assert result.stderr == f"rag: written: {path}\n"
    assert "nine hundred euros" in " ".join(result.stdout.split())
    document = pypdfium2.PdfDocument(home / "papers" / "lease 1.pdf")
    plain = document[1].render(scale=2).to_pil().convert("RGB")
    document.close()
    painted = Image.open(path).convert("RGB")
    _, top, _, bottom = ImageChops.difference(painted, plain).getbbox()
    second_line = (A4[1] - TOP + 13) * 2
    assert second_line - 25 < top < second_line
    assert second_line < bottom < second_line + 40


def test_open_says_why_not(home: Path, tmp_path: Path) -> None:
    cats = rag("ask", "What is the cat of the harbour called?", "--open", "1", cwd=home)
    assert cats.stdout.startswith("The cat of the harbour is called Minka.")
    assert_one_line_error(cats, 1, "papers/cats.txt has no pages to show: only PDFs have")
    assert_one_line_error(rag("ask", QUESTION, "--open", "9", cwd=home), 1, "there is no source [9]: the answer has")
    elsewhere = str(tmp_path / "nowhere")
    assert_one_line_error(rag("ask", QUESTION, "--open", "1", "--output", elsewhere, cwd=home), 1, "no such folder")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.write_bytes(pages(LEASE)), "docs/a.pdf has changed since it was indexed"),
        (lambda path: path.unlink(), "docs/a.pdf cannot be read: no such file or directory"),
        (lambda path: None, "nothing of the source stands on page 7"),
    ],
)
def test_a_page_is_of_the_very_file_that_was_indexed(store: Store, folder: Path, change: object, said: str) -> None:
    path = folder / "a.pdf"
    path.write_bytes(pages(GARDEN, LEASE))
    build(store, folder)
    text = text_of(path.read_bytes())
    source = Span("docs/a.pdf", 0, 20, text[:20], ())
    assert [m.page for m in SourcePages(store, source).marks] == [1]
    change(path)
    with pytest.raises(PageError, match=re.escape(said)):
        SourcePages(store, source).draw(7)
    with pytest.raises(PageError, match="not indexed any more"):
        SourcePages(store, Span("docs/b.pdf", 0, 1, "x", ()))
