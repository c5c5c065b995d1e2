"""Find what is printed around the text: headers, footers and page numbers that come again from page to page.

Only lines near the upper and the lower edge are looked at, and only what three pages have at the same height (both, if
there are two): the same words whatever the numbers in them, or a number that counts the pages. A page alone has none.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from index.parsing.pdf.columns import Line, rows
from index.parsing.pdf.source import Page, Piece

EDGE = 0.15  # of the page's height
OUTERMOST = 4  # lines
PAGES = 3
SAME_HEIGHT = 3  # points
MOST_PAGES = 0.6
LARGER = 1.15  # than most of the text: a title of a slide may come again
NUMBER = re.compile(r"\d+")
PAGE_NUMBER = re.compile(r"\A\W*(?:\w+\s)?(\d{1,5})\b|\b(\d{1,5})\W*\Z")
ROMAN = re.compile(r"\A\W*[ivxlc]{1,8}\W*\Z", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class _Edge:
    """A line near an edge of its page."""

    page: Page
    line: Line
    is_top: bool

    @property
    def height(self) -> int:
        """Return how far it is from its edge, in points."""
        return round(self.page.height - self.line.bottom if self.is_top else self.line.bottom)

    @cached_property
    def words(self) -> str:
        """Return its text with every number the same; what has next to no letters is not known by them."""
        words = NUMBER.sub("#", self.line.text.casefold())
        return words if sum(character.isalpha() for character in words) > 2 else ""

    @cached_property
    def offsets(self) -> set[int]:
        """Return how far the numbers at its two ends are from the page's own."""
        found = PAGE_NUMBER.finditer(self.line.text)
        return {int(match[1] or match[2]) - self.page.number for match in found}


def without_furniture(pages: Sequence[Page], size: float) -> list[Page]:
    """Return the pages without what comes again at their edges; `size` is the font's of most of the text."""
    edges = [edge for page in pages for edge in _edges(page, size)]
    needed = min(PAGES, max(2, len(pages)))
    seen: Counter[tuple[object, ...]] = Counter(key for edge in edges for key in _keys(edge))
    repeated = {edge for edge in edges if any(_near(seen, key) >= needed for key in _keys(edge))}
    # Where most pages have such a line, the line of the others is one, too: the title of a short chapter.
    places = Counter((edge.is_top, edge.height) for edge in repeated)
    usual = {place for place, _ in places.items() if _near(places, place) >= max(needed, MOST_PAGES * len(pages))}
    left_out: set[Piece] = set()
    for edge in edges:
        is_roman = len(pages) >= PAGES and ROMAN.match(edge.line.text)
        if edge in repeated or is_roman or (edge.is_top, edge.height) in usual:
            left_out.update(edge.line.pieces)
    return [replace(page, pieces=tuple(p for p in page.pieces if p not in left_out)) for page in pages]


def _edges(page: Page, size: float) -> Iterator[_Edge]:
    margin = EDGE * page.height
    upper = rows(p for p in page.pieces if p.bottom > page.height - margin)
    lower = rows(p for p in page.pieces if p.top < margin)
    for line in upper[:OUTERMOST]:
        if line.size < LARGER * size:
            yield _Edge(page, line, is_top=True)
    for line in lower[-OUTERMOST:]:
        yield _Edge(page, line, is_top=False)


def _keys(edge: _Edge) -> Iterator[tuple[object, ...]]:
    """Yield what another page's line may have in common with it; the height is last."""
    if edge.words:
        yield edge.is_top, edge.words, edge.height
    for offset in edge.offsets:
        yield edge.is_top, offset, edge.height


def _near(seen: Counter[tuple[object, ...]], key: tuple[object, ...]) -> int:
    """Count those that have the same in common, and nearly the same height."""
    *rest, height = key
    assert isinstance(height, int)
    return sum(seen[*rest, height + step] for step in range(-SAME_HEIGHT, SAME_HEIGHT + 1))
