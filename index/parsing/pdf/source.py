"""A file's pages by pdfium: each stretch of a line with its box.

pdfium is not safe for threads: whoever uses what `opened` gives holds the one lock, and must not keep it. Characters
are taken in bulk, boxes only at the two ends of every word, since a call for each costs more than all the rest.
Coordinates are points of the page as it is shown (turned as the file says): x to the right, y upwards, from its lower
left corner. What lies outside of the page is not seen, and left out.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from index.errors import UnreadableDocumentError
from index.parsing.pdf.characters import Box, Characters

MAX_PAGES = 5_000
MAX_CHARACTERS = 20_000_000
# pdfium writes U+FFFE for a hyphen at the end of a line, and then no line end.
LINE = re.compile("[^\r\n\ufffe]+\ufffe?")
WORD = re.compile(r"\S+")
# What is no text: control characters, halves of characters, soft hyphens that are not shown, what Unicode leaves out.
UNCLEAN = "\0-\x1f\x7f-\x9f\xad\ud800-\udfff\ufeff\ufffd-\uffff"
CLEAN = re.compile(f"[^\\s{UNCLEAN}]+")
CLEAN_LINE = re.compile(f"[^\\s{UNCLEAN}]+(?: [^\\s{UNCLEAN}]+)*")
# What stands for another character: the list marks of the fonts Symbol and Wingdings, and Windows' quotes and dashes
# where a file takes them for Latin-1.
BULLETS = dict.fromkeys(map(ord, "\uf0b7\uf0a7\uf0d8\uf0fc\uf076"), "•")
WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
MEANT = {code: character for code, character in (WINDOWS | BULLETS).items() if character}
SAYS_OTHERS = re.compile(f"[{''.join(map(chr, MEANT))}]")
WIDE_GAP = 0.9  # of the font's size: as wide as a gutter between columns may be, wider than a space
SAME_HEIGHT = 0.1  # points
FEW = 3  # characters: fewer of a size are a raised number or the like
BOLD_WORDS = 15  # more are no heading
_lock = threading.Lock()


class Run(NamedTuple):
    """Characters that stand one after the other in the page's own: `text[i]` is its character `raw + i`."""

    raw: int
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A stretch of one line without a wide gap.

    `size` is the font's of most of its characters as shown, in points; `sizes` the least and the most of its words.
    """

    page: int
    runs: tuple[Run, ...]
    text: str
    left: float
    bottom: float
    right: float
    top: float
    size: float
    sizes: tuple[float, float]
    is_bold: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page, counted from 1; `turned` is the text that does not run from left to right."""

    number: int
    width: float
    height: float
    pieces: tuple[Piece, ...]
    turned: tuple[Piece, ...]


@contextmanager
def opened(data: bytes) -> Iterator[pdfium.PdfDocument]:
    """Give the open document, and hold pdfium's lock. Raises UnreadableDocumentError with the reason."""
    with _lock:
        try:
            document = pdfium.PdfDocument(data)
        except pdfium.PdfiumError as error:
            raise UnreadableDocumentError(_reason(error)) from error
        try:
            if len(document) > MAX_PAGES:
                raise UnreadableDocumentError(f"more than {MAX_PAGES:,} pages ({len(document):,})")
            yield document
        except pdfium.PdfiumError as error:
            raise UnreadableDocumentError(f"damaged ({error})") from error
        finally:
            document.close()


def _reason(error: pdfium.PdfiumError) -> str:
    code = getattr(error, "err_code", None)
    if code == raw.FPDF_ERR_PASSWORD:
        return "password-protected"
    return "protected in a way that is not known" if code == raw.FPDF_ERR_SECURITY else "damaged, or not a PDF"


@contextmanager
def opened_page(document: pdfium.PdfDocument, number: int) -> Iterator[pdfium.PdfPage | None]:
    """Give the page of this number, or None if the file does not hold what it should."""
    try:
        page = document[number - 1]
    except pdfium.PdfiumError:
        yield None
        return
    try:
        yield page
    finally:
        page.close()


def read_pages(document: pdfium.PdfDocument) -> list[Page]:
    """Return every page with its text. Raises UnreadableDocumentError if there is more than anyone wrote."""
    pages: list[Page] = []
    characters = 0
    for number in range(1, len(document) + 1):
        with opened_page(document, number) as page:
            if page is None:
                continue
            with Characters(page) as text:
                characters += text.count
                if characters > MAX_CHARACTERS:
                    raise UnreadableDocumentError(f"more than {MAX_CHARACTERS:,} characters")
                pages.append(_read(number, text))
    return pages


def _read(number: int, characters: Characters) -> Page:
    pieces: list[Piece] = []
    turned: list[Piece] = []
    raw_text = characters.text()
    text = raw_text.replace("\ufffe", "-")
    if SAYS_OTHERS.search(text):
        text = text.translate(MEANT)
    lines = [[match.span() for match in WORD.finditer(text, *line.span())] for line in LINE.finditer(raw_text)]
    around = iter(characters.around([word for words in lines for word in words]))
    for words in filter(None, lines):
        boxes = list(islice(around, len(words)))
        is_upright = characters.is_upright(words[0][0])
        cuts = _wide_gaps(boxes) if is_upright else []
        is_bold = len(words) <= BOLD_WORDS and characters.is_bold(words[0][0]) and characters.is_bold(words[-1][1] - 1)
        for first, last in pairwise([0, *cuts, len(words)]):
            piece = _piece(number, text, words[first:last], boxes[first:last], is_bold=is_bold)
            if piece and _is_seen(piece, characters):
                (pieces if is_upright else turned).append(piece)
    return Page(number, characters.width, characters.height, tuple(pieces), tuple(turned))


def _wide_gaps(boxes: list[Box]) -> list[int]:
    """Return the numbers of the words that stand far from the word before them."""
    cuts: list[int] = []
    left, bottom, right, top = boxes[0]
    for number, box in enumerate(boxes):
        # subtle: in text from right to left the next word stands left of this one.
        gap = max(box[0] - right, left - box[2])
        if gap > WIDE_GAP * max(top - bottom, box[3] - box[1]):
            cuts.append(number)
        left, bottom, right, top = box
    return cuts


def _piece(number: int, text: str, words: list[tuple[int, int]], boxes: list[Box], *, is_bold: bool) -> Piece | None:
    runs = _runs(text, words)
    if not runs:
        return None
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    bottom, top = bottoms[0], tops[0]
    sizes = [top - bottom]
    if max(bottoms) - min(bottoms) > SAME_HEIGHT or max(tops) - min(tops) > SAME_HEIGHT:
        # Single words may be raised, lowered, or of another font: the height of most characters is the line's.
        counts: dict[tuple[float, float], int] = {}
        for (start, end), low, high in zip(words, bottoms, tops, strict=True):
            height = round(low, 1), round(high, 1)
            counts[height] = counts.get(height, 0) + end - start
        bottom, top = max(counts, key=counts.__getitem__)
        sizes = [high - low for (low, high), count in counts.items() if count >= FEW] or [top - bottom]
    whole = "".join(run.text for run in runs)
    return Piece(
        number, runs, whole, min(lefts), bottom, max(rights), top, top - bottom, (min(sizes), max(sizes)), is_bold
    )


def _runs(text: str, words: list[tuple[int, int]]) -> tuple[Run, ...]:
    """Join words with one space each, in as few runs as there can be."""
    start, end = words[0][0], words[-1][1]
    if CLEAN_LINE.fullmatch(text, start, end):
        return (Run(start, text[start:end]),)
    found: list[Run] = []
    for start, end in words:
        space = bool(found)
        for match in CLEAN.finditer(text, start, end):
            found.append(Run(match.start() - space, " " * space + match[0]))
            space = False
    return tuple(found)


def _is_seen(piece: Piece, characters: Characters) -> bool:
    is_across = piece.right > 0 and piece.left < characters.width
    return is_across and piece.top > 0 and piece.bottom < characters.height
