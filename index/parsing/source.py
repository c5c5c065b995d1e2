"""Source code and configuration: the file's own characters; a block is a run of lines up to an empty one.

Nothing is understood of any language. The place is the block's first line.
"""

from index.errors import UnreadableDocumentError
from index.parsing.blocks import ParsedDocument, Place
from index.parsing.decoding import decode
from index.parsing.plain import paragraphs, trimmed


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the file's own characters. Raises UnreadableDocumentError if they are no text."""
    text, used = decode(data, encoding)
    blocks, places = [], []
    line, counted = 1, 0
    for lines in paragraphs(text, 0, len(text)):
        block = trimmed(text, lines[0][0], lines[-1][1])
        gap = text[counted : block.start]
        line += gap.count("\n") + gap.count("\r") - gap.count("\r\n")
        counted = block.start
        blocks.append(block)
        places.append(Place(block.start, f"line {line}"))
    if not blocks:
        raise UnreadableDocumentError("empty")
    return ParsedDocument(text, tuple(blocks), used, tuple(places))
