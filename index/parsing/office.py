"""What Word, PowerPoint and Excel files have in common: parts that refer to each other, and their properties."""

import posixpath
from dataclasses import dataclass

from index.errors import UnreadableDocumentError
from index.parsing.archive import Archive
from index.parsing.blocks import Metadata
from index.parsing.metadata import iso_date, language_code
from index.parsing.safe_xml import Element, attribute, child, children, descendants, name_of, xml_root


@dataclass(frozen=True)
class Relation:
    """What a part refers to: the last word of the relation's type, and the other part's name."""

    kind: str
    target: str


class Package:
    """An Office file: its parts, by name. Parts outside the file (links, linked pictures) are never looked at."""

    def __init__(self, data: bytes) -> None:
        self.archive = Archive(data)

    def main_part(self, usual: str) -> str:
        """Return the name of the document itself."""
        found = [
            r.target for r in self.relations("").values() if r.kind == "officeDocument" and r.target in self.archive
        ]
        return found[0] if found else usual

    def root(self, part: str) -> Element:
        """Return a part's root element. Raises UnreadableDocumentError if it is missing or broken."""
        return xml_root(self.archive.read(part))

    def root_if_there(self, part: str) -> Element | None:
        """Return a part's root element, or None if there is no such part."""
        return self.root(part) if part in self.archive else None

    def relations(self, part: str) -> dict[str, Relation]:
        """Return what a part refers to inside the file, by the id that it uses for it."""
        folder, _, file = part.rpartition("/")
        root = self.root_if_there(posixpath.join(folder, "_rels", f"{file}.rels"))
        found = {}
        for element in children(root, "Relationship"):
            if attribute(element, "TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, attribute(element, "Target"))).lstrip("/")
                found[attribute(element, "Id")] = Relation(attribute(element, "Type").rpartition("/")[2], target)
        return found

    def related(self, part: str, kind: str) -> str | None:
        """Return the first part of a kind that another refers to and that is there."""
        found = [r.target for r in self.relations(part).values() if r.kind == kind and r.target in self.archive]
        return found[0] if found else None

    def metadata(self) -> Metadata:
        """Return what the file's properties say."""
        try:
            root = self.root_if_there("docProps/core.xml")
        except UnreadableDocumentError:
            return Metadata()
        said = {name_of(e): (e.text or "").strip() for e in root} if root is not None else {}
        return Metadata(
            said.get("title", ""),
            said.get("creator", ""),
            iso_date(said.get("modified", "") or said.get("created", "")),
            language_code(said.get("language", "")),
        )


def chosen(alternatives: Element) -> Element | None:
    """Return the one of a piece's alternative forms that is to be shown; the others say the same again."""
    found = child(alternatives, "Choice")
    return found if found is not None and len(found) else child(alternatives, "Fallback")


def chart_rows(chart: Element) -> tuple[str, list[list[str]]]:
    """Return a chart's title, and its numbers as a table: a row for each category, a column for each series."""
    title = "".join(t.text or "" for t in descendants(child(chart, "chart", "title"), "t"))
    names: list[str] = [""]
    rows: dict[int, list[str]] = {}
    for series in descendants(chart, "ser"):
        names.append(next(iter(_points(child(series, "tx")).values()), ""))
        for place, text in _points(child(series, "cat")).items():
            rows.setdefault(place, [text])
        for place, text in {**_points(child(series, "val")), **_points(child(series, "yVal"))}.items():
            row = rows.setdefault(place, [""])
            row += [""] * (len(names) - 1 - len(row)) + [text]
    return title, [names, *(rows[place] for place in sorted(rows))]


def _points(element: Element | None) -> dict[int, str]:
    found = {}
    for point in descendants(element, "pt"):
        value = child(point, "v")
        if value is not None and attribute(point, "idx").isdecimal():
            found[int(attribute(point, "idx"))] = _rounded(value.text or "")
    return found


def _rounded(text: str) -> str:
    """Return a number without the noise of binary fractions: "4.4000000000000004" -> "4.4"."""
    try:
        return f"{float(text):.12g}" if len(text) > 12 else text
    except ValueError:
        return text


def math_text(element: Element) -> str:
    """Return a formula on one line: "x - y^2", "(a+b)/c"."""
    name = name_of(element)
    if name == "t":
        return element.text or ""
    if name.endswith("Pr"):
        return ""
    parts = {name_of(e): math_text(e) for e in element}
    if name == "f":
        return f"({parts.get('num', '')})/({parts.get('den', '')})"
    if name == "rad":
        return f"√({parts.get('e', '')})"
    if name in ("sSup", "sSub", "sSubSup"):
        low, high = (parts.get(key, "") for key in ("sub", "sup"))
        return parts.get("e", "") + (f"_{_grouped(low)}" if low else "") + (f"^{_grouped(high)}" if high else "")
    return "".join(math_text(e) for e in element)


def _grouped(text: str) -> str:
    return text if len(text) == 1 else f"({text})"
