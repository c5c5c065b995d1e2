"""PowerPoint files: a slide is a place, its title a heading; tables as rows, charts, notes and comments.

Left out: slide numbers, dates and footers, what the slide's design shows on every slide, pictures.
"""

from index.parsing.blocks import ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.office import Package, Relation, chart_rows, chosen
from index.parsing.safe_xml import Element, attribute, child, children, descendants, name_of
from index.parsing.tables import SPANNED, add_table, one_line

MAIN_PART = "ppt/presentation.xml"
TITLES = {"title", "ctrTitle"}
REPEATED = {"sldNum", "dt", "ftr", "hdr"}
MAX_HEADING = 150


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the slides in order. `encoding` is not needed."""
    package = Package(data)
    main = package.main_part(MAIN_PART)
    relations = package.relations(main)
    slides = [relations[key].target for key in _relation_ids(package.root(main)) if key in relations]
    builder = TextBuilder()
    authors = _authors(package, main)
    for number, slide in enumerate(slides, start=1):
        builder.place(f"slide {number}")
        _Slide(package, slide, builder).add(authors)
    return builder.document(metadata=package.metadata())


def _relation_ids(presentation: Element) -> list[str]:
    """Return the slides' relation ids in order. subtle: a slide has two attributes called id; one has a namespace."""
    return [
        value
        for slide in descendants(presentation, "sldId")
        for key, value in slide.attrib.items()
        if key.endswith("}id")
    ]


class _Slide:
    """One slide: its title first, then its shapes in the order of the file, then what belongs to it."""

    def __init__(self, package: Package, part: str, builder: TextBuilder) -> None:
        self.package = package
        self.part = part
        self.builder = builder
        self.relations = package.relations(part)

    def add(self, authors: dict[str, str]) -> None:
        shapes = list(_shapes(child(self.package.root(self.part), "cSld", "spTree")))
        titles = [shape for shape in shapes if _placeholder(shape) in TITLES]
        has_heading = False
        for shape in titles:
            has_heading = self.builder.add(one_line(" ".join(_paragraphs(shape))), level=1) or has_heading
        for shape in shapes:
            if shape not in titles:
                has_heading = self._add_shape(shape, has_heading)
        for relation in self.relations.values():
            if relation.kind == "notesSlide" and relation.target in self.package.archive:
                self._add_notes(relation)
        for relation in self.relations.values():
            if relation.kind == "comments" and relation.target in self.package.archive:
                self._add_comments(relation, authors)

    def _add_shape(self, shape: Element, has_heading: bool) -> bool:
        """Add a shape. A slide without a title is headed by its first line if that is short. Says whether it is."""
        table = next(descendants(shape, "tbl"), None) if name_of(shape) == "graphicFrame" else None
        if table is not None:
            add_table(self.builder, _table_rows(table))
            return True
        for chart in descendants(shape, "chart"):
            relation = self.relations.get(attribute(chart, "id"))
            if relation is not None and relation.target in self.package.archive:
                title, rows = chart_rows(self.package.root(relation.target))
                self.builder.add(title)
                add_table(self.builder, rows[1:], header=rows[0])
        for diagram in descendants(shape, "relIds"):
            relation = self.relations.get(attribute(diagram, "dm"))
            if relation is not None and relation.target in self.package.archive:
                for text in _paragraphs(self.package.root(relation.target)):
                    self.builder.add(text, apart=False)
        apart = True
        for text in _paragraphs(child(shape, "txBody")):
            is_heading = not has_heading and len(text) <= MAX_HEADING
            apart = not self.builder.add(text, level=int(is_heading), apart=apart)
            has_heading = True
        return has_heading

    def _add_notes(self, relation: Relation) -> None:
        for shape in _shapes(child(self.package.root(relation.target), "cSld", "spTree")):
            if _placeholder(shape) == "body":
                for text in _paragraphs(shape):
                    self.builder.add(f"Note: {text}")

    def _add_comments(self, relation: Relation, authors: dict[str, str]) -> None:
        for comment in descendants(self.package.root(relation.target), "cm"):
            text = "".join(t.text or "" for t in children(comment, "text")) or " ".join(_paragraphs(comment))
            who, when = authors.get(attribute(comment, "authorId"), ""), attribute(comment, "dt")
            said = ", ".join(part for part in (who, when) if part)
            self.builder.add(f"Comment ({said}): {one_line(text)}" if text.strip() else "")


def _shapes(tree: Element | None) -> list[Element]:
    """Return the shapes of a tree, those of groups among them, without what every slide repeats."""
    found: list[Element] = []
    for element in tree if tree is not None else ():
        name = name_of(element)
        if name == "grpSp":
            found += _shapes(element)
        elif name == "AlternateContent":
            found += _shapes(chosen(element))
        elif name in ("sp", "graphicFrame", "cxnSp") and _placeholder(element) not in REPEATED:
            found.append(element)
    return found


def _placeholder(shape: Element) -> str:
    """Return what a shape stands for on the slide's design: "title", "body", ...; "" for a free one."""
    for holder in ("nvSpPr", "nvGraphicFramePr"):
        place = child(shape, holder, "nvPr", "ph")
        if place is not None:
            return attribute(place, "type") or "body"
    return ""


def _paragraphs(element: Element | None) -> list[str]:
    """Return the paragraphs of a shape, empty ones left out."""
    found = []
    for paragraph in descendants(element, "p"):
        pieces = [
            "\n" if name_of(e) == "br" else "".join(t.text or "" for t in descendants(e, "t"))
            for e in paragraph
            if name_of(e) in ("r", "br", "fld", "m", "AlternateContent")
        ]
        if text := "".join(pieces).strip():
            found.append(text)
    return found


def _table_rows(table: Element) -> list[list[str]]:
    """Return the cells' texts. A cell merged downwards says its text in every row; to the right, once."""
    rows: list[list[str]] = []
    for row in children(table, "tr"):
        line: list[str] = []
        for cell in children(row, "tc"):
            text = one_line(" ".join(_paragraphs(cell)))
            if attribute(cell, "vMerge") in ("1", "true") and rows and len(line) < len(rows[-1]):
                text = rows[-1][len(line)]
            if attribute(cell, "hMerge") in ("1", "true"):
                text = SPANNED
            line.append(text)
        rows.append(line)
    return rows


def _authors(package: Package, main: str) -> dict[str, str]:
    """Return the names of those who wrote comments, by their ids; two kinds of files keep them."""
    found: dict[str, str] = {}
    for kind in ("commentAuthors", "authors"):
        part = package.related(main, kind)
        if part:
            root = package.root(part)
            found |= {attribute(e, "id"): attribute(e, "name") for e in descendants(root, "cmAuthor", "author")}
    return found
