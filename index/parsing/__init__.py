"""Turn a file's bytes into text and blocks, one file per format."""

from index.parsing.blocks import Attachment, Block, Metadata, ParsedDocument, Place, place_label
from index.parsing.decoding import known_encoding
from index.parsing.formats import FORMATS, SUFFIXES, Format, may_be_read, parse
from index.parsing.isolation import Parser

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Attachment",
    "Block",
    "Format",
    "Metadata",
    "ParsedDocument",
    "Parser",
    "Place",
    "known_encoding",
    "may_be_read",
    "parse",
    "place_label",
]
