"""Markdown: the block structure from markdown-it, the characters from the file.

Marks such as `**` stay in the text, since a quote is the file's own characters; only the block's prefix (`> `, `- `,
`## `) is left outside the block. Front matter is metadata and gets no block.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from index.parsing.blocks import Block
from index.parsing.plain import PARAGRAPH, trimmed

PREFIX = re.compile(r"(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*")
HEADING_MARKS = re.compile(r"#{1,6}[ \t]*")
HEADING_TAIL = re.compile(r"[ \t]*(?:#+[ \t]*|[\r\n]+[ \t>]*(?:=+|-+)[ \t]*)$")
FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n.*?\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
LEAVES = {"paragraph_open", "heading_open", "fence", "code_block", "tr_open", "html_block"}


def blocks(text: str) -> tuple[Block, ...]:
    """Split Markdown into blocks: headings, paragraphs, list items, table rows, code."""
    front = FRONT_MATTER.match(text)
    offset = front.end() if front else 0
    # subtle: markdown-it counts \r\n as one line end and \r as another, so its line numbers index this list.
    lines = [offset, *(m.end() for m in re.compile(r"\r\n|\n|\r").finditer(text, offset)), len(text)]
    found: list[Block] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text[offset:]):
        if token.type in LEAVES and token.map:
            block = _block(text, token, lines[token.map[0]], lines[min(token.map[1], len(lines) - 1)])
            if block.end > block.start:
                found.append(block)
    return _with_gaps(text, offset, found)


def _block(text: str, token: Token, start: int, end: int) -> Block:
    block = trimmed(text, start, end)
    if token.type not in ("fence", "code_block", "html_block"):
        prefix = PREFIX.match(text, block.start, block.end)
        block = trimmed(text, prefix.end() if prefix else block.start, block.end)
    if token.type != "heading_open":
        return block
    marks = HEADING_MARKS.match(text, block.start, block.end)
    begin = marks.end() if marks else block.start
    tail = HEADING_TAIL.search(text, begin, block.end)
    return trimmed(text, begin, tail.start() if tail else block.end, level=int(token.tag[1]))


def _with_gaps(text: str, offset: int, found: list[Block]) -> tuple[Block, ...]:
    """Add a block for every stretch with a letter or digit that markdown-it gave no block (link definitions).

    Nothing that a reader could look for may be lost.
    """
    result: list[Block] = []
    position = offset
    for block in [*found, Block(len(text), len(text))]:
        # subtle: a table row inside a list can repeat its lines; what is covered once is not covered again.
        if block.start < position:
            continue
        for lines in PARAGRAPH.finditer(text, position, block.start):
            if re.search(r"[^\W_]", PREFIX.sub("", lines[0])):
                result.append(trimmed(text, lines.start(), lines.end()))
        result.append(block)
        position = block.end
    return tuple(b for b in result if b.end > b.start)
