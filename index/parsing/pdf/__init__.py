"""PDF: pages of characters to a document in reading order, and back to where a stretch of it is painted on a page."""

from index.parsing.pdf.drawing import Marked, PageImage, draw, marked, text_of
from index.parsing.pdf.parse import parse

__all__ = ["Marked", "PageImage", "draw", "marked", "parse", "text_of"]
