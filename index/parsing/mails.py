"""Mailboxes (mbox): one message after another, each a place; their attachments are documents of their own."""

import re
from collections.abc import Iterator

from index.parsing.blocks import Attachment, Metadata, ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.mail import add_message, read_message

# A message starts with such a line; in a body, ">" is put before it.
START = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]*\d{4}[^\r\n]*\r?\n")
QUOTED_START = re.compile(rb"^>(>*From )", re.MULTILINE)


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the messages in the order of the file. `encoding` is not needed."""
    builder = TextBuilder()
    attachments: list[Attachment] = []
    for number, message in enumerate(_messages(data), start=1):
        builder.place(f"message {number}")
        found = add_message(builder, read_message(message))
        attachments += [Attachment(f"{number} {a.name}", a.data) for a in found]
    return builder.document(metadata=Metadata(), attachments=tuple(attachments))


def _messages(data: bytes) -> Iterator[bytes]:
    starts = list(START.finditer(data))
    if not starts:
        yield data
    for number, start in enumerate(starts):
        end = starts[number + 1].start() if number + 1 < len(starts) else len(data)
        yield QUOTED_START.sub(rb"\1", data[start.end() : end])
