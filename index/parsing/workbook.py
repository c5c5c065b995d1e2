"""Excel files: a row is a passage, "header: value; header: value", and its place the first cell ("Sheet1!A4").

A sheet's name is a heading. A header is a row of different words with values below it; after an empty row there may be
another. Formulas are read as the value that was stored with them. Left out: hidden sheets, charts, pictures.
"""

import io
from collections.abc import Iterable, Iterator
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from index.parsing.blocks import ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.cell_values import shown
from index.parsing.office import Package
from index.parsing.safe_xml import attribute, child, children, descendants, refuse_entities
from index.parsing.tables import is_header, one_line

MAIN_PART = "xl/workbook.xml"
Cell = tuple[int, str]


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the visible sheets in order. `encoding` is not needed."""
    package = Package(data)
    _refuse_entities(package)
    builder = TextBuilder()
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    comments = _comments(package)
    try:
        for sheet in book.worksheets:
            if sheet.sheet_state == "visible":
                sheet.reset_dimensions()  # what the file says of its size may be wrong
                _add_sheet(builder, sheet.title, _rows(sheet), comments.get(sheet.title, []))
    finally:
        book.close()
    return builder.document(metadata=package.metadata())


def _refuse_entities(package: Package) -> None:
    """Look at every part first: the library that reads them knows no better than to expand entities."""
    for name in package.archive.names:
        if name.endswith((".xml", ".rels")):
            refuse_entities(package.archive.read(name))


def _rows(sheet: Any) -> Iterator[tuple[int, list[Cell]]]:
    """Yield (row number, [(column, text)]) of every row, the empty ones too."""
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = [
            (cell.column, one_line(shown(cell.value, cell.number_format))) for cell in row if cell.value is not None
        ]
        yield number, [(column, text) for column, text in cells if text]


def _add_sheet(
    builder: TextBuilder, title: str, rows: Iterable[tuple[int, list[Cell]]], comments: list[tuple[str, str]]
) -> None:
    builder.place(f"{title}!A1")
    builder.add(title, level=1)
    header: dict[int, str] = {}
    is_new = True
    for number, cells in rows:
        if not cells:
            is_new = True
            continue
        is_first = is_new and is_header([text for _, text in cells])
        if is_first:
            header = dict(cells)
        named = [f"{header[c]}: {text}" if not is_first and c in header else text for c, text in cells]
        builder.place(f"{title}!{get_column_letter(cells[0][0])}{number}")
        # One cell alone is a title or a remark, unless it stands below a header.
        builder.add("; ".join(named if len(cells) > 1 or not is_new else [cells[0][1]]), apart=is_new)
        is_new = len(cells) == 1 and is_new
    for cell, text in comments:
        builder.place(f"{title}!{cell}")
        builder.add(text)


def _comments(package: Package) -> dict[str, list[tuple[str, str]]]:
    """Return the comments of every sheet: (cell, text with its author and date)."""
    main = package.main_part(MAIN_PART)
    relations = package.relations(main)
    persons = _persons(package, main)
    found = {}
    for sheet in descendants(package.root(main), "sheet"):
        ids = [value for key, value in sheet.attrib.items() if key.endswith("}id")]
        if ids and ids[0] in relations:
            found[attribute(sheet, "name")] = _sheet_comments(package, relations[ids[0]].target, persons)
    return found


def _sheet_comments(package: Package, part: str, persons: dict[str, str]) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    threads = package.related(part, "threadedComment")
    threaded = list(children(package.root(threads), "threadedComment")) if threads else []
    for comment in threaded:
        who = ", ".join(filter(None, (persons.get(attribute(comment, "personId"), ""), attribute(comment, "dT"))))
        text = child(comment, "text")
        said.append((attribute(comment, "ref"), f"Comment ({who}): {text.text if text is not None else ''}"))
    notes = package.related(part, "comments")
    root = package.root(notes) if notes else None
    authors = [a.text or "" for a in descendants(root, "author")]
    for comment in descendants(root, "comment"):
        number = attribute(comment, "authorId")
        who = authors[int(number)] if number.isdecimal() and int(number) < len(authors) else ""
        if not who.startswith("tc="):  # the same as a threaded comment, for older programs
            text = "".join(t.text or "" for t in descendants(child(comment, "text"), "t"))
            said.append((attribute(comment, "ref"), f"Comment ({who}): {one_line(text)}" if who else one_line(text)))
    return said


def _persons(package: Package, main: str) -> dict[str, str]:
    part = package.related(main, "person")
    people = descendants(package.root(part), "person") if part else ()
    return {attribute(person, "id"): attribute(person, "displayName") for person in people}
