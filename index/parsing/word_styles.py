"""Which of a Word file's paragraph styles are headings, lists, or the lines of a table of contents."""

import re

from index.parsing.safe_xml import Element, attribute, child, children

HEADING_NAME = re.compile(r"heading (\d)", re.I)
CONTENTS_NAME = re.compile(r"toc \d", re.I)
MAX_BASES = 20


class Styles:
    """A file's paragraph styles, by their id."""

    def __init__(self, root: Element | None) -> None:
        self._styles = {attribute(style, "styleId"): style for style in children(root, "style")}

    def level(self, style: str) -> int:
        """Return the heading level of a style, 1 to 6; 0 for text. It may be inherited."""
        for element in self._bases(style):
            outline = child(element, "pPr", "outlineLvl")
            if outline is not None:
                return heading_level(outline)
            name = _name(element)
            if match := HEADING_NAME.fullmatch(name):
                return min(int(match[1]), 6)
            if name.lower() == "title":
                return 1
        return 0

    def is_contents(self, style: str) -> bool:
        """Say whether a style is for the lines of a table of contents."""
        return any(CONTENTS_NAME.fullmatch(_name(element)) for element in self._bases(style))

    def numbering(self, style: str) -> Element | None:
        """Return the list that paragraphs of a style belong to."""
        for element in self._bases(style):
            found = child(element, "pPr", "numPr")
            if found is not None:
                return found
        return None

    def _bases(self, style: str) -> list[Element]:
        found: list[Element] = []
        while style in self._styles and len(found) < MAX_BASES:
            found.append(self._styles[style])
            base = child(found[-1], "basedOn")
            style = attribute(base, "val") if base is not None else ""
        return found


def heading_level(outline: Element) -> int:
    """Return the heading level that an outline level stands for: 0 is a heading 1, 9 is text."""
    value = attribute(outline, "val")
    return min(int(value) + 1, 6) if value.isdecimal() and int(value) < 9 else 0


def _name(style: Element) -> str:
    name = child(style, "name")
    return attribute(name, "val") if name is not None else ""
