"""Lines to paragraphs and headings, by gaps, indents and sizes; a paragraph may run on in the next column or page."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from index.parsing.pdf.columns import Line, Region

SAME_SIZE = 0.12  # of the larger: OCR measures each line for itself
GAP = 1.35  # of the usual distance between lines
LONGEST_GAP = 2.2  # of the font's size, where there is no usual distance
INDENT = 0.7  # of the font's size
SHORT = 0.8  # of the column: a line that ends before that, with a full stop, is a paragraph's last
LARGER, SMALLER = 1.15, 0.93  # than most of the text: a heading's font, a note's
LONGEST_HEADING = 200
LOOK_AHEAD = 4  # paragraphs (figures, notes) that may stand between the two parts of one
SENTENCE_END = re.compile(r"[.!?:;\u2026\u3002][)\]\"'”’»\d*]*\Z")
BULLET = re.compile(r"[•▪◦‣●○■□–—*\u2022-]\s|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]\s|\[[\w+]{1,12}\]\s")
CAPTION = re.compile(
    r"(?:fig(?:ure|ura|\.)?|tab(?:le|elle|leau|\.)?|abb(?:ildung|\.)|listing)\s*[\dIVX]", re.IGNORECASE
)


@dataclass
class Paragraph:
    """Lines that belong together; `level` is a heading's, from 1 to 6, or 0.

    `is_broken`: its lines end where they should (verse, code, an address); `runs_on`: its last one fills the column
    and ends no sentence; `region` is its last line's.
    """

    lines: list[Line]
    level: int = 0
    is_row: bool = False
    is_broken: bool = False
    runs_on: bool = False
    region: Region | None = None

    @property
    def text(self) -> str:
        """Return its lines, parted by spaces."""
        return " ".join(line.text for line in self.lines)


def paragraphs_of(regions: Sequence[Region], levels: dict[Line, int]) -> list[Paragraph]:
    """Return the paragraphs of regions that follow one another; `levels` says which lines are headings."""
    return [paragraph for region in regions for paragraph in _paragraphs(region, levels)]


def _paragraphs(region: Region, levels: dict[Line, int]) -> Iterator[Paragraph]:
    usual = _usual_distance(region.lines)
    full = region.left + SHORT * (region.right - region.left)
    found: list[Paragraph] = []
    for line in region.lines:
        if found and _continues(found[-1], line, region, usual, levels.get(line, 0)):
            found[-1].lines.append(line)
        else:
            found.append(Paragraph([line], levels.get(line, 0), line.is_row, region=region))
    for paragraph in found:
        last = paragraph.lines[-1]
        is_text = not paragraph.is_row and not paragraph.level
        paragraph.runs_on = is_text and last.right > full and not SENTENCE_END.search(last.text)
        others = paragraph.lines[:-1]
        paragraph.is_broken = sum(line.right > full for line in others) < len(others) / 2
        if paragraph.level and len(paragraph.text) > LONGEST_HEADING:
            paragraph.level = 0
    yield from found


def _usual_distance(lines: Sequence[Line]) -> float:
    """Return the distance between most lines that follow one another in one size; 0 if there are none."""
    distances = [one.bottom - other.bottom for one, other in pairwise(lines) if _same_size(one, other)]
    close = [d for d, line in zip(distances, lines, strict=False) if 0 < d < LONGEST_GAP * line.size]
    return median(close) if close else 0.0


def _same_size(one: Line, other: Line) -> bool:
    """Say whether two lines have a size in common; a line may have words of several fonts."""
    return max(one.sizes[0], other.sizes[0]) <= (1 + SAME_SIZE) * min(one.sizes[1], other.sizes[1])


def _continues(paragraph: Paragraph, line: Line, region: Region, usual: float, level: int) -> bool:
    last = paragraph.lines[-1]
    if paragraph.is_row or line.is_row or level != paragraph.level or not _same_size(last, line):
        return False
    distance = last.bottom - line.bottom
    longest = LONGEST_GAP * line.size
    if not 0 < distance <= (longest if level or not usual else min(longest, GAP * usual)):
        return False
    return bool(level) or _centred(last, line, region) or not _begins(paragraph, last, line, region)


def _begins(paragraph: Paragraph, last: Line, line: Line, region: Region) -> bool:
    """Say whether a paragraph begins with a line that follows closely on another."""
    ended = bool(SENTENCE_END.search(last.text))
    is_short = last.right < region.left + SHORT * (region.right - region.left)
    indent = (line.left - last.left) / line.size
    if line.text[0] in "•▪◦‣●○■□" or (ended and is_short):
        return True
    is_item = bool(BULLET.match(paragraph.text))
    if BULLET.match(line.text) and (ended or is_short or is_item or indent > INDENT):
        return True
    if indent > INDENT:
        return not is_item and (ended or is_short)
    # subtle: the second line of a paragraph stands left of a first line that is indented.
    return indent < -INDENT and (is_short or (ended and len(paragraph.lines) > 1))


def _centred(one: Line, other: Line, region: Region) -> bool:
    margin = min(min(line.left - region.left, region.right - line.right) for line in (one, other))
    middles = abs((one.left + one.right) - (other.left + other.right)) / 2
    return margin > one.size and middles < one.size / 2


def joined(paragraphs: Sequence[Paragraph], size: float) -> list[Paragraph]:
    """Put together what a column's or a page's end has parted; what stands between (notes, captions) goes before it.

    `size` is the font's of most of the text.
    """
    left = list(paragraphs)
    found: list[Paragraph] = []
    while left:
        paragraph = left.pop(0)
        between = _until_next(paragraph, left, size)
        if between is None:
            found.append(paragraph)
            continue
        found += left[:between]
        rest = left[between]
        merged = Paragraph([*paragraph.lines, *rest.lines], region=rest.region, runs_on=rest.runs_on)
        left[: between + 1] = [merged]
    return found


def _until_next(paragraph: Paragraph, following: Sequence[Paragraph], size: float) -> int | None:
    """Return how many paragraphs stand before the one that this one runs on in; None if it does not run on."""
    if not paragraph.runs_on or not _is_body(paragraph, size):
        return None
    for number, other in enumerate(following[: LOOK_AHEAD + 1]):
        if other.level:
            return None
        if _is_body(other, size):
            parted = other.region is not paragraph.region
            is_open = parted or all(CAPTION.match(aside.text) for aside in following[:number])
            # A single line may be all that the page says: no telling whether it fills a column.
            is_prose = parted and len(paragraph.lines) > 1 and not BULLET.match(other.text)
            goes_on = other.text[0].islower() or is_prose
            return number if goes_on and is_open and (parted or number) else None
    return None


def _is_body(paragraph: Paragraph, size: float) -> bool:
    is_usual = SMALLER * size <= paragraph.lines[0].size < LARGER * size
    return is_usual and not paragraph.is_row and not paragraph.level and not CAPTION.match(paragraph.text)
