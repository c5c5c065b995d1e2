"""A PDF's bytes to the parsed document: read, leave out, order, join, assemble."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from unicodedata import category

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from index.errors import NoTextLayerError, UnreadableDocumentError
from index.parsing.blocks import Metadata, ParsedDocument
from index.parsing.pdf.assembly import Assembled, assemble
from index.parsing.pdf.columns import line_of, regions
from index.parsing.pdf.furniture import without_furniture
from index.parsing.pdf.headings import Entry, levels_of
from index.parsing.pdf.paragraphs import Paragraph, joined, paragraphs_of
from index.parsing.pdf.source import Page, opened, opened_page, read_pages

OCR = "run OCR first (`rag ocr FILE`, with Debian's tesseract)"
MAX_ENTRIES = 10_000
SIGNS = ("So", "Co", "Cn")  # symbols, and what Unicode gives no meaning
MOST_SIGNS = 0.3  # of all characters
SHORT_TEXT = 100
MAX_WORDS = 1_000  # of the metadata, in characters
DATE = re.compile(r"\A(?:D:)?\s*(\d{4})(?:-?(0[1-9]|1[0-2])(?:-?(0[1-9]|[12]\d|3[01]))?)?")
# What programs write where a person gave no title.
NO_TITLE = re.compile(r"\A(?:untitled|unknown|document\d*|microsoft word - )", re.IGNORECASE)


@dataclass(frozen=True)
class Extracted:
    """A document as parsed, and the way back to its pages."""

    document: ParsedDocument
    assembled: Assembled


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the text of a PDF, page by page. Raises UnreadableDocumentError with the reason if it has none.

    `encoding` is for files of text.
    """
    return extract(data).document


def extract(data: bytes) -> Extracted:
    """Return the document with the way back to its pages. The same bytes give the same. Raises like `parse`."""
    with opened(data) as document:
        pages = read_pages(document)
        if not any(page.pieces or page.turned for page in pages):
            raise _no_text(document)
        _check_letters(pages)
        outline = list(islice(_outline(document), MAX_ENTRIES))
        metadata = _metadata(document)
    assembled = assemble(_paragraphs(pages, outline))
    parsed = ParsedDocument(assembled.text, assembled.blocks, "", assembled.places, metadata)
    return Extracted(parsed, assembled)


def _paragraphs(pages: list[Page], outline: list[Entry]) -> list[Paragraph]:
    size = _usual_size(pages)
    pages = without_furniture(pages, size)
    by_page = regions(pages)
    lines = [line for page in by_page for region in page for line in region.lines]
    levels = levels_of(lines, outline, size)
    found: list[Paragraph] = []
    for page, its_regions in zip(pages, by_page, strict=True):
        found += paragraphs_of(its_regions, levels)
        found += [Paragraph([line_of([piece])], is_row=True) for piece in page.turned]
    return joined(found, size)


def _usual_size(pages: list[Page]) -> float:
    """Return the font's size of most characters, in points."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for piece in page.pieces:
            sizes[round(piece.size, 1)] += len(piece.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _check_letters(pages: list[Page]) -> None:
    """Refuse a file whose fonts are mere pictures: its characters are signs that nobody would look for."""
    counts: Counter[str] = Counter()
    for page in pages:
        for piece in (*page.pieces, *page.turned):
            counts.update(piece.text)
    signs = sum(count for character, count in counts.items() if category(character) in SIGNS)
    if counts.total() > SHORT_TEXT and signs > MOST_SIGNS * counts.total():
        raise NoTextLayerError(f"its fonts do not say which letters they show: {OCR}")


def _no_text(document: pdfium.PdfDocument) -> UnreadableDocumentError:
    for number in range(1, len(document) + 1):
        with opened_page(document, number) as page:
            if page is not None and raw.FPDFPage_CountObjects(page.raw) > 0:
                return NoTextLayerError(f"no text layer: {OCR}")
    return UnreadableDocumentError("empty")


def _outline(document: pdfium.PdfDocument) -> Iterator[Entry]:
    for bookmark in document.get_toc(max_depth=6):
        goal = bookmark.get_dest()
        page = goal.get_index() if goal else None
        if page is not None:
            yield Entry(bookmark.level + 1, bookmark.get_title(), page + 1)


def _metadata(document: pdfium.PdfDocument) -> Metadata:
    title, author, created = (_words(document, key) for key in ("Title", "Author", "CreationDate"))
    return Metadata(
        title="" if NO_TITLE.match(title) else title,
        author=author,
        date=iso_date(created),
        language=_language(document),
    )


def _words(document: pdfium.PdfDocument, key: str) -> str:
    text = document.get_metadata_value(key).encode("utf-8", "ignore").decode("utf-8")
    return " ".join("".join(c if c.isprintable() else " " for c in text[:MAX_WORDS]).split())


def iso_date(date: str) -> str:
    """Return a PDF's date as ISO 8601, as far as it goes, or "". Example: "D:20240503120000+02'00'" -> "2024-05-03"."""
    found = DATE.match(date)
    return "-".join(part for part in found.groups() if part) if found else ""


def _language(document: pdfium.PdfDocument) -> str:
    buffer = (raw.FPDF_WCHAR * 20)()
    length = raw.FPDFCatalog_GetLanguage(document.raw, buffer, len(buffer) * 2)
    code = bytes(buffer)[: max(0, min(length, 40) - 2)].decode("utf-16-le", "ignore")
    found = re.match(r"([A-Za-z]{2})(?![A-Za-z])", code)
    return found[1].lower() if found else ""
