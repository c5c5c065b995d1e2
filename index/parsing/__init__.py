"""Turn a file's bytes into text and blocks, one file per format."""

from index.parsing.blocks import Block, ParsedDocument
from index.parsing.formats import SUFFIXES, parse

__all__ = ["SUFFIXES", "Block", "ParsedDocument", "parse"]
