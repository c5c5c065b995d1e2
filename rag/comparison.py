"""The questions that a comparison falls into: one for each side, so that evidence is found for both."""

import re

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


def sides(question: str) -> tuple[str, ...]:
    """Return a question for each side of a comparison; none if the sides cannot be told.

    Example: "Which is older, Paris or Rome?" -> "Paris: Which is older?", "Rome: Which is older?".
    """
    for pattern in _PATTERNS:
        match = pattern.search(question)
        if match:
            rest = f"{question[: match.start()].strip()} {question[match.end() :].strip()}".strip(" ,:?")
            rest = "" if _EMPTY.match(rest) else rest
            return tuple(f"{side.strip()}: {rest}?" if rest else f"{side.strip()}" for side in match.groups())
    # "Were A and B of one nationality?": the first word is no name, even with a capital letter.
    first, _, others = question.strip().partition(" ")
    match = _NAMES.search(others)
    if match is None:
        return ()
    return tuple(f"{first} {others[: match.start()]}{name}{others[match.end() :]}" for name in match.groups())
