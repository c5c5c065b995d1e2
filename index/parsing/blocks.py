"""What every parser returns: the text as extracted, and where its headings and paragraphs are."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """A stretch of text that no sentence crosses: `text[start:end]`, a heading (level 1 to 6) or a paragraph (0)."""

    start: int
    end: int
    level: int = 0


@dataclass(frozen=True)
class ParsedDocument:
    """A document's text, character for character, and its blocks in reading order, none overlapping another."""

    text: str
    blocks: tuple[Block, ...]
    encoding: str
