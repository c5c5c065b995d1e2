"""Choose the parser of a file by its name."""

from collections.abc import Callable
from pathlib import PurePath

from index.errors import UnreadableDocumentError
from index.parsing import markdown, plain
from index.parsing.blocks import Block, ParsedDocument
from index.parsing.decoding import decode

PARSERS: dict[str, Callable[[str], tuple[Block, ...]]] = {
    ".md": markdown.blocks,
    ".markdown": markdown.blocks,
    ".txt": plain.blocks,
    ".text": plain.blocks,
}
SUFFIXES = frozenset(PARSERS)


def parse(name: str, data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the document's text and blocks. Raises UnreadableDocumentError if there is no text in it."""
    text, used = decode(data, encoding)
    blocks = PARSERS[PurePath(name).suffix.lower()](text)
    if not blocks:
        raise UnreadableDocumentError("empty")
    return ParsedDocument(text, blocks, used)
