"""Find what is printed around the text: headers, footers and page numbers that come again from page to page.

Only lines near the upper and the lower edge are looked at, and only what three pages have at the same height (both, if
there are two): the same words, or the same but for a number that counts the pages, or such a number at an end of the
line. So an invoice's total stays, though every page has one. A page alone has no furniture.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from index.parsing.pdf.columns import Line, rows
from index.parsing.pdf.source import Page, Piece

EDGE = 0.15  # of the page's height
OUTERMOST = 4  # lines
PAGES = 3
SAME_HEIGHT = 3  # points
MOST_PAGES = 0.6
LARGER = 1.15  # than most of the text: a title of a slide may come again
NUMBER = re.compile(r"\b\d{1,5}\b")
MOST_NUMBERS = 6
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

    def in_common(self) -> Iterator[tuple[object, ...]]:
        """Yield what another page's line may have in common with this one; the height is last."""
        text = self.line.text.casefold()
        if any(character.isalpha() for character in text):
            yield self.is_top, text, self.height
        for match in islice(NUMBER.finditer(text), MOST_NUMBERS):
            offset = int(match[0]) - self.page.number
            yield self.is_top, text[: match.start()], offset, text[match.end() :], self.height
            if match.start() == 0 or match.end() == len(text):
                yield self.is_top, offset, self.height


def without_furniture(pages: Sequence[Page], size: float) -> list[Page]:
    """Return the pages without what comes again at their edges; `size` is the font's of most of the text."""
    edges = [edge for page in pages for edge in _edges(page, size)]
    needed = min(PAGES, max(2, len(pages)))
    seen: Counter[tuple[object, ...]] = Counter(key for edge in edges for key in edge.in_common())
    repeated = {edge for edge in edges if any(_near(seen, key) >= needed for key in edge.in_common())}
    # Where most pages have such a line, the line of the others is one, too: the title of a short chapter.
    places: Counter[tuple[object, ...]] = Counter((edge.is_top, edge.height) for edge in repeated)
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


def _near(seen: Counter[tuple[object, ...]], key: tuple[object, ...]) -> int:
    """Count those that have the same in common, and nearly the same height."""
    *rest, height = key
    assert isinstance(height, int)
    return sum(seen[*rest, height + step] for step in range(-SAME_HEIGHT, SAME_HEIGHT + 1))
