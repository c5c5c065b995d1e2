"""The numbers that Word shows before paragraphs ("3.2", "(a)") and stores only as rules."""

from collections import defaultdict

from index.parsing.safe_xml import Element, attribute, child, children

ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
         (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


class Numbering:
    """Count the paragraphs of numbered lists, in the order of the document."""

    def __init__(self, root: Element | None) -> None:
        self._levels: dict[str, dict[int, tuple[str, str, int]]] = {}
        self._lists: dict[str, str] = {}
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)
        for rules in children(root, "abstractNum"):
            levels = {_integer(attribute(level, "ilvl")): _level(level) for level in children(rules, "lvl")}
            self._levels[attribute(rules, "abstractNumId")] = levels
        for used in children(root, "num"):
            self._lists[attribute(used, "numId")] = _value(child(used, "abstractNumId"))

    def label(self, list_id: str, level: int) -> str:
        """Count a paragraph of a list, and return what is shown before it; "" for a bullet.

        Lists that share their rules go on counting, as Word does.
        """
        rules = self._lists.get(list_id, "")
        levels = self._levels.get(rules, {})
        if level not in levels:
            return ""
        kind, pattern, start = levels[level]
        counts = self._counts[rules]
        counts[level] = counts.get(level, start - 1) + 1
        for deeper in [other for other in counts if other > level]:
            del counts[deeper]
        if kind in ("bullet", "none"):
            return ""
        for number in range(level + 1):
            kind, _, start = levels.get(number, ("decimal", "", 1))
            pattern = pattern.replace(f"%{number + 1}", shown(counts.get(number, start), kind))
        return pattern


def shown(number: int, kind: str) -> str:
    """Write a number as letters or Roman numerals: (28, "lowerLetter") -> "bb"."""
    if kind in ("lowerLetter", "upperLetter") and number > 0:
        text = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
    elif kind in ("lowerRoman", "upperRoman") and 0 < number < 4000:
        text = ""
        for value, letters in ROMAN:
            text += letters * (number // value)
            number %= value
    else:
        text = str(number)
    return text.upper() if kind.startswith("upper") else text


def _level(level: Element) -> tuple[str, str, int]:
    start = _value(child(level, "start"))
    return _value(child(level, "numFmt")), _value(child(level, "lvlText")), _integer(start) if start else 1


def _value(element: Element | None) -> str:
    return attribute(element, "val") if element is not None else ""


def _integer(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 0
