"""PDF: pages of characters to a document in reading order, and back to where a stretch of it is painted on a page."""

from index.parsing.pdf.drawing import Marked, PageImage, draw, marked, page_pictures, text_of
from index.parsing.pdf.parse import parse

__all__ = ["Marked", "PageImage", "draw", "marked", "page_pictures", "parse", "text_of"]
