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


ORDINALS = (
    r"first|1st|one|1|primero|premier|erste[rs]?|primeiro|primo",
    r"second|2nd|two|2|segundo|deuxième|zweite[rs]?|secondo",
    r"third|3rd|three|3|tercero|troisième|dritte[rs]?|terceiro|terzo",
    r"fourth|4th|four|4|cuarto|quatrième|vierte[rs]?|quarto",
)
NTH = tuple(
    re.compile(rf"^\W*(?:the\s+|number\s+|nr\.?\s*)?(?:{words})(?:\s+one)?(?:,?\s+please)?\W*$", re.IGNORECASE)
    for words in ORDINALS
)
NTH_NAMED = tuple(
    re.compile(rf"\bthe\s+(?:{words.split('|')[0]})\s+(?:one|point|item|reason)\b", re.IGNORECASE) for words in ORDINALS
)
YES = re.compile(r"^\W*(?:yes|yeah|yep|sure|ok|okay|sí|si|oui|ja|sim)(?:,?\s+please)?\W*$", re.IGNORECASE)


@dataclass(frozen=True)
class Turn:
    """A question that was asked before, what was searched for then, the answer's sentences, and what was offered.

    `choices` are the things that the question may have meant, when the answer was to ask back.
    """

    question: str
    searched: str
    sentences: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


def standalone(question: str, history: Sequence[Turn]) -> str:
    """Return what to search for. Without history, or if the question stands alone, that is the question itself.

    Examples: "When was it built?" after "What is CECOT?" -> "What is CECOT? When was it built?"; "the second one", when
    two parks were offered for "Are dogs allowed?" -> "Are dogs allowed? Sampson State Park".
    """
    if not history:
        return question
    last = history[-1]
    if question.strip().casefold() == last.question.strip().casefold():
        return last.searched  # asked again
    if last.choices and YES.match(question):
        return last.searched if len(last.choices) > 1 else f"{last.searched[-MAX_SEARCHED:]} {last.choices[0]}"
    choice = _chosen(question, last.choices)
    if choice:
        return f"{last.searched[-MAX_SEARCHED:]} {choice}"
    for pattern, sentence in zip(NTH_NAMED, last.sentences, strict=False):
        if pattern.search(question):
            return f"{sentence[:MAX_SEARCHED]} {question}"
    return f"{last.searched[-MAX_SEARCHED:]} {question}" if leans(question) else question


def _chosen(reply: str, choices: Sequence[str]) -> str | None:
    """Return the choice that a reply takes: by its place, or by words of it that no other has."""
    for pattern, choice in zip(NTH, choices, strict=False):
        if pattern.match(reply):
            return choice
    said = _words(reply)
    own = [choice for choice in choices if said and said <= _words(choice)]
    return own[0] if len(own) == 1 else None


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower())) - {"the", "a", "an", "please", "i", "mean", "meant"}


def leans(question: str) -> bool:
    """Say whether a question cannot be understood without what was said before it."""
    return bool(POINTS_BACK.search(question)) or len(question.split()) <= SHORT_WORDS
