"""What every parser returns: the text as extracted, where it came from, and where its headings and paragraphs are."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """A stretch of text that no sentence crosses: `text[start:end]`, a heading (level 1 to 6) or a paragraph (0)."""

    start: int
    end: int
    level: int = 0


@dataclass(frozen=True)
class Place:
    """From `start` on, up to the next place, the text comes from here: "page 3", "slide 2", "Sheet1!A4", "00:01:02"."""

    start: int
    label: str


@dataclass(frozen=True)
class Metadata:
    """What a file says about itself; empty where it says nothing.

    `date` is ISO 8601 ("2024-05-03", "2024-05" or "2024"), `language` two letters (ISO 639-1).
    """

    title: str = ""
    author: str = ""
    date: str = ""
    language: str = ""


@dataclass(frozen=True)
class Attachment:
    """A file inside a file, a mail's for example: the name that it was given there, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True)
class ParsedDocument:
    """A document's text, character for character, and its blocks in reading order, none overlapping another.

    `encoding` is "" for a format that says itself how its text is encoded. `places` are in the order of the text, none
    for a format without pages or the like; citations are shown with them.
    """

    text: str
    blocks: tuple[Block, ...]
    encoding: str
    places: tuple[Place, ...] = ()
    metadata: Metadata = Metadata()
    attachments: tuple[Attachment, ...] = ()


def place_label(places: Sequence[Place], start: int, end: int) -> str:
    """Say where `text[start:end]` comes from: "page 3", "page 3 - page 4", or "" if the document has no places."""
    first = bisect_right(places, start, key=lambda place: place.start) - 1
    last = bisect_right(places, end - 1, key=lambda place: place.start) - 1
    if last < 0:
        return ""
    one, other = places[max(first, 0)].label, places[last].label
    return one if one == other else f"{one} - {other}"
