"""Turn a file's bytes into text and blocks, one file per format."""

from index.parsing.blocks import Block, ParsedDocument
from index.parsing.decoding import known_encoding
from index.parsing.formats import SUFFIXES, parse

__all__ = ["SUFFIXES", "Block", "ParsedDocument", "known_encoding", "parse"]
