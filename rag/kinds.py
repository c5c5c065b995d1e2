"""What kind of answer a question asks for, told by its words: a date, a number, a list.

English, and the question words of five more languages.
"""

import re
from enum import StrEnum


class Kind(StrEnum):
    """The kinds that are read in a way of their own; everything else is OTHER."""

    DATE = "date"
    NUMBER = "number"
    PERSON = "person"
    PLACE = "place"
    REASON = "reason"
    YES_NO = "yes_no"
    LIST = "list"
    COMPARISON = "comparison"
    OTHER = "other"


_UNITS = "year|date|day|month|decade|century|season"
_PLACES = "city|country|state|town|village|place|region|province|county|street|continent"
_AMOUNTS = (
    "number|percentage|percent|share|proportion|fraction|amount|population|price|cost|rent|fee|salary|size|height|"
    "length|width|depth|weight|area|speed|temperature|age|rate|distance|budget|total"
)
# The first that matches counts.
_PATTERNS = (
    (
        Kind.COMPARISON,
        r"compare\b|what (?:is|are|was|were) the differences?\b|how (?:do|does|did|is|are) .+ (?:differ|compare)\b"
        r"|(?:which|who)\b[^?]*\b(?:\w+er|more|most|less|first|last)\b[^?]*\bor\b|.*\b(?:versus|vs\.?)\s"
        r"|(?:are|were|is|do|did|have) (?:both )?[A-Z][^?]* and [A-Z][^?]*\b(?:same|both)\b|(?:are|were|do|did) both\b",
    ),
    (
        Kind.LIST,
        r"(?:please )?(?:list|enumerate|(?:name|give|show)(?: me)? (?:all|every|each|some))\b"
        r"|(?:what|which) are (?:all )?(?:the|some)\b|who (?:are|were) (?:all )?the\b"
        r"|(?:what|which) all\b|how many\b[^?]*\b(?:in total|altogether|all|across|in (?:the|these|all) documents)\b"
        r"|(?:what|which) (?:other |different )?(?!is\b|was\b|does\b|his\b)\w+[^\Ws]s (?:are|were|have|do|did)\b",
    ),
    (
        Kind.REASON,
        r"why|for what reason|how come|what (?:was|is|were|are) the (?:reasons?|causes?)\b"
        r"|por qué|¿por qué|pourquoi|warum|weshalb|wieso|perché|por que\b",
    ),
    (
        Kind.DATE,
        rf"(?:since |until |by )?when\b|(?:in |on |by |until |during |since |from )?(?:what|which) (?:{_UNITS})s?\b"
        r"|¿?cuándo|quand\b|wann\b|quando\b"
        r"|(?:¿?en qué|en quelle|in welchem|em que|in che) (?:año|année|jahr|ano|anno)",
    ),
    (
        Kind.NUMBER,
        r"(?:about |approximately )?how (?:many|much|old|far|tall|long|large|big|often|high|deep|wide|fast|heavy)\b"
        r"|(?:at |by |for )?what (?:is |was |were |are |will be )?(?:the |his |her |its |their )?(?:\w+ )?"
        rf"(?:{_AMOUNTS})\b"
        r"|¿?cuánt[oa]s?\b|combien\b|wie ?viele?\b|quant[oaie]s?\b",
    ),
    (Kind.PERSON, r"(?:by |to |from |with |for )?(?:who|whom|whose)\b|¿?quién(?:es)?\b|qui\b|wer\b|wem\b|quem\b|chi\b"),
    (
        Kind.PLACE,
        rf"where\b|(?:in |at |to |from )?(?:what|which) (?:{_PLACES})\b|¿?dónde|où\b|wo\b|wohin\b|onde\b|dove\b",
    ),
    (
        Kind.YES_NO,
        r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|must|isn't|aren't|wasn't|weren't"
        r"|don't|doesn't|didn't|hasn't|haven't|can't|won't)\b",
    ),
)
_COMPILED = tuple((kind, re.compile(rf"^\W*(?:{pattern})", re.IGNORECASE)) for kind, pattern in _PATTERNS)


def kind_of(question: str) -> Kind:
    """Return what kind of answer a question asks for.

    Example: "How many people live there?" -> NUMBER; "And why?" -> REASON.
    """
    last = re.split(r"(?<=[?!.])\s+(?=\S)", question.strip())[-1]
    last = re.sub(r"^\W*(?:and|but|so|also|then)\b[\s,]*", "", last, flags=re.IGNORECASE)
    return next((kind for kind, pattern in _COMPILED if pattern.match(last)), Kind.OTHER)
