"""Plain text: paragraphs between blank lines, list items on their own, and a title if the first line looks like one.

Where a run of lines has one that no editor would have wrapped (over 200 characters), every line is a paragraph.
"""

import re
from collections.abc import Iterator
from itertools import groupby, pairwise

from index.errors import UnreadableDocumentError
from index.parsing.blocks import Block, ParsedDocument
from index.parsing.decoding import decode

LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
LIST_ITEM = re.compile(r"[ \t]*(?:[-*\u2022\u2013]|\d{1,3}[.)])[ \t]+")
SENTENCE_END = tuple(".!?:;,\u2026\u3002")
MAX_TITLE = 200
MAX_WRAPPED_LINE = 200


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the file's own characters. Raises UnreadableDocumentError if they are no text."""
    text, used = decode(data, encoding)
    found = blocks(text)
    if not found:
        raise UnreadableDocumentError("empty")
    return ParsedDocument(text, found, used)


def blocks(text: str) -> tuple[Block, ...]:
    r"""Split text into blocks. Example: "Title\n\nOne. Two.\n" -> a level 1 heading and a paragraph."""
    found: list[Block] = []
    for lines in paragraphs(text, 0, len(text)):
        unwrapped = any(end - start > MAX_WRAPPED_LINE for start, end in lines)
        starts = [start for start, _ in lines[1:] if unwrapped or LIST_ITEM.match(text, start)]
        cuts = [lines[0][0], *starts, lines[-1][1]]
        found.extend(trimmed(text, start, end) for start, end in pairwise(cuts))
    if len(found) > 1 and _is_title(text, found[0]):
        found[0] = Block(found[0].start, found[0].end, level=1)
    return tuple(found)


def paragraphs(text: str, start: int, end: int) -> Iterator[list[tuple[int, int]]]:
    r"""Yield the runs of lines that hold something, as (start, end) of each line; \r\n, \n and \r all end a line."""
    lines = [match.span() for match in LINE.finditer(text, start, end)]
    for blank, run in groupby(lines, key=lambda line: not text[line[0] : line[1]].strip()):
        if not blank:
            yield list(run)


def trimmed(text: str, start: int, end: int, level: int = 0) -> Block:
    """Return the block without the white space around it."""
    piece = text[start:end]
    return Block(start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip()), level)


def _is_title(text: str, first: Block) -> bool:
    line = text[first.start : first.end]
    return len(line) <= MAX_TITLE and "\n" not in line and "\r" not in line and not line.endswith(SENTENCE_END)
