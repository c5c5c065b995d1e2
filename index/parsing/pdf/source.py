"""What pdfium says of a file: its pages' characters, each stretch of a line with its box. The only door to pdfium.

pdfium is not safe for threads: whoever uses what `opened` gives holds the one lock, and must not keep it. Characters
are taken in bulk, boxes only at the two ends of every word, since a call for each costs more than all the rest.
Coordinates are points of the page as it is shown (turned as the file says): x to the right, y upwards, from its lower
left corner. What lies outside of the page is not seen, and left out.
"""

import ctypes
import math
import re
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise, repeat
from typing import NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from index.errors import UnreadableDocumentError

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
UPRIGHT = 0.1  # radians
SAME_HEIGHT = 0.1  # points
FEW = 3  # characters: fewer of a size are a raised number or the like
BOLD_WORDS = 15  # more are no heading
BOLD = re.compile(rb"bold|black|heavy|demi|(?:cmbx|cmssbx)\d", re.IGNORECASE)
FORCE_BOLD = 1 << 18  # a flag of a font's descriptor (ISO 32000-1, table 123)

LOOSE_BOX = struct.Struct("4f")  # FS_RECTF: left, top, right, bottom

# subtle: the same function as pypdfium2's own, told to take plain addresses: that halves the cost of a call.
_loose_box = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(
    ctypes.cast(raw.FPDFText_GetLooseCharBox, ctypes.c_void_p).value or 0
)
_lock = threading.Lock()

Box = tuple[float, float, float, float]  # left, bottom, right, top


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


def _read(number: int, characters: "Characters") -> Page:
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
            if piece and characters.shows(piece):
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


class Characters:
    """The characters of an open page and their boxes, by pdfium's own numbers."""

    def __init__(self, page: pdfium.PdfPage) -> None:
        self._page = page.get_textpage()
        self._text = self._page.raw
        left, bottom, right, top = page.get_bbox()
        self._origin = left, bottom
        self._size = right - left, top - bottom
        self.rotation = page.get_rotation()
        self.width, self.height = self._size if self.rotation % 180 == 0 else self._size[::-1]
        self.count: int = max(0, raw.FPDFText_CountChars(self._text))
        self._moved = bool(left or bottom or self.rotation)
        self._name = ctypes.create_string_buffer(100)
        self._flags = ctypes.c_int()

    def __enter__(self) -> "Characters":
        return self

    def __exit__(self, *error: object) -> None:
        self._page.close()

    def text(self) -> str:
        """Return all characters; number `i` is at `[i]`."""
        buffer = (ctypes.c_ushort * (self.count + 1))()
        length = raw.FPDFText_GetText(self._text, 0, self.count, buffer)
        text = bytes(buffer)[: 2 * max(0, length - 1)].decode("utf-16-le", "replace")
        if len(text) == self.count:
            return text
        # subtle: pdfium leaves out of its text what it takes for no character, and then the numbers do not fit.
        return "".join(chr(min(raw.FPDFText_GetUnicode(self._text, i), 0x10FFFF)) for i in range(self.count))

    def is_upright(self, index: int) -> bool:
        """Say whether a character stands on its foot, on the page as it is shown."""
        angle = raw.FPDFText_GetCharAngle(self._text, index) + math.radians(self.rotation)
        return abs(math.remainder(angle, math.tau)) < UPRIGHT

    def is_bold(self, index: int) -> bool:
        """Say whether a character's font calls itself bold."""
        length = raw.FPDFText_GetFontInfo(self._text, index, self._name, len(self._name), self._flags)
        return bool(BOLD.search(self._name.raw[:length]) or self._flags.value & FORCE_BOLD)

    def around(self, words: Sequence[tuple[int, int]]) -> list[Box]:
        """Return the box of each word, `[start:end]` of the characters: around the first and the last one."""
        edges = self.boxes([number for start, end in words for number in (start, end - 1)])
        return [
            (one[0] if one[0] < other[0] else other[0],
             one[1] if one[1] < other[1] else other[1],
             one[2] if one[2] > other[2] else other[2],
             one[3] if one[3] > other[3] else other[3])
            for one, other in zip(edges[::2], edges[1::2], strict=True)
        ]  # fmt: skip

    def boxes(self, numbers: Sequence[int]) -> list[Box]:
        """Return the box of each character: as high as its font, as wide as its step.

        subtle: this is called for every word, and half of the time of it all. So pdfium writes all the boxes into one
        array, and they are unpacked together.
        """
        found = (raw.FS_RECTF * len(numbers))()
        first = ctypes.addressof(found)
        places = range(first, first + LOOSE_BOX.size * len(numbers), LOOSE_BOX.size)
        is_known = list(map(_loose_box, repeat(ctypes.addressof(self._text.contents)), numbers, places))
        boxes = [(left, bottom, right, top) for left, top, right, bottom in LOOSE_BOX.iter_unpack(found)]
        for i, (_, bottom, _, top) in enumerate(boxes):
            if top <= bottom or not is_known[i]:
                boxes[i] = self._tight_box(numbers[i])
        return [self._shown(*box) for box in boxes] if self._moved else boxes

    def _tight_box(self, number: int) -> Box:
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        raw.FPDFText_GetCharBox(self._text, number, left, right, bottom, top)
        return left.value, bottom.value, right.value, top.value

    def _shown(self, left: float, bottom: float, right: float, top: float) -> Box:
        x, y = self._origin
        width, height = self._size
        left, bottom, right, top = left - x, bottom - y, right - x, top - y
        if self.rotation == 90:
            return bottom, width - right, top, width - left
        if self.rotation == 180:
            return width - right, height - top, width - left, height - bottom
        if self.rotation == 270:
            return height - top, left, height - bottom, right
        return left, bottom, right, top

    def shows(self, piece: Piece) -> bool:
        """Say whether any of a piece lies on the page."""
        return piece.right > 0 and piece.left < self.width and piece.top > 0 and piece.bottom < self.height
