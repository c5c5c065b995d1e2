"""Find the sentence that says what "He", "This" or "The meeting" at the beginning of another one refers to.

Rules, no model: a sentence that begins with such words leans on one before it. The nearest one counts that fits: for
"he", one with a name; for "it", one with a name if there is any; for "the meeting", one with "a meeting"; for "this",
the one just before. What leans itself is passed over, since it does not name the thing either.
"""

import re
from collections.abc import Callable, Sequence

_OPENING = r"^\W*(?:(?:and|but|so|then|also|however|later|instead|meanwhile|in addition|moreover|as a result)\b,?\s+)?"
_PERSON = re.compile(
    _OPENING + r"(?:he|she|his|her|him|él|ella|il|elle|er|ele|ela|lui|lei)\b(?!\s+(?:ne|y a|est|faut)\b)", re.IGNORECASE
)
_THING = re.compile(
    _OPENING + r"(?:it(?!\s+(?:is|was|has been)\b[^,]*\bthat\b)|its|they|their|them"
    r"|ellos|ellas|ils|elles|eles|elas|essi|esse)\b",
    re.IGNORECASE,
)
_EVENT = re.compile(
    _OPENING + r"(?:this|these|that|those|such|both|the (?:former|latter|same)|here"
    r"|there(?!\s+(?:is|are|was|were|has|have|may|can|will)\b)"
    r"|esto|ello|estos|estas|cela|ceci|dies|diese[rs]?|isso|isto|questo|questa)\b",
    re.IGNORECASE,
)
_DEFINITE = re.compile(_OPENING + r"the\s+(?P<noun>[a-z][\w-]+)\b(?!\s+(?:of|that|which|who|in|for)\b)", re.IGNORECASE)
_NAME = re.compile(r"(?<![.!?:]\s)(?<!^)\b[^\W\d_a-zà-ÿ][\w’'-]+|\b[^\W\d_a-zà-ÿ]\w+\s+[^\W\d_a-zà-ÿ]\w+")


def antecedent(sentence: str, before: Sequence[str]) -> int | None:
    """Return which of the sentences before names what this one leans on, or None if it stands alone.

    `before` is in reading order. Example: "He died in 1905.", ["Ivo Anders was a painter.", "He lived alone."] -> 0.
    """
    if _PERSON.match(sentence):
        return _nearest(before, lambda text: bool(_NAME.search(text)))
    if _THING.match(sentence):
        named = _nearest(before, lambda text: bool(_NAME.search(text)))
        return _nearest(before, lambda text: True) if named is None else named
    if _EVENT.match(sentence):
        return _nearest(before, lambda text: True)
    definite = _DEFINITE.match(sentence)
    if definite:
        noun = re.escape(definite["noun"])
        introduced = re.compile(rf"\b(?:an?|some|another|one|two)\s+(?:[\w-]+\s+){{0,3}}{noun}\b", re.IGNORECASE)
        return _nearest(before, lambda text: bool(introduced.search(text)))
    return None


def _nearest(before: Sequence[str], fits: Callable[[str], bool]) -> int | None:
    found = [i for i, text in enumerate(before) if fits(text) and not _leans(text)]
    return found[-1] if found else None


def _leans(text: str) -> bool:
    return any(pattern.match(text) for pattern in (_PERSON, _THING, _EVENT))
