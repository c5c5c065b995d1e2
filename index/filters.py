"""Which documents to search: `path:reports/* date>=2024 author:smith -language:de`.

Terms are separated by blanks and all must hold; one with `-` before it must not. `:` looks for a pattern (`*` and `?`
stand for anything) or, without these, for words anywhere in the value; `=`, `!=`, `<`, `<=`, `>` and `>=` compare.
Values with blanks stand in quotes. A document without the value holds for `-` and `!=` only.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath

from index.errors import FilterError

KEYS = ("path", "type", "title", "author", "date", "language")
TERM = re.compile(
    r"(?P<no>-?)(?P<key>\w+)(?P<sign>:|!=|<=|>=|=|<|>)(?:\"(?P<quoted>[^\"]*)\"|(?P<plain>[^\s\"]+))(?=\s|$)"
)
COMPARED: Mapping[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Term:
    """One condition on one value of a document."""

    key: str
    sign: str
    value: str
    negated: bool

    def holds(self, found: str) -> bool:
        """Say whether it holds for a document's value, "" if there is none."""
        return self._compare(found.casefold(), self.value.casefold()) != self.negated

    def _compare(self, found: str, wanted: str) -> bool:
        if not found:
            return self.sign == "!="
        if self.sign == ":":
            return fnmatchcase(found, wanted) if re.search(r"[*?]", wanted) else wanted in found
        if self.key == "date":
            # "2024-05-03" is in 2024 and in 2024-05: dates are compared as far as both say.
            size = min(len(found), len(wanted))
            found, wanted = found[:size], wanted[:size]
        return COMPARED[self.sign](found, wanted)


@dataclass(frozen=True)
class DocumentFilter:
    """Conditions that a document must meet, and the text that they were written as."""

    terms: tuple[Term, ...] = ()
    text: str = ""

    def matches(self, name: str, metadata: Mapping[str, object]) -> bool:
        """Say whether a document of this name, with what it says about itself, is searched."""
        return all(term.holds(_value(term.key, name, metadata)) for term in self.terms)

    def also(self, other: "DocumentFilter") -> "DocumentFilter":
        """Return a filter for the documents that meet both; it is shown as this one."""
        return DocumentFilter(self.terms + other.terms, self.text)


EVERYTHING = DocumentFilter()


def _value(key: str, name: str, metadata: Mapping[str, object]) -> str:
    if key == "path":
        return name
    return PurePath(name).suffix.removeprefix(".") if key == "type" else str(metadata.get(key) or "")


def parse_filter(text: str) -> DocumentFilter:
    """Return the filter that a text describes; an empty one lets everything through. Raises FilterError."""
    terms: list[Term] = []
    position = 0
    while rest := text[position:].strip():
        position = len(text) - len(text[position:].lstrip())
        match = TERM.match(text, position)
        if match is None:
            raise FilterError(f"cannot read the filter at {rest[:30]!r}: write it like path:reports/* date>=2024")
        if match["key"] not in KEYS:
            raise FilterError(f"no document has a {match['key']!r}: filter by {', '.join(KEYS)}")
        value = match["plain"] if match["quoted"] is None else match["quoted"]
        terms.append(Term(match["key"], match["sign"], value, bool(match["no"])))
        position = match.end()
    return DocumentFilter(tuple(terms), text.strip())
