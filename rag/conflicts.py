"""Say whether two sentences of different documents disagree about what was asked: a date, a number, or a "not".

Kept strict, since a false alarm costs trust: both must cover the same words of the question, or be worded alike.
"""

import re

from rag.answer import Disagreement
from rag.expressions import Expression, dates, numbers
from rag.kinds import Kind

MIN_COVERED = 0.6  # of the question's content words, that both sentences must have
ALIKE = 0.6  # Jaccard similarity of the words, numbers and negations apart, from which sentences are worded alike
NEGATION = re.compile(
    r"\b(?:not|never|no|none|neither|nor|without|cannot|\w+n['’]t|fail(?:s|ed)? to|refus(?:es|ed) to|denie[sd])\b",
    re.IGNORECASE,
)
WORD = re.compile(r"[^\W\d_]{2,}")
STOP = frozenset(
    "a an and are as at be been by can could did do does for from had has have he her his how in is it its many may "
    "much must of on or our she should that the their there they this to was we were what when where which who whom "
    "whose why will with would year date day month time about than you your".split()
)


def disagreement(question: str, kind: Kind, one: str, other: str) -> Disagreement | None:
    """Return how two sentences disagree, or None.

    Example: "When does the lease end?", "The lease ends in May.", "The lease ends in June." -> DATE.
    """
    alike = _similarity(one, other) >= ALIKE
    if not alike and not _cover_alike(question, one, other):
        return None
    if (kind is Kind.DATE or alike) and _differ(dates(one), dates(other)):
        return Disagreement.DATE
    if (kind is Kind.NUMBER or alike) and _differ(numbers(one), numbers(other)):
        return Disagreement.NUMBER
    negated = [bool(NEGATION.search(text)) for text in (one, other)]
    if alike and negated[0] != negated[1] and not (dates(one) or dates(other)):
        return Disagreement.NEGATION
    return None


def _differ(ours: list[Expression], theirs: list[Expression]) -> bool:
    """Say whether both name things of one kind, and none of one agrees with any of the other's."""
    pairs = [(a, b) for a in ours for b in theirs if a.comparable(b)]
    return bool(pairs) and not any(a.agrees(b) for a, b in pairs)


def _cover_alike(question: str, one: str, other: str) -> bool:
    asked = stems(question)
    covered = [asked & stems(text) for text in (one, other)]
    return covered[0] == covered[1] and len(covered[0]) >= max(1.0, MIN_COVERED * len(asked))


def _similarity(one: str, other: str) -> float:
    """Return the Jaccard similarity (Jaccard 1912) of the content words; dates, numbers and negations are left out."""
    a, b = (stems(NEGATION.sub(" ", _without(text))) for text in (one, other))
    return len(a & b) / max(1, len(a | b))


def _without(text: str) -> str:
    for expression in sorted([*dates(text), *numbers(text)], key=lambda e: -e.start):
        text = f"{text[: expression.start]} {text[expression.end :]}"
    return text


def stems(text: str) -> set[str]:
    """Return the content words of a text, cut to where their endings begin: "ends", "ended" and "end" are one."""
    words = (word.lower() for word in WORD.findall(text))
    return {re.sub(r"(?:ies|ing|ed|es|s|e|y)$", "", w) or w for w in words if w not in STOP}
