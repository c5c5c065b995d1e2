"""Tables in text files: the delimiter is found out, a row is a passage, and its place is the row's number."""

import csv
from collections.abc import Iterator
from itertools import islice

from index.errors import UnreadableDocumentError
from index.parsing.blocks import ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.decoding import decode
from index.parsing.tables import is_header, one_line, row_text

DELIMITERS = ",;\t|"
LOOKED_AT_ROWS = 50
MAX_FIELD = 10_000_000


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the rows as "header: value" passages. Rows are counted as a spreadsheet does, the header being row 1."""
    text, used = decode(data, encoding)
    csv.field_size_limit(MAX_FIELD)
    delimiter = find_delimiter(text)
    builder = TextBuilder()
    header: list[str] = []
    try:
        for number, row in enumerate(_rows(text, delimiter), start=1):
            cells = [one_line(cell) for cell in row]
            if number == 1 and is_header(cells):
                header = cells
            builder.place(f"row {number}")
            builder.add(row_text(header if number > 1 else (), cells), apart=False)
    except csv.Error as error:
        raise UnreadableDocumentError(f"not a table: {error}") from error
    return builder.document(used)


def find_delimiter(text: str) -> str:
    r"""Return the delimiter that gives the most rows the same number of cells, more than one.

    Example: "a;b\n1,5;2\n" -> ";".
    """
    return max(DELIMITERS, key=lambda delimiter: _score(text, delimiter))


def _score(text: str, delimiter: str) -> tuple[int, int]:
    try:
        widths = [len(row) for row in islice(_rows(text, delimiter), LOOKED_AT_ROWS) if row]
    except csv.Error:
        return 0, 0
    return max(((widths.count(width), width) for width in set(widths) if width > 1), default=(0, 0))


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    # subtle: splitlines() would also cut at characters that are no line ends to a spreadsheet.
    return csv.reader(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), delimiter=delimiter)
