"""What goes over the pipes between the process that indexes and the one that parses.

A frame is the lengths of a JSON header and of a body (two unsigned 64-bit numbers), then both.
"""

import json
import struct
from typing import Any, BinaryIO, TypeAlias

from index.errors import UnreadableDocumentError
from index.parsing.blocks import Attachment, Block, Metadata, ParsedDocument, Place

LENGTHS = struct.Struct(">QQ")
Header: TypeAlias = dict[str, Any]


def write_frame(file: BinaryIO, header: Header, body: bytes) -> None:
    """Write a frame and flush."""
    head = json.dumps(header).encode("ascii")
    file.write(LENGTHS.pack(len(head), len(body)) + head)
    file.write(body)
    file.flush()


def pack(document: ParsedDocument) -> tuple[Header, bytes]:
    """Turn a document into a header and a body."""
    parts = [document.text.encode("utf-8"), *(attachment.data for attachment in document.attachments)]
    header = {
        "blocks": [(b.start, b.end, b.level) for b in document.blocks],
        "places": [(p.start, p.label) for p in document.places],
        "encoding": document.encoding,
        "metadata": vars(document.metadata),
        "attachments": [attachment.name for attachment in document.attachments],
        "sizes": [len(part) for part in parts],
    }
    return header, b"".join(parts)


def unpack(header: Header, body: bytes) -> ParsedDocument:
    """Turn an answer's header and body back into the document, or raise UnreadableDocumentError with its reason."""
    if "reason" in header:
        raise UnreadableDocumentError(str(header["reason"]))
    parts, first = [], 0
    for size in header["sizes"]:
        parts.append(body[first : first + size])
        first += size
    names = header["attachments"]
    return ParsedDocument(
        parts[0].decode("utf-8"),
        tuple(Block(*block) for block in header["blocks"]),
        str(header["encoding"]),
        tuple(Place(*place) for place in header["places"]),
        Metadata(**header["metadata"]),
        tuple(Attachment(name, data) for name, data in zip(names, parts[1:], strict=True)),
    )
