"""Outlook messages (MSG): read as mails are. The file is a small file system of properties; olefile opens it.

The properties' numbers are those of [MS-OXPROPS]. A message inside the message is part of the text, at a place of its
own; extract-msg is not used, since its licence is the GPL.
"""

import codecs
import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import olefile

from index.errors import EncodingError, UnreadableDocumentError
from index.parsing.blocks import Attachment, Metadata, ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.compressed_rtf import decompress
from index.parsing.decoding import known_encoding
from index.parsing.mail import add_body
from index.parsing.metadata import iso_date
from index.parsing.richtext import read_rtf
from index.parsing.tables import one_line
from index.parsing.webpage import decode_page

SUBJECT, BODY, HTML, RTF = 0x0037, 0x1000, 0x1013, 0x1009
SENDER, SENDER_ADDRESS, SENDER_SMTP, TO, CC = 0x0C1A, 0x0C1F, 0x5D01, 0x0E04, 0x0E03
SENT, RECEIVED, CODE_PAGE, INTERNET_CODE_PAGE = 0x0039, 0x0E06, 0x3FFD, 0x3FDE
FILE_NAME, SHORT_NAME, SHOWN_NAME, FILE_DATA = 0x3707, 0x3704, 0x3001, 0x3701
START, END, LOCATION = 0x8205, 0x820E, 0x8208
PROPERTIES = "__properties_version1.0"
MAX_DEPTH = 3
MAX_STREAM = 200_000_000


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return a message's text, and what is attached to it. `encoding` is not needed."""
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            message = _Message(ole, ())
            builder = TextBuilder()
            attachments = tuple(message.add(builder, 1))
            metadata = Metadata(message.text(SUBJECT), message.sender(), iso_date(message.sent()))
            return builder.document(metadata=metadata, attachments=attachments)
    except (OSError, struct.error, IndexError) as error:
        raise UnreadableDocumentError("damaged: not an Outlook message") from error


class _Message:
    """A message, in the folder `path` of the file."""

    def __init__(self, ole: olefile.OleFileIO, path: tuple[str, ...]) -> None:
        self.ole = ole
        self.path = path
        self.numbers = self._fixed()
        page = self.numbers.get(CODE_PAGE) or self.numbers.get(INTERNET_CODE_PAGE) or 1252
        self.encoding = _encoding(page)

    def add(self, builder: TextBuilder, depth: int) -> Iterator[Attachment]:
        """Add the message's headers and body, and yield its attachments."""
        builder.add(self.text(SUBJECT), level=1)
        headers = {"From": self.sender(), "To": self.text(TO), "Cc": self.text(CC), "Date": self.sent()}
        apart = True
        for name, value in headers.items():
            if value:
                apart = not builder.add(f"{name}: {value}", apart=apart)
        self._add_body(builder)
        for folder in self._folders("__attach_version1.0_#"):
            yield from self._attached(builder, folder, depth)

    def sender(self) -> str:
        """Return who sent it, as name and address."""
        name = one_line(self.text(SENDER))
        address = self.text(SENDER_SMTP) or self.text(SENDER_ADDRESS)
        return f"{name} <{address}>" if "@" in address and address != name else name or address

    def sent(self) -> str:
        """Return when it was sent or came, "2024-05-03 10:00 UTC"; "" if it says neither."""
        ticks = self.numbers.get(SENT) or self.numbers.get(RECEIVED) or 0
        with suppress(OverflowError):
            at = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)
            return at.strftime("%Y-%m-%d %H:%M UTC") if ticks else ""
        return ""

    def text(self, number: int) -> str:
        """Return a property that is text; "" if it is not there."""
        data = self._stream(f"__substg1.0_{number:04X}001F")
        if data is not None:
            return data.decode("utf-16-le", "replace").rstrip("\0")
        data = self._stream(f"__substg1.0_{number:04X}001E")
        return data.decode(self.encoding, "replace").rstrip("\0") if data is not None else ""

    def _add_body(self, builder: TextBuilder) -> None:
        text = self.text(BODY)
        html = self._stream(f"__substg1.0_{HTML:04X}0102")
        rtf = self._stream(f"__substg1.0_{RTF:04X}0102")
        if text.strip():
            add_body(builder, text, is_web=False)
        elif html:
            add_body(builder, decode_page(html)[0], is_web=True)
        elif rtf:
            read_rtf(builder, decompress(rtf))

    def _attached(self, builder: TextBuilder, folder: str, depth: int) -> Iterator[Attachment]:
        inside = _Message(self.ole, (*self.path, folder))
        embedded = f"__substg1.0_{FILE_DATA:04X}000D"
        if self.ole.exists([*inside.path, embedded, PROPERTIES]):
            if depth < MAX_DEPTH:
                message = _Message(self.ole, (*inside.path, embedded))
                builder.place(f"attached message: {one_line(message.text(SUBJECT)) or 'no subject'}")
                yield from message.add(builder, depth + 1)
            return
        data = inside._stream(f"__substg1.0_{FILE_DATA:04X}0102")
        if data:
            names = (inside.text(number) for number in (FILE_NAME, SHORT_NAME, SHOWN_NAME))
            yield Attachment(next(filter(None, names), "attachment"), data)

    def _folders(self, start: str) -> list[str]:
        depth = len(self.path)
        paths = self.ole.listdir(streams=False, storages=True)
        return [
            p[depth]
            for p in paths
            if len(p) == depth + 1 and tuple(p[:depth]) == self.path and p[depth].startswith(start)
        ]

    def _stream(self, name: str) -> bytes | None:
        path = [*self.path, name]
        if not self.ole.exists(path) or self.ole.get_size(path) > MAX_STREAM:
            return None
        return self.ole.openstream(path).read()  # type: ignore[no-any-return]

    def _fixed(self) -> dict[int, int]:
        """Return the properties that are numbers or times: entries of 16 bytes after the header of the stream."""
        data = self._stream(PROPERTIES) or b""
        is_attachment = bool(self.path) and self.path[-1].startswith("__attach")
        start = 8 if is_attachment else 24 if self.path else 32
        found = {}
        for first in range(start, len(data) - 15, 16):
            kind, number = struct.unpack_from("<HH", data, first)
            if kind in (0x0003, 0x0040):
                found[number] = struct.unpack_from("<I" if kind == 0x0003 else "<Q", data, first + 8)[0]
        return found


def _encoding(page: int) -> str:
    names = {65001: "utf-8", 1200: "utf-16-le", 20127: "cp1252", 28591: "cp1252", 20866: "koi8-r", 50220: "iso-2022-jp"}
    try:
        return codecs.lookup(known_encoding(names.get(page, f"cp{page}"))).name
    except EncodingError:
        return "cp1252"
