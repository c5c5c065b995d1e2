"""The questions that a comparison falls into: one for each side, so that evidence is found for both."""

import re
from dataclasses import dataclass

_SIDE = r"(?:\"[^\"]+\"|“[^”]+”|[^,?;]+?)"
_END = r"\s*[?.!]*\s*$"
# Each pattern's groups are the two sides; what is left of the question is asked of each.
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\bdifferences?\s+between\s+({_SIDE})\s+and\s+({_SIDE}){_END}",
        rf"\bcompare\s+({_SIDE})\s+(?:and|with|to)\s+({_SIDE}){_END}",
        rf"\bhow\s+(?:do|does|did|is|are)\s+({_SIDE})\s+(?:differ|different|compare|compared?)\s*(?:from|to|with)\s+({_SIDE}){_END}",
        rf"^({_SIDE})\s+(?:versus|vs\.?)\s+({_SIDE}){_END}",
        rf"[,:]\s*({_SIDE})\s*,?\s+or\s+({_SIDE}){_END}",
    )
)
_EMPTY = re.compile(r"^(?:(?:what|which)\s+)?(?:is|are|was|were)?(?:\s+the)?$", re.IGNORECASE)
_WORD = r"[^\W\d_a-zà-ÿ][\w.’'-]*"
_NAME = rf"{_WORD}(?:\s+(?:(?:of|the|de|la|von|van)\s+){{0,2}}{_WORD})*"
_NAMES = re.compile(rf"\b(?:both\s+)?({_NAME})\s+and\s+({_NAME})")


@dataclass(frozen=True)
class Side:
    """One side of a comparison, and the question about it."""

    name: str
    question: str

    def is_named_in(self, text: str) -> bool:
        """Say whether a text has a word of the name."""
        words = {word for word in re.findall(r"\w+", self.name.lower()) if len(word) > 2}
        return bool(words & set(re.findall(r"\w+", text.lower())))


def sides(question: str) -> tuple[Side, ...]:
    """Return the sides of a comparison; none if they cannot be told.

    Example: "Which is older, Paris or Rome?" -> Paris with "Paris: Which is older?", Rome with "Rome: Which is older?".
    """
    for pattern in _PATTERNS:
        match = pattern.search(question)
        if match:
            rest = f"{question[: match.start()].strip()} {question[match.end() :].strip()}".strip(" ,:?")
            rest = "" if _EMPTY.match(rest) else rest
            names = [name.strip() for name in match.groups()]
            return tuple(Side(name, f"{name}: {rest}?" if rest else name) for name in names)
    # "Were A and B of one nationality?": the first word is no name, even with a capital letter.
    first, _, others = question.strip().partition(" ")
    match = _NAMES.search(others)
    if match is None:
        return ()
    before, after = f"{first} {others[: match.start()]}", others[match.end() :]
    return tuple(Side(name, f"{before}{name}{after}") for name in match.groups())
