"""Which lines are headings: what the outline names, what is set larger than the text, and short lines in bold."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from index.parsing.pdf.columns import Line
from index.parsing.pdf.paragraphs import LARGER, SMALLER

DEEPEST = 6
LONGEST = 200
LONGEST_BOLD = 100
NO_HEADING = tuple(".:;,{}()<>=&|+*/")  # a sentence, or a line of code with a word in bold
MOST_BOLD = 0.3  # of all lines: where more are bold, it says nothing
LINES = 3  # that a heading of the outline may take
NUMBERING = re.compile(r"\A(?:[a-z]|\d+(?:\.\d+)*|[ivxlc]+)[.:)]?\s+(?=\S)", re.IGNORECASE)


class Entry(NamedTuple):
    """A line of the outline: its depth from 1, its words, the page that it opens."""

    level: int
    title: str
    page: int


def levels_of(lines: Sequence[Line], outline: Iterable[Entry], size: float) -> dict[Line, int]:
    """Return the level of each line that is a heading or part of one; `size` is the font's of most of the text.

    The outline says how deep its own are. Of the others the largest come first, and a size that the outline knows has
    its level.
    """
    levels = _by_outline(lines, outline)
    depths: dict[float, Counter[int]] = {}
    for line, level in levels.items():
        depths.setdefault(round(line.size), Counter())[level] += 1
    larger = [line for line in lines if line not in levels and _is_larger(line, size)]
    ranks = {s: rank for rank, s in enumerate(sorted({round(line.size) for line in larger}, reverse=True), start=1)}
    for line in larger:
        known = depths.get(round(line.size))
        level = known.most_common(1)[0][0] if known else ranks[round(line.size)]
        levels[line] = min(level, DEEPEST)
    if sum(line.is_bold for line in lines) < MOST_BOLD * len(lines):
        lowest = min(max(levels.values(), default=0) + 1, DEEPEST)
        levels.update({line: lowest for line in lines if line not in levels and _is_bold_heading(line, size)})
    return levels


def _is_bold_heading(line: Line, size: float) -> bool:
    if not line.is_bold or line.is_row or line.size < SMALLER * size or len(line.text) > LONGEST_BOLD:
        return False
    return sum(character.isalpha() for character in line.text) > 2 and not line.text.endswith(NO_HEADING)


def _is_larger(line: Line, size: float) -> bool:
    if line.size < LARGER * size or len(line.text) > LONGEST or line.is_row:
        return False
    return sum(character.isalpha() for character in line.text) > 1


def _by_outline(lines: Sequence[Line], outline: Iterable[Entry]) -> dict[Line, int]:
    by_page: dict[int, list[Line]] = {}
    for line in lines:
        by_page.setdefault(line.page, []).append(line)
    levels: dict[Line, int] = {}
    for entry in outline:
        wanted = _key(entry.title)
        for found in _runs(by_page.get(entry.page, ())):
            if wanted and found[0] not in levels and _key(" ".join(line.text for line in found)) == wanted:
                levels.update(dict.fromkeys(found, min(entry.level, DEEPEST)))
                break
    return levels


def _runs(lines: Sequence[Line]) -> Iterable[Sequence[Line]]:
    for first in range(len(lines)):
        for count in range(1, LINES + 1):
            yield lines[first : first + count]


def _key(text: str) -> str:
    """Return what two spellings of a heading have in common: its letters and digits, without its number."""
    plain = NUMBERING.sub("", text.strip()).casefold()
    return "".join(character for character in plain if character.isalnum())
