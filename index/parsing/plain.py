"""Plain text: paragraphs between blank lines, list items on their own, and a title if the first line looks like one.

Where a run of lines has one that no editor would have wrapped (over 200 characters), every line is a paragraph.
"""

import re
from itertools import pairwise

from index.parsing.blocks import Block

# A paragraph is a run of lines that hold something; \r\n, \n and \r all end a line.
PARAGRAPH = re.compile(r"(?:[^\r\n]*\S[^\r\n]*(?:\r\n|\n|\r|\Z))+")
LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
LIST_ITEM = re.compile(r"^[ \t]*(?:[-*\u2022\u2013]|\d{1,3}[.)])[ \t]+", re.MULTILINE)
SENTENCE_END = tuple(".!?:;,\u2026\u3002")
MAX_TITLE = 200
MAX_WRAPPED_LINE = 200


def blocks(text: str) -> tuple[Block, ...]:
    r"""Split text into blocks. Example: "Title\n\nOne. Two.\n" -> a level 1 heading and a paragraph."""
    found: list[Block] = []
    for match in PARAGRAPH.finditer(text):
        cuts = [match.start(), *_starts(text, match.start(), match.end()), match.end()]
        found.extend(trimmed(text, start, end) for start, end in pairwise(cuts))
    if len(found) > 1 and _is_title(text, found[0]):
        found[0] = Block(found[0].start, found[0].end, level=1)
    return tuple(found)


def _starts(text: str, start: int, end: int) -> list[int]:
    """Return where new blocks begin inside a run of lines: at list items; at every line if lines are not wrapped."""
    lines = [m.start() for m in LINE.finditer(text, start, end) if m.end() > m.start()]
    if any(b - a > MAX_WRAPPED_LINE for a, b in zip(lines, [*lines[1:], end], strict=True)):
        return lines[1:]
    return [item.start() for item in LIST_ITEM.finditer(text, start, end) if item.start() > start]


def trimmed(text: str, start: int, end: int, level: int = 0) -> Block:
    """Return the block without the white space around it."""
    piece = text[start:end]
    return Block(start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip()), level)


def _is_title(text: str, first: Block) -> bool:
    line = text[first.start : first.end]
    return len(line) <= MAX_TITLE and "\n" not in line and "\r" not in line and not line.endswith(SENTENCE_END)
