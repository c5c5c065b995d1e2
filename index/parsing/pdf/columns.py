"""The pieces of a page to lines in reading order: columns first, then rows from the top down.

A gutter is a strip that prose stands on both sides of. What crosses it (a title, a wide figure's caption) cuts the page
into bands, and each band is read column by column. Two columns of short pieces are a table, which is read by rows.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from index.parsing.pdf.source import Page, Piece

SAME_ROW = 0.35  # of the lower piece's height, that two pieces of a row share
CELL_GAP = 2.0  # of the font's size: wider than the spaces of justified text
SPACE = 0.1  # of the font's size: narrower than that, two pieces are one word
LINES = 4  # a column has at least so many
MANY_LINES = 10
MOST_ACROSS, FEW_ACROSS = 0.6, 0.2  # of the page's characters, that may cross a gutter
MOST_ALIGNED = 0.6  # of the lines of columns, that stand on one foot with one of the other
PROSE_TEXT, SHORT_TEXT = 15, 10  # characters
FILLED = 0.6  # of its column, that half of the lines of prose fill
SAME_GUTTER = 20.0  # points, that a gutter may lie elsewhere from page to page
CANDIDATES = 8
LEADERS = re.compile(r"(?:\.\s?){5,}\s*[\divxlc]+\Z")  # the dots up to a page's number
DEEPEST = 3  # gutters within columns


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Pieces on one foot, left to right; `bottom` and `size` are the longest one's.

    `is_row`: it looks like a row of a table, with a gap that no text has, or of a table of contents.
    """

    pieces: tuple[Piece, ...]
    page: int
    text: str
    left: float
    right: float
    bottom: float
    size: float
    sizes: tuple[float, float]
    is_row: bool
    is_bold: bool


def line_of(pieces: Sequence[Piece]) -> Line:
    """Put pieces side by side; those that do not touch are parted by spaces."""
    if len(pieces) == 1:
        (one,) = pieces
        row = bool(LEADERS.search(one.text))
        return Line((one,), one.page, one.text, one.left, one.right, one.bottom, one.size, one.sizes, row, one.is_bold)
    longest = max(pieces, key=lambda piece: piece.right - piece.left)
    pairs = list(pairwise(pieces))
    text = pieces[0].text + "".join(" " * spaced(*pair) + pair[1].text for pair in pairs)
    left, right = min(piece.left for piece in pieces), max(piece.right for piece in pieces)
    is_row = any(other.left - one.right > CELL_GAP * max(one.size, other.size) for one, other in pairs)
    is_row = is_row or bool(LEADERS.search(text))
    sizes = min(piece.sizes[0] for piece in pieces), max(piece.sizes[1] for piece in pieces)
    is_bold = all(piece.is_bold for piece in pieces)
    return Line(tuple(pieces), pieces[0].page, text, left, right, longest.bottom, longest.size, sizes, is_row, is_bold)


@dataclass(frozen=True)
class Region:
    """Lines of one column, or across all of them, and the column's two sides."""

    lines: tuple[Line, ...]
    left: float
    right: float


def spaced(one: Piece, other: Piece) -> bool:
    """Say whether there is a space between two pieces of a line; a raised number has none before it."""
    return other.left - one.right > SPACE * max(one.size, other.size)


def rows(pieces: Iterable[Piece]) -> list[Line]:
    """Put pieces that stand side by side into lines, the highest first."""
    found: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda p: (-(p.top + p.bottom), p.left)):
        for row in reversed(found[-3:]):
            if _side_by_side(row[0], piece):
                row.append(piece)
                break
        else:
            found.append([piece])
    return [line_of(sorted(row, key=lambda p: p.left)) for row in found]


def _side_by_side(one: Piece, other: Piece) -> bool:
    shared = min(one.top, other.top) - max(one.bottom, other.bottom)
    return shared > SAME_ROW * min(one.top - one.bottom, other.top - other.bottom)


def regions(pages: Sequence[Page]) -> list[list[Region]]:
    """Return the regions of each page in reading order.

    A page whose text fills its columns less well (code, lists) has a gutter where other pages have one.
    """
    gutters = [gutter(page.pieces) for page in pages]
    usual = Counter(round(x / SAME_GUTTER) for x in gutters if x is not None).most_common(1)
    where = median(x for x in gutters if x is not None and round(x / SAME_GUTTER) == usual[0][0]) if usual else None
    return [
        _in_order(page.pieces, x if x is not None or where is None else gutter(page.pieces, near=where))
        for page, x in zip(pages, gutters, strict=True)
    ]


def gutter(pieces: Sequence[Piece], near: float | None = None) -> float | None:
    """Return where a second column begins, or None; `near` looks only there, and asks for less."""
    starts = Counter(round(piece.left) for piece in pieces)
    if near is not None:
        starts = Counter({x: n for x, n in starts.items() if abs(x - near) <= SAME_GUTTER})
    characters = sum(len(piece.text) for piece in pieces)
    best, fewest = None, int(MOST_ACROSS * characters) + 1
    for x, count in starts.most_common(CANDIDATES):
        if count < LINES:
            break
        left, across, right = _parted(pieces, x)
        crossing = sum(len(piece.text) for piece in across)
        if crossing < fewest and _are_columns(left, right, crossing / characters, is_known=near is not None):
            best, fewest = float(x), crossing
    return best


def _parted(pieces: Iterable[Piece], x: float) -> tuple[list[Piece], list[Piece], list[Piece]]:
    left, across, right = [], [], []
    for piece in pieces:
        if piece.left >= x - 2:
            right.append(piece)
        elif piece.right <= x - 2:
            left.append(piece)
        else:
            across.append(piece)
    return left, across, right


def _are_columns(left: list[Piece], right: list[Piece], crossing: float, *, is_known: bool) -> bool:
    """Tell columns from the two halves of a table, or of lines with gaps.

    Prose fills its column. Where there is much code or the like, which does not, nearly nothing may cross the gutter,
    and the lines of the two sides must not stand on one foot, as a table's do.
    """
    sides = left, right
    if min(map(len, sides)) < LINES or not _beside(left, right):
        return False
    if is_known or all(map(_is_prose, sides)):
        return True
    lengths = [median(len(piece.text) for piece in side) for side in sides]
    if min(map(len, sides)) < MANY_LINES or crossing > FEW_ACROSS or min(lengths) < SHORT_TEXT:
        return False
    feet = {round(piece.bottom) for piece in left}
    return sum(round(piece.bottom) in feet for piece in right) < MOST_ALIGNED * len(right)


def _is_prose(pieces: list[Piece]) -> bool:
    width = max(p.right for p in pieces) - min(p.left for p in pieces)
    filled = median(p.right - p.left for p in pieces) > FILLED * width
    return filled and median(len(p.text) for p in pieces) > PROSE_TEXT


def _beside(left: list[Piece], right: list[Piece]) -> bool:
    """Say whether two columns stand side by side, not one above the other."""
    top = min(max(p.top for p in left), max(p.top for p in right))
    bottom = max(min(p.bottom for p in left), min(p.bottom for p in right))
    return all(sum(bottom <= p.bottom <= top for p in side) >= LINES - 1 for side in (left, right))


def _in_order(pieces: Sequence[Piece], x: float | None, depth: int = 0) -> list[Region]:
    if not pieces:
        return []
    if x is None or depth == DEEPEST:
        return [_region(rows(pieces))]
    left, across, right = _parted(pieces, x)
    found: list[Region] = []
    wide: list[Line] = []
    # Each line that crosses the gutter ends a band.
    for line in [*rows(across), None]:
        floor = float("-inf") if line is None else line.bottom
        bands: list[Region] = []
        for side in (left, right):
            band = [piece for piece in side if piece.bottom > floor]
            side[:] = [piece for piece in side if piece.bottom <= floor]
            bands += _in_order(band, gutter(band), depth + 1)
        if bands and wide:
            found.append(_region(wide))
            wide = []
        found += bands
        if line is not None:
            wide.append(line)
    return [*found, _region(wide)] if wide else found


def _region(lines: Sequence[Line]) -> Region:
    return Region(tuple(lines), min(line.left for line in lines), max(line.right for line in lines))
