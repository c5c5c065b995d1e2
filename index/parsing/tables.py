"""A table's rows as passages: "header: value; header: value", so that a row can be understood and cited alone."""

import re
from collections.abc import Iterable, Sequence

from index.parsing.building import TextBuilder

# A number, an amount, a date or a time: what stands in a row of values, not in a header.
VALUE = re.compile(r"[-+(]?[€$£¥]?\s*\d[\d\s.,:/'%-]*\)?\s*(?:%|[€$£¥]|[A-Za-z]{1,3})?|true|false", re.IGNORECASE)

# Stands in a row for a column that the cell to its left takes as well.
SPANNED = "\0"


def is_header(cells: Sequence[str]) -> bool:
    """Say whether a table's first row names its columns: at least two different words or phrases, and no values."""
    filled = [cell for cell in cells if cell and cell != SPANNED]
    return (
        len(filled) > 1
        and len(set(filled)) == len(filled)
        and not any(VALUE.fullmatch(cell) or len(cell) > 120 for cell in filled)
    )


def row_text(header: Sequence[str], cells: Iterable[str]) -> str:
    r"""Join a row's cells, each after the name of its column, empty ones left out.

    Example: ["Name", "Age"], ["Ann", "30"] -> "Name: Ann; Age: 30".
    """
    named = []
    for column, cell in enumerate(cells):
        if cell and cell != SPANNED:
            name = header[column].rstrip(":") if column < len(header) else ""
            named.append(f"{name}: {cell}" if name else cell)
    return "; ".join(named)


def add_table(builder: TextBuilder, rows: Sequence[Sequence[str]], header: Sequence[str] | None = None) -> None:
    """Add a table, a block for each row. The first row is the header if it looks like one, unless one is given."""
    if header is None and len(rows) > 1 and is_header(rows[0]):
        header, rows = rows[0], rows[1:]
    apart = header is None or not builder.add(row_text((), header))
    names = _spread(header or ())
    for row in rows:
        if builder.add(row_text(names, row), apart=apart):
            apart = False


def _spread(header: Sequence[str]) -> list[str]:
    """Give a name that stands above several columns to each of them."""
    names: list[str] = []
    for name in header:
        names.append(names[-1] if name == SPANNED and names else name)
    return names


def one_line(text: str) -> str:
    """Return a cell's text without line breaks and runs of spaces."""
    return " ".join(text.split())
