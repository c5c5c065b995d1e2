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
PDF = ".pdf"
SUFFIXES = frozenset({*PARSERS, PDF})


def parse(name: str, data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the document's text and blocks. Raises UnreadableDocumentError if there is no text in it."""
    suffix = PurePath(name).suffix.lower()
    if suffix == PDF:
        from index.parsing import pdf  # its library takes a tenth of a second to load

        return pdf.parse(data, encoding)
    text, used = decode(data, encoding)
    blocks = PARSERS[suffix](text)
    if not blocks:
        raise UnreadableDocumentError("empty")
    return ParsedDocument(text, blocks, used)
