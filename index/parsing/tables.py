"""A table's rows as passages: "header: value; header: value", so that a row can be understood and cited alone."""

import re
from collections.abc import Iterable, Sequence

from index.parsing.building import TextBuilder

# A number, an amount, a date or a time: what stands in a row of values, not in a header.
VALUE = re.compile(r"[-+(]?[€$£¥]?\s*\d[\d\s.,:/'%-]*\)?\s*(?:%|[€$£¥]|[A-Za-z]{1,3})?|true|false", re.IGNORECASE)


def is_header(cells: Sequence[str]) -> bool:
    """Say whether a table's first row names its columns: at least two different words or phrases, and no values."""
    filled = [cell for cell in cells if cell]
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
        if cell:
            name = header[column].rstrip(":") if column < len(header) else ""
            named.append(f"{name}: {cell}" if name else cell)
    return "; ".join(named)


def add_table(builder: TextBuilder, rows: Sequence[Sequence[str]], header: Sequence[str] | None = None) -> None:
    """Add a table, a block for each row. The first row is the header if it looks like one, unless one is given."""
    apart = True
    if header is not None:
        apart = not builder.add(row_text((), header))
    elif len(rows) > 1 and is_header(rows[0]):
        header = rows[0]
        apart = not builder.add(row_text((), header))
        rows = rows[1:]
    for row in rows:
        if builder.add(row_text(header or (), row), apart=apart):
            apart = False


def one_line(text: str) -> str:
    """Return a cell's text without line breaks and runs of spaces."""
    return " ".join(text.split())
