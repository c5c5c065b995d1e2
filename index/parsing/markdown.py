"""Markdown: the block structure from markdown-it, the characters from the file.

Marks such as `**` stay in the text, since a quote is the file's own characters; only the block's prefix (`> `, `- `,
`## `) is left outside the block. Front matter is metadata and gets no block.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from index.errors import UnreadableDocumentError
from index.parsing.blocks import Block, Metadata, ParsedDocument
from index.parsing.decoding import decode
from index.parsing.metadata import iso_date, language_code
from index.parsing.plain import paragraphs, trimmed

LINE_END = re.compile(r"\r\n|\n|\r")
PREFIX = re.compile(r"(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*")
FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?\n)??---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
YAML_LINE = re.compile(r"[\w.\"'-]+[ \t]*:|[ \t]+\S|- |#")
YAML_VALUE = re.compile(r"^([A-Za-z]+)[ \t]*:[ \t]+([^\s\[{|>&*!][^\r\n]*?)[ \t]*\r?$", re.MULTILINE)
LEAVES = {"paragraph_open", "heading_open", "fence", "code_block", "tr_open", "html_block"}


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the file's own characters. Raises UnreadableDocumentError if they are no text."""
    text, used = decode(data, encoding)
    found = blocks(text)
    if not found:
        raise UnreadableDocumentError("empty")
    return ParsedDocument(text, found, used, metadata=_metadata(text[: _after_front_matter(text)]))


def _metadata(front: str) -> Metadata:
    """Read the few front matter lines that say what the document is; a nested value is none."""
    said = {match[1].lower(): match[2].strip("\"'") for match in YAML_VALUE.finditer(front)}
    return Metadata(
        said.get("title", ""),
        said.get("author", ""),
        iso_date(said.get("date", "")),
        language_code(said.get("lang", "") or said.get("language", "")),
    )


def blocks(text: str) -> tuple[Block, ...]:
    """Split Markdown into blocks: headings, paragraphs, list items, table rows, code."""
    offset = _after_front_matter(text)
    # subtle: markdown-it counts \r\n as one line end and \r as another, so its line numbers index this list.
    lines = [offset, *(m.end() for m in LINE_END.finditer(text, offset)), len(text)]
    found: list[Block] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text[offset:]):
        if token.type in LEAVES and token.map:
            block = _block(text, token, lines[token.map[0]], lines[min(token.map[1], len(lines) - 1)])
            if block.end > block.start:
                found.append(block)
    return _with_gaps(text, offset, found)


def _after_front_matter(text: str) -> int:
    """Return where the document begins after YAML front matter; a rule (`---`) with prose below it is not that."""
    front = FRONT_MATTER.match(text)
    if front is None:
        return 0
    lines = (front[1] or "").splitlines()
    is_yaml = all(not line.strip() or YAML_LINE.match(line) for line in lines) and (not lines or lines[0].strip())
    return front.end() if is_yaml else 0


def _block(text: str, token: Token, start: int, end: int) -> Block:
    block = trimmed(text, start, end)
    if token.type not in ("fence", "code_block", "html_block"):
        prefix = PREFIX.match(text, block.start, block.end)
        block = trimmed(text, prefix.end() if prefix else block.start, block.end)
    return _heading(text, token, block) if token.type == "heading_open" else block


def _heading(text: str, token: Token, block: Block) -> Block:
    """Leave the marks of a heading out: `## Title ##`, or the line of `=` or `-` below it."""
    line = text[block.start : block.end]
    if token.markup in ("=", "-"):
        line = line[: max(line.rfind("\n"), line.rfind("\r"))]
    else:
        inner = line.rstrip("#")
        line = inner if inner[-1:] in ("", " ", "\t") else line
    marks = len(line) - len(line.lstrip("#")) if token.markup.startswith("#") else 0
    return trimmed(text, block.start + marks, block.start + len(line), level=int(token.tag[1]))


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
        for lines in paragraphs(text, position, block.start):
            gap = trimmed(text, lines[0][0], lines[-1][1])
            if re.search(r"[^\W_]", PREFIX.sub("", text[gap.start : gap.end])):
                result.append(gap)
        result.append(block)
        position = block.end
    return tuple(b for b in result if b.end > b.start)
