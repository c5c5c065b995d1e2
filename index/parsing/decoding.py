"""Bytes to characters, keeping every character as it is: no newline translation, no Unicode normalisation.

A byte order mark says how to read the text and is not part of it. Without one: UTF-8, then Windows-1252, the two that
cover nearly all Western text files. Statistical guessing is left out on purpose: it is often wrong on short files.
"""

import codecs
import re

from index.errors import EncodingError, UnreadableDocumentError

# UTF-32 first: its little-endian mark begins with the one of UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
MAX_CONTROL_SHARE = 0.01


def known_encoding(name: str) -> str:
    """Return the one spelling of an encoding's name: "UTF8" -> "utf-8". Raises EncodingError if Python has none."""
    try:
        codec = codecs.lookup(name)
        codec.decode(b"a")
    except (LookupError, UnicodeError, TypeError, ValueError) as error:
        raise EncodingError(f"no text encoding is called {name!r} (try utf-8, cp1252, latin-1, koi8-r)") from error
    return codec.name


def decode(data: bytes, encoding: str | None = None) -> tuple[str, str]:
    """Return (text, name of the encoding used). Raises UnreadableDocumentError for what is not text."""
    for mark, name in MARKS:
        if data.startswith(mark) and encoding in (None, name):
            return _text(data[len(mark) :], name), name
    if encoding:
        return _text(data, encoding), encoding
    if b"\0" in data:
        raise UnreadableDocumentError("binary, not text")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return _text(data, "cp1252"), "cp1252"
    return _text(data, "utf-8"), "utf-8"


def _text(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
        text.encode("utf-8")  # some codecs make lone surrogates, which no file and no database can hold
    except (UnicodeError, ValueError) as error:
        raise UnreadableDocumentError(f"not {encoding} text (name another with --encoding)") from error
    if sum(1 for _ in CONTROL.finditer(text)) > MAX_CONTROL_SHARE * len(text):
        raise UnreadableDocumentError("binary, not text")
    return text
