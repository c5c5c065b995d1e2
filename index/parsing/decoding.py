"""Bytes to characters, keeping every character as it is: no newline translation, no Unicode normalisation.

A byte order mark says how to read the text and is not part of it. Without one: UTF-8, then Windows-1252, the two that
cover nearly all Western text files. Statistical guessing is left out on purpose: it is often wrong on short files.
"""

import codecs

from index.errors import UnreadableDocumentError

# UTF-32 first: its little-endian mark begins with the one of UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
CONTROL = frozenset(map(chr, range(32))) - set("\t\n\r\f\v\x1b")
MAX_CONTROL_SHARE = 0.01


def decode(data: bytes, encoding: str | None = None) -> tuple[str, str]:
    """Return (text, name of the encoding used). Raises UnreadableDocumentError for what is not text."""
    for mark, name in MARKS:
        if data.startswith(mark) and encoding in (None, name):
            return _checked(data[len(mark) :], name), name
    if encoding:
        return _checked(data, encoding), encoding
    if b"\0" in data:
        raise UnreadableDocumentError("binary, not text")
    try:
        return _checked(data, "utf-8"), "utf-8"
    except UnreadableDocumentError:
        return _checked(data, "cp1252"), "cp1252"


def _checked(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise UnreadableDocumentError(f"not {encoding} text (name another with --encoding)") from error
    if sum(character in CONTROL for character in text) > MAX_CONTROL_SHARE * len(text):
        raise UnreadableDocumentError("binary, not text")
    return text
