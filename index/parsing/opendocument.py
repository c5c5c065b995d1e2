"""OpenDocument files (ODT, ODS, ODP): headings, paragraphs, lists, tables as rows, notes, text boxes, slides.

The place of a sheet's row is its first cell ("Sheet1!A4"), of a slide its number. Left out: comments, tracked
deletions, hidden text, headers and footers, pictures. odfpy is not used: its licences are the GPL's beside Apache's.
"""

from collections.abc import Iterator

from index.errors import UnreadableDocumentError
from index.parsing.archive import Archive
from index.parsing.blocks import Metadata, ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.metadata import iso_date, language_code
from index.parsing.safe_xml import Element, attribute, child, children, descendants, name_of, xml_root
from index.parsing.tables import SPANNED, add_table, is_header, one_line, row_text

LEFT_OUT = {"annotation", "tracked-changes", "hidden-text", "forms", "table-of-content-source", "object", "image"}
SHAPES = {"frame", "g", "custom-shape", "text-box", "rect", "ellipse", "polygon"}
TITLE_CLASSES = {"title"}
MAX_REPEATED = 1_000
MAX_HEADING = 150


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the document's text. `encoding` is not needed."""
    archive = Archive(data)
    if b"encryption-data" in (archive.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in archive else b""):
        raise UnreadableDocumentError("protected with a password")
    builder = TextBuilder()
    body = child(xml_root(archive.read("content.xml")), "body")
    for content in body if body is not None else ():
        kind = name_of(content)
        if kind == "spreadsheet":
            for sheet in children(content, "table"):
                _add_sheet(builder, sheet)
        elif kind == "presentation":
            for number, slide in enumerate(children(content, "page"), start=1):
                builder.place(f"slide {number}")
                _add_slide(builder, slide)
        else:
            _add_blocks(builder, content)
    return builder.document(metadata=_metadata(archive))


def _add_blocks(builder: TextBuilder, container: Element) -> None:
    for element in container:
        name = name_of(element)
        if name in ("p", "h"):
            level = attribute(element, "outline-level") if name == "h" else ""
            _add_paragraph(builder, element, int(level) if level.isdecimal() and int(level) else int(name == "h"))
        elif name == "table":
            rows = [_row_texts(row) for row in _rows(element)]
            if all(len(row) < 2 for row in rows) or next(descendants(element[-1], "table"), None) is not None:
                for cell in descendants(element, "table-cell"):
                    if not any(name_of(above) == "table-cell" for above in cell.iterancestors()):
                        _add_blocks(builder, cell)
            else:
                add_table(builder, rows)
        elif name not in LEFT_OUT and name not in ("sequence-decls", "table-of-content"):
            _add_blocks(builder, element)


def _add_paragraph(builder: TextBuilder, paragraph: Element, level: int) -> None:
    boxes: list[Element] = []
    notes: list[tuple[str, str]] = []
    builder.add(_text(paragraph, boxes, notes), level)
    for mark, text in notes:
        builder.add(f"[{mark}] {one_line(text)}")
    for box in boxes:
        _add_blocks(builder, box)


def _text(element: Element, boxes: list[Element], notes: list[tuple[str, str]]) -> str:
    """Return the text of a paragraph or a part of one; its text boxes and notes go to the lists."""
    parts = [element.text or ""]
    for e in element:
        name = name_of(e)
        if name == "s":
            count = attribute(e, "c")
            parts.append(" " * (min(int(count), MAX_REPEATED) if count.isdecimal() else 1))
        elif name == "tab":
            parts.append("\t")
        elif name == "line-break":
            parts.append("\n")
        elif name == "note":
            mark = child(e, "note-citation")
            shown = (mark.text or "*") if mark is not None else "*"
            parts.append(f"[{shown}]")
            below = [_text(p, boxes, []) for p in descendants(child(e, "note-body"), "p")]
            notes.append((shown, " ".join(below)))
        elif name in SHAPES:
            boxes.append(e)
        elif name not in LEFT_OUT:
            parts.append(_text(e, boxes, notes))
        parts.append(e.tail or "")
    return "".join(parts)


def _rows(table: Element) -> Iterator[Element]:
    """Yield the rows of a table, those of groups among them."""
    for element in table:
        name = name_of(element)
        if name == "table-row":
            yield element
        elif name in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _rows(element)


def _row_texts(row: Element) -> list[str]:
    """Return the texts of a row's cells; a cell that is repeated is there as often, but not the empty end."""
    cells: list[str] = []
    for cell in children(row, "table-cell", "covered-table-cell"):
        boxes: list[Element] = []
        notes: list[tuple[str, str]] = []
        texts = [_text(p, boxes, notes) for p in _paragraphs(cell)] + [f"[{mark}] {text}" for mark, text in notes]
        texts += [_text(p, [], []) for box in boxes for p in _paragraphs(box)]
        text = one_line(" ".join(texts))
        if name_of(cell) == "covered-table-cell" and not text:
            text = SPANNED
        cells += [text] * min(_repeated(cell, "number-columns-repeated"), MAX_REPEATED if text else 16_384)
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _paragraphs(cell: Element) -> Iterator[Element]:
    for element in cell:
        if name_of(element) in ("p", "h"):
            yield element
        elif name_of(element) not in LEFT_OUT:
            yield from _paragraphs(element)


def _repeated(element: Element, name: str) -> int:
    count = attribute(element, name)
    return int(count) if count.isdecimal() and len(count) < 9 else 1


def _add_sheet(builder: TextBuilder, sheet: Element) -> None:
    title = attribute(sheet, "name") or "Sheet"
    builder.place(f"{title}!A1")
    builder.add(title, level=1)
    header: list[str] = []
    number, is_new = 1, True
    for row in _rows(sheet):
        cells = _row_texts(row)
        filled = [cell for cell in cells if cell and cell != SPANNED]
        if filled:
            is_first = is_new and is_header(cells)
            header = cells if is_first else header
            first = next(column for column, cell in enumerate(cells) if cell and cell != SPANNED)
            builder.place(f"{title}!{column_letters(first)}{number}")
            is_title = is_first or (is_new and len(filled) == 1)
            builder.add(row_text(() if is_title else header, cells), apart=is_new)
            is_new = is_new and len(filled) == 1
        else:
            is_new = True
        number += _repeated(row, "number-rows-repeated")


def column_letters(column: int) -> str:
    """Return a column's letters, counted from 0: 27 -> "AB"."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _add_slide(builder: TextBuilder, slide: Element) -> None:
    shapes = [e for e in slide if name_of(e) not in ("notes", *LEFT_OUT)]
    titles = [shape for shape in shapes if attribute(shape, "class") in TITLE_CLASSES]
    for shape in titles:
        builder.add(one_line(" ".join(_text(p, [], []) for p in _paragraphs(shape))), level=1)
    for shape in shapes:
        if shape not in titles:
            _add_blocks(builder, shape)
    for notes in children(slide, "notes"):
        for paragraph in _paragraphs(notes):
            text = one_line(_text(paragraph, [], []))
            builder.add(f"Note: {text}" if text else "")


def _metadata(archive: Archive) -> Metadata:
    if "meta.xml" not in archive:
        return Metadata()
    meta = child(xml_root(archive.read("meta.xml")), "meta")
    said = {name_of(e): (e.text or "").strip() for e in meta} if meta is not None else {}
    return Metadata(
        said.get("title", ""),
        said.get("creator", "") or said.get("initial-creator", ""),
        iso_date(said.get("date", "") or said.get("creation-date", "")),
        language_code(said.get("language", "")),
    )
