"""Put a document's text together, block by block, for formats whose files are not text themselves."""

import re

from index.errors import UnreadableDocumentError
from index.parsing.blocks import Attachment, Block, Metadata, ParsedDocument, Place

MAX_CHARACTERS = 50_000_000
LINE_ENDS = re.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
# Control characters, halves of surrogate pairs and non-characters, which no database wants; and what nobody sees and
# what would keep a word from being found: soft hyphens, spaces of no width, bullets of the Symbol font.
UNUSABLE = re.compile(
    r"[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]|[\u00ad\u200b\u2060\ufeff\uf000-\uf0ff]"
)


class TextBuilder:
    """Collect the text of a document with its blocks and places. The text is what the parser found, trimmed."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._places: list[Place] = []
        self._place = ""

    def place(self, label: str) -> None:
        """Say where the blocks that are added from now on come from."""
        self._place = label

    def add(self, text: str, level: int = 0, *, apart: bool = True) -> bool:
        """Add a block, after an empty line, or (not `apart`) on the next line. Says whether there was anything in it.

        Raises UnreadableDocumentError when the text gets too long.
        """
        text = UNUSABLE.sub("", LINE_ENDS.sub("\n", text)).strip()
        if not text:
            return False
        if self._parts:
            self._append("\n\n" if apart else "\n")
        if self._place and (not self._places or self._places[-1].label != self._place):
            self._places.append(Place(self._length, self._place))
        self._blocks.append(Block(self._length, self._length + len(text), min(level, 6)))
        self._append(text)
        return True

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        if self._length > MAX_CHARACTERS:
            raise UnreadableDocumentError(f"more than {MAX_CHARACTERS:,} characters of text: split it")

    @property
    def text(self) -> str:
        """What was added so far."""
        return "".join(self._parts)

    def document(
        self, encoding: str = "", metadata: Metadata | None = None, attachments: tuple[Attachment, ...] = ()
    ) -> ParsedDocument:
        """Return what was collected. Raises UnreadableDocumentError if there is no text at all."""
        if not self._blocks:
            raise UnreadableDocumentError("no text in it")
        return ParsedDocument(
            self.text,
            tuple(self._blocks),
            encoding,
            tuple(self._places),
            metadata or Metadata(),
            attachments,
        )
