"""Paragraphs to one text with blocks and places, and the way back from each character to its page.

A word that a line's end has parted is put together again. The hyphen goes, unless the document shows that it belongs
there: in another place it has the word with it and never without.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from index.parsing.blocks import Block, Place
from index.parsing.pdf.columns import spaced
from index.parsing.pdf.paragraphs import Paragraph
from index.parsing.pdf.source import Run

WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")
PARTED = re.compile(r"([^\W\d_]+(?:[-\u2010][^\W\d_]+)*)[-\u2010]\Z")
HYPHENS = ("-", "\u2010")
WHOLE_WORD = 5
LETTERS = re.compile(r"[^\W\d_]+")
# "pre- and postwar": the hyphen stays, and so does the space.
LINKS = frozenset("and or und oder bzw et ou y o e and/or".split())


class Origin(NamedTuple):
    """`text[start : start + length]` is the page's characters from `raw` on, one for one."""

    start: int
    page: int
    raw: int
    length: int


@dataclass(frozen=True)
class Assembled:
    """The text, its blocks and places, and where its characters come from, in the order of the text.

    What no origin covers (spaces and line ends between lines) is on no page.
    """

    text: str
    blocks: tuple[Block, ...]
    places: tuple[Place, ...]
    origins: tuple[Origin, ...]

    def raw_of(self, start: int, end: int) -> Iterator[tuple[int, range]]:
        """Yield (page, its characters' numbers) for each stretch of `text[start:end]`."""
        first = max(0, bisect_right(self.origins, start, key=lambda origin: origin.start) - 1)
        for origin in self.origins[first:]:
            if origin.start >= end:
                return
            low, high = max(start, origin.start), min(end, origin.start + origin.length)
            if low < high:
                yield origin.page, range(origin.raw + low - origin.start, origin.raw + high - origin.start)


def assemble(paragraphs: Sequence[Paragraph]) -> Assembled:
    """Write the paragraphs one after the other, an empty line between them; rows of a table on lines of their own."""
    words = _words(paragraphs)
    writer = _Writer()
    blocks: list[Block] = []
    previous: Paragraph | None = None
    for paragraph in paragraphs:
        if previous:
            writer.add("\n" if previous.is_row and paragraph.is_row else "\n\n")
        start = writer.length
        _write(writer, paragraph, words)
        blocks.append(Block(start, writer.length, paragraph.level))
        previous = paragraph
    return Assembled("".join(writer.parts), tuple(blocks), tuple(writer.places), tuple(writer.origins))


def _words(paragraphs: Iterable[Paragraph]) -> set[str]:
    """Return the document's words in small letters, without those that a line's end parts."""
    found: set[str] = set()
    is_parted = False
    for paragraph in paragraphs:
        for line in paragraph.lines:
            words = WORD.findall(line.text.casefold())
            first, is_parted = int(is_parted), line.text.endswith(HYPHENS)
            found.update(words[first : len(words) - is_parted])
    return found


def _write(writer: "_Writer", paragraph: Paragraph, words: set[str]) -> None:
    for number, line in enumerate(paragraph.lines):
        for one, other in zip([None, *line.pieces], line.pieces, strict=False):
            if one and spaced(one, other):
                writer.add(" ")
            for run in other.runs:
                writer.add_run(line.page, run)
        if number + 1 < len(paragraph.lines):
            drop, between = seam(line.text, paragraph.lines[number + 1].text, words)
            writer.cut(drop)
            writer.add("\n" if between == " " and paragraph.is_broken else between)


def seam(line: str, following: str, words: set[str]) -> tuple[int, str]:
    """Return how many characters of a line go at its end, and what stands between it and the next one.

    `words` are the document's, in small letters. Example: ("the es-", "tablished", set()) -> (1, "").
    """
    parted = PARTED.search(line)
    begins = LETTERS.match(following)
    if not parted:
        return 0, " "
    if not begins:
        return 0, "" if following[:1].isdigit() else " "
    head, tail = parted[1].casefold(), begins[0].casefold()
    if tail in LINKS:
        return 0, " "
    if begins[0][0].isupper() and not (parted[1].isupper() and begins[0].isupper()):
        return 0, ""
    if head + tail in words:
        return 1, ""
    stays = f"{head}-{tail}" in words or not head.isalpha()
    # Two long words that the document has each by itself are a compound, not the halves of a third.
    stays = stays or (min(len(head), len(tail)) >= WHOLE_WORD and {head, tail} <= words)
    return (0, "") if stays else (1, "")


class _Writer:
    """The text so far."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.origins: list[Origin] = []
        self.places: list[Place] = []
        self._page = 0

    def add(self, text: str) -> None:
        """Write what stands on no page."""
        if text:
            self.parts.append(text)
            self.length += len(text)

    def add_run(self, page: int, run: Run) -> None:
        """Write characters of a page."""
        if page != self._page:
            self.places.append(Place(self.length, f"page {page}"))
            self._page = page
        self.origins.append(Origin(self.length, page, run.raw, len(run.text)))
        self.add(run.text)

    def cut(self, count: int) -> None:
        """Take back the last `count` characters, which are of the last run."""
        if count:
            last = self.origins.pop()
            self.parts[-1] = self.parts[-1][:-count]
            self.length -= count
            if last.length > count:
                self.origins.append(last._replace(length=last.length - count))
