"""The summary of an old Office file ([MS-OLEPS]): title, author and date, and nothing else.

olefile would read every property, lists among them, and goes on for as long as a count in the file says, which may be
four thousand million times nothing.
"""

import struct
from collections.abc import Iterator
from datetime import datetime, timedelta

import olefile

from index.parsing.blocks import Metadata

STREAM = "\x05SummaryInformation"
SECTION = 44  # where it says how far away the properties are
MOST_PROPERTIES = 1_000  # of the some twenty that there are
CODE_PAGE, TITLE, AUTHOR, CREATED, SAVED = 1, 2, 4, 12, 13
IS_SHORT, IS_TEXT, IS_UTF_16, IS_TIME = 2, 30, 31, 64
UTF_8 = 65001
EPOCH = datetime(1601, 1, 1)


def summary(ole: olefile.OleFileIO) -> Metadata:
    """Return what the file says of itself; "" for what it does not say, or says in a way that cannot be read."""
    found = dict(_properties(ole.openstream(STREAM).read())) if ole.exists(STREAM) else {}
    page = "utf-8" if found.get(CODE_PAGE) == UTF_8 else "cp1252"
    title, author = (_text(found.get(number), page) for number in (TITLE, AUTHOR))
    dates = (found.get(number) for number in (SAVED, CREATED))
    date = next((date.date().isoformat() for date in dates if isinstance(date, datetime) and date != EPOCH), "")
    return Metadata(title, author, date)


def _properties(data: bytes) -> Iterator[tuple[int, int | bytes | str | datetime]]:
    """Yield (id, value) of the properties of the kinds that are used."""
    try:
        start = struct.unpack_from("<I", data, SECTION)[0]
        count = struct.unpack_from("<I", data, start + 4)[0]
    except struct.error:
        return
    for number in range(min(count, MOST_PROPERTIES)):
        try:
            id_, offset = struct.unpack_from("<II", data, start + 8 + 8 * number)
            value = _value(data, start + offset)
        except (struct.error, OverflowError):  # this one is damaged
            continue
        if value is not None:
            yield id_, value


def _value(data: bytes, at: int) -> int | bytes | str | datetime | None:
    """Return the value at a place, None if it is of another kind. Raises struct.error and OverflowError."""
    kind, size = struct.unpack_from("<II", data, at)
    first = at + 8
    if kind == IS_SHORT:
        return int(size & 0xFFFF)
    if kind == IS_TEXT:
        return data[first : first + size]
    if kind == IS_UTF_16:
        return data[first : first + 2 * size].decode("utf-16-le", "replace")
    if kind == IS_TIME:
        return EPOCH + timedelta(microseconds=struct.unpack_from("<Q", data, at + 4)[0] // 10)
    return None


def _text(value: int | bytes | str | datetime | None, page: str) -> str:
    text = value.decode(page, "replace") if isinstance(value, bytes) else value
    return text.replace("\0", "").strip() if isinstance(text, str) else ""
