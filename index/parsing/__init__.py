"""Turn a file's bytes into text and blocks, one file per format."""

from index.parsing.blocks import Block, Metadata, ParsedDocument, Place, place_label
from index.parsing.decoding import known_encoding
from index.parsing.formats import SUFFIXES, parse

__all__ = ["SUFFIXES", "Block", "Metadata", "ParsedDocument", "Place", "known_encoding", "parse", "place_label"]
