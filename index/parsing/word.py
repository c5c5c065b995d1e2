"""Word files: paragraphs, headings by style, list numbers, tables as rows, notes, text boxes, charts, formulas.

Left out: comments, deleted and hidden text, headers and footers, the table of contents (its headings are in the text).
The XML is read directly: python-docx leaves out notes and text boxes, and cannot open the strict variant.
"""

from collections.abc import Iterable

from index.parsing.blocks import ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.office import Package, Relation, chart_rows, chosen, math_text
from index.parsing.safe_xml import Element, attribute, child, children, descendants, name_of
from index.parsing.tables import SPANNED, add_table, one_line
from index.parsing.word_numbering import Numbering
from index.parsing.word_styles import Styles, heading_level

MAIN_PART = "word/document.xml"
TRANSPARENT = {"ins", "moveTo", "hyperlink", "smartTag", "sdt", "sdtContent", "customXml", "fldSimple", "dir", "bdo"}
CHARACTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011", "ptab": "\t"}
OFF = {"0", "false", "off"}
LONG_CELL = 1_000


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the document's text. `encoding` is not needed."""
    package = Package(data)
    reader = _Reader(package, package.main_part(MAIN_PART))
    reader.add_blocks(child(package.root(reader.part), "body"))
    return reader.builder.document(metadata=package.metadata())


class _Reader:
    """Walk through the document, and collect its text."""

    def __init__(self, package: Package, part: str) -> None:
        self.package = package
        self.part = part
        self.builder = TextBuilder()
        self.relations = package.relations(part)
        self.styles = Styles(self._root("styles"))
        self.numbering = Numbering(self._root("numbering"))
        self.notes = {
            (kind, attribute(note, "id")): note
            for kind in ("footnote", "endnote")
            for note in children(self._root(f"{kind}s"), kind)
        }
        self.note_numbers: dict[tuple[str, str], int] = {}
        # Notes, text boxes and charts that the current paragraph refers to; they follow it.
        self.waiting: list[Element | Relation | tuple[int, Element]] = []

    def _root(self, kind: str) -> Element | None:
        part = self.package.related(self.part, kind)
        return self.package.root(part) if part else None

    def add_blocks(self, container: Element | None) -> None:
        """Add the paragraphs and tables of a body, a cell, a note or a text box."""
        for element in container if container is not None else ():
            name = name_of(element)
            if name == "p":
                self._add_paragraph(element)
            elif name == "tbl":
                self._add_table(element)
            elif name in TRANSPARENT:
                self.add_blocks(element)
            elif name == "AlternateContent":
                self.add_blocks(chosen(element))

    def _add_paragraph(self, paragraph: Element) -> None:
        properties = child(paragraph, "pPr")
        style = _value(child(properties, "pStyle"))
        text = self._text(paragraph)
        if text.strip() and not self.styles.is_contents(style):
            outline = child(properties, "outlineLvl")
            level = self.styles.level(style) if outline is None else heading_level(outline)
            label = self._label(child(properties, "numPr"), style)
            self.builder.add(f"{label} {text.strip()}" if label else text, level)
        self._add_waiting()

    def _label(self, own: Element | None, style: str) -> str:
        numbered = self.styles.numbering(style) if own is None else own
        if numbered is None:
            return ""
        inherited = self.styles.numbering(style)
        list_id = _value(child(numbered, "numId")) or _value(child(inherited, "numId"))
        level = _value(child(numbered, "ilvl")) or "0"
        return self.numbering.label(list_id, int(level)) if level.isdecimal() else ""

    def _add_waiting(self) -> None:
        waiting, self.waiting = self.waiting, []
        for piece in waiting:
            if isinstance(piece, Relation):
                title, rows = chart_rows(self.package.root(piece.target))
                self.builder.add(title)
                add_table(self.builder, rows[1:], header=rows[0])
            elif isinstance(piece, tuple):
                number, note = piece
                texts = [one_line(self._text(p)) for p in descendants(note, "p")]
                self.builder.add(f"[{number}] " + " ".join(text for text in texts if text))
            else:
                self.add_blocks(piece)

    def _text(self, element: Element) -> str:
        """Return the text of a paragraph or a part of one; what follows it goes to `waiting`."""
        return "".join(self._piece(e) for e in element)

    def _piece(self, element: Element) -> str:
        name = name_of(element)
        if name == "t":
            return element.text or ""
        if name in CHARACTERS:
            return CHARACTERS[name]
        if name == "r":
            return "" if _is_on(child(element, "rPr", "vanish")) else self._text(element)
        if name in TRANSPARENT:
            return self._text(element)
        if name in ("oMath", "oMathPara"):
            return math_text(element)
        if name == "ruby":
            return "".join(self._text(base) for base in children(element, "rubyBase"))
        if name in ("footnoteReference", "endnoteReference"):
            return self._note(name.removesuffix("Reference"), attribute(element, "id"))
        if name == "AlternateContent":
            found = chosen(element)
            return self._text(found) if found is not None else ""
        if name in ("drawing", "pict", "object"):
            self._find_drawn(element)
        return ""

    def _note(self, kind: str, note_id: str) -> str:
        note = self.notes.get((kind, note_id))
        if note is None:
            return ""
        number = self.note_numbers.setdefault((kind, note_id), len(self.note_numbers) + 1)
        self.waiting.append((number, note))
        return f"[{number}]"

    def _find_drawn(self, element: Element) -> None:
        """Remember the text boxes and charts of a drawing, the outermost ones: their blocks are read in turn."""
        for e in element:
            name = name_of(e)
            if name == "txbxContent":
                self.waiting.append(e)
            elif name == "chart":
                relation = self.relations.get(attribute(e, "id"))
                if relation is not None and relation.target in self.package.archive:
                    self.waiting.append(relation)
            elif name == "AlternateContent":
                found = chosen(e)
                if found is not None:
                    self._find_drawn(found)
            else:
                self._find_drawn(e)

    def _add_table(self, table: Element) -> None:
        rows = [row for row in _rows(table) if child(row, "trPr", "del") is None]
        cells = [list(_cells(row)) for row in rows]
        if _is_layout(cells):
            for row in cells:
                for cell, _ in row:
                    self.add_blocks(cell)
            return
        texts: list[list[str]] = []
        for row in cells:
            line: list[str] = []
            for cell, width in row:
                text = self._cell_text(cell)
                if _is_continued(cell) and texts and len(line) < len(texts[-1]):
                    text = texts[-1][len(line)]
                line += [text, *[SPANNED] * (width - 1)]
            texts.append(line)
        add_table(self.builder, texts)
        self._add_waiting()

    def _cell_text(self, cell: Element) -> str:
        return one_line(" ".join(self._text(p) for p in descendants(cell, "p") if not _is_in_box(p)))


def _rows(table: Element) -> Iterable[Element]:
    for element in table:
        if name_of(element) == "tr":
            yield element
        elif name_of(element) in TRANSPARENT:
            yield from _rows(element)


def _cells(row: Element) -> Iterable[tuple[Element, int]]:
    """Yield (cell, number of columns that it takes)."""
    for element in row:
        if name_of(element) == "tc":
            span = _value(child(element, "tcPr", "gridSpan"))
            yield element, min(int(span), 100) if span.isdecimal() and int(span) else 1
        elif name_of(element) in TRANSPARENT:
            yield from _cells(element)


def _is_continued(cell: Element) -> bool:
    merged = child(cell, "tcPr", "vMerge")
    return merged is not None and attribute(merged, "val") != "restart"


def _is_in_box(paragraph: Element) -> bool:
    """Say whether a paragraph of a cell is in a text box there, which is read on its own."""
    above = paragraph.getparent()
    while above is not None and name_of(above) != "tc":
        if name_of(above) == "txbxContent":
            return True
        above = above.getparent()
    return False


def _is_layout(rows: list[list[tuple[Element, int]]]) -> bool:
    """Say whether a table only arranges text: one column, tables inside, or cells as long as a page."""
    if all(len(row) < 2 for row in rows):
        return True
    return any(
        child(cell, "tbl") is not None or sum(len(t.text or "") for t in descendants(cell, "t")) > LONG_CELL
        for row in rows
        for cell, _ in row
    )


def _is_on(element: Element | None) -> bool:
    return element is not None and attribute(element, "val") not in OFF


def _value(element: Element | None) -> str:
    return attribute(element, "val") if element is not None else ""
