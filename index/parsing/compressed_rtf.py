"""Unpack the RTF of Outlook messages (LZFu, [MS-OXRTFCP])."""

import struct
from collections.abc import Iterator

from index.errors import UnreadableDocumentError

COMPRESSED, PLAIN = 0x75465A4C, 0x414C454D
DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    rb"SymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
WINDOW = 4096
MAX_BYTES = 100_000_000


def decompress(data: bytes) -> bytes:
    """Return the RTF. Raises UnreadableDocumentError if the data are not what they say."""
    if len(data) < 16:
        raise UnreadableDocumentError("damaged: its text cannot be unpacked")
    _, size, kind = struct.unpack_from("<III", data)
    if kind == PLAIN:
        return data[16 : 16 + size]
    if kind != COMPRESSED or size > MAX_BYTES:
        raise UnreadableDocumentError("damaged: its text cannot be unpacked")
    window = bytearray(DICTIONARY.ljust(WINDOW, b"\0"))
    write, read = len(DICTIONARY), 16
    out = bytearray()
    while read < len(data) and len(out) < size:
        control = data[read]
        read += 1
        for bit in range(8):
            if control >> bit & 1:
                if read + 2 > len(data):
                    return bytes(out)
                token = data[read] << 8 | data[read + 1]
                read += 2
                offset, length = token >> 4, (token & 15) + 2
                if offset == write:
                    return bytes(out)
                piece: Iterator[int] = (window[(offset + step) % WINDOW] for step in range(length))
            else:
                piece = iter(data[read : read + 1])
                read += 1
            for byte in piece:
                out.append(byte)
                window[write] = byte
                write = (write + 1) % WINDOW
    return bytes(out)
