"""Make a follow-up stand alone, so that it can be searched for: "When was it built?" after a question about CECOT.

No language model: a question that leans on what was said before is searched for together with the question before it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_SEARCHED = 1_000
POINTS_BACK = re.compile(
    r"\b(he|him|his|she|her|hers|they|them|their|theirs|it|its|this|these|those|ones?|former|latter)\b"
    r"|\bthat\b(?=\s*(?:[?.,!]|$|happen|mean|is|was|were|did|does))"  # not "say that ..."
    r"|^\W*(and|but|or|so|also|then|what about|how about|y|e|et|und|aber|pero|mais|ma)\b",
    re.IGNORECASE,
)
SHORT_WORDS = 2  # "Why?", "Since when?": nothing to search for alone


@dataclass(frozen=True)
class Turn:
    """A question that was asked before, what was searched for then, and the answer's text."""

    question: str
    searched: str
    answer: str


def standalone(question: str, history: Sequence[Turn]) -> str:
    """Return what to search for. Without history, or if the question stands alone, that is the question itself.

    Example: "When was it built?" after "What is CECOT?" -> "What is CECOT? When was it built?"
    """
    if not history or not leans(question):
        return question
    return f"{history[-1].searched[-MAX_SEARCHED:]} {question}"


def leans(question: str) -> bool:
    """Say whether a question cannot be understood without what was said before it."""
    return bool(POINTS_BACK.search(question)) or len(question.split()) <= SHORT_WORDS
