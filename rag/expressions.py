"""The dates and numbers that a text names, in one form each, so that two texts can be compared.

Months in six languages, English number words up to twelve. Nothing is guessed: a bare number of four digits from 1000
to 2099 is a year unless a unit or sign stands beside it, and "3/5/2031" is left alone, since it has two readings.
"""

import re
from dataclasses import dataclass

_MONTHS = (
    "january enero janvier januar janeiro gennaio jan",
    "february febrero février februar fevereiro febbraio feb",
    "march marzo mars märz março mar",
    "april abril avril aprile apr",
    "may mayo mai maio maggio",
    "june junio juin juni junho giugno jun",
    "july julio juillet juli julho luglio jul",
    "august agosto août aug",
    "september septiembre septembre setembro settembre sept sep",
    "october octubre octobre oktober outubro ottobre oct",
    "november noviembre novembre novembro nov",
    "december diciembre décembre dezember dezembro dicembre dec",
)
MONTHS = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "bn": 1e9, "m": 1e6}

_MONTH = "(?P<month>" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\b\.?"
_YEAR = r"(?P<year>1\d{3}|20\d{2})(?!\d|[.,]\d)"
_DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th|\.|º)?"
_OF = r"(?:,|\s|\bof\b|\bde\b|\bdel\b)*"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<!\d)(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])(?!\d)",
        rf"(?<![\d.,])\b{_DAY}{_OF}{_MONTH}(?:{_OF}{_YEAR})?",
        rf"\b{_MONTH}\s*{_DAY}\b(?!\d|:)(?:{_OF}{_YEAR})?",
        rf"\b{_MONTH}{_OF}{_YEAR}",
        rf"(?<![\d.,$€£#-])\b{_YEAR}(?!\s*(?:%|percent|people|euros?|dollars?|km|kg|m\b))",
    )
)
_SMALL = (
    "a|an|and|are|as|at|be|been|but|by|for|from|has|have|in|is|not|of|on|or|out|per|than|that|the|times|to|was|were"
)
_NUMBER = re.compile(
    r"(?P<sign>[$€£])?\s?(?<![\w.,])(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|"
    + "|".join(WORDS[2:])  # "zero" and "one" are too often no numbers
    + r")(?![\d]|\.\d)(?:[\s-](?P<scale>hundred|thousand|million|billion|trillion|bn)\b)?"
    r"\s?(?P<unit>%|percent\b|per cent\b|€|(?!(?:" + _SMALL + r")\b)[^\W\d_]+)?",
    re.IGNORECASE,
)
SIGNS = {"$": "dollar", "€": "euro", "£": "pound", "%": "percent", "per cent": "percent"}


@dataclass(frozen=True)
class Expression:
    """A date or number at `text[start:end]`.

    A date's `value` is (year, month, day), 0 where it is not said. A number's is the number, with its `unit`: the word
    beside it without a plural's "s", or "".
    """

    start: int
    end: int
    value: tuple[int, int, int] | float
    unit: str = ""

    def agrees(self, other: "Expression") -> bool:
        """Say whether both can be true of one thing: "May 2031" agrees with "3 May 2031"."""
        if isinstance(self.value, tuple) and isinstance(other.value, tuple):
            return all(a == b for a, b in zip(self.value, other.value, strict=True) if a and b)
        return self.value == other.value

    def comparable(self, other: "Expression") -> bool:
        """Say whether the two say a thing of one kind: two dates with a part in common, two numbers of one unit."""
        if isinstance(self.value, tuple) and isinstance(other.value, tuple):
            return any(a and b for a, b in zip(self.value, other.value, strict=True))
        return type(self.value) is type(other.value) and self.unit == other.unit


def dates(text: str) -> list[Expression]:
    """Return the dates in a text. Example: "on 3 May 2031" -> (2031, 5, 3); "in 1999" -> (1999, 0, 0)."""
    found: list[Expression] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            parts = match.groupdict()
            # "may 2 people": the month is a verb unless it is written as a name.
            if (parts.get("month") or "").lower() in ("may", "mar", "mars") and parts["month"][0].islower():
                continue
            if not _overlaps(match.span(), found):
                month = (parts.get("month") or "0").lower()
                value = (int(parts.get("year") or 0), MONTHS.get(month) or int(month), int(parts.get("day") or 0))
                found.append(Expression(match.start(), match.end(), value))
    return sorted(found, key=lambda e: e.start)


def numbers(text: str) -> list[Expression]:
    """Return the numbers in a text that are not part of a date. Example: "12 million people" -> 12e6, "people"."""
    taken = dates(text)
    found: list[Expression] = []
    for match in _NUMBER.finditer(text):
        if _overlaps(match.span("digits"), taken):
            continue
        digits = match["digits"].lower().replace(",", "")
        value = float(WORDS.index(digits)) if digits in WORDS else float(digits)
        value *= SCALES.get((match["scale"] or "").lower(), 1)
        unit = (match["sign"] or match["unit"] or "").lower()
        start = match.start("sign") if match["sign"] else match.start("digits")
        has_word = match["unit"] and not match["sign"]
        end = match.end("unit") if has_word else max(match.end("digits"), match.end("scale"))
        found.append(Expression(start, end, value, SIGNS.get(unit, unit.removesuffix("s"))))
    return found


def _overlaps(span: tuple[int, int], found: list[Expression]) -> bool:
    return any(span[0] < e.end and e.start < span[1] for e in found)
