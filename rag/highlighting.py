"""The part of a cited sentence that answers: the date, number, name, place, reason or quotation that was asked for.

Rules, no model, and only where there is no choice: a sentence with two dates gets none. The sentence itself is never
shortened; the part only stands out in it.
"""

import re

from rag.expressions import Expression, dates, numbers
from rag.kinds import Kind

_WORD = r"[^\W\d_a-zà-ÿ](?:\.(?=\s?[^\W\d_a-zà-ÿ])|[\w’'-]*)"
_NAME = re.compile(rf"{_WORD}(?:\s+(?:(?:of|the|de|la|von|van|and|&)\s+){{0,2}}{_WORD})*")
_PLACE = re.compile(rf"\b(?:in|at|near|from|to|into|of|outside|through)\s+(?:the\s+)?({_NAME.pattern})")
_REASON = re.compile(r"\b(?:because|since|due to|owing to|so that|in order to|so as to)\b[^.;]*", re.IGNORECASE)
_QUOTE = re.compile(r"“[^”]+”|\"[^\"]+\"|«[^»]+»")
_SAYS = re.compile(
    r"\b(?:say|said|says|call(?:ed|s)?|claim(?:ed|s)?|state[ds]?|describe[ds]?|label(?:l?ed|s)?)\b", re.IGNORECASE
)
_YEAR_ASKED = re.compile(r"\b(?:what|which) years?\b", re.IGNORECASE)
_YEAR = re.compile(r"\b[12]\d{3}\b")
_COUNTED = re.compile(r"\bhow many\s+([a-z-]{3,}?)s?\b", re.IGNORECASE)

Part = tuple[int, int]


def short_answer(question: str, kind: Kind, sentence: str) -> Part | None:
    """Return where the short answer stands in a sentence, as (start, end); None if there is none, or several.

    Example: "When does the lease end?", DATE, "The lease ends on 3 May 2031." -> (18, 28).
    """
    if _SAYS.search(question):
        quotes = [match.span() for match in _QUOTE.finditer(sentence)]
        if len(quotes) == 1:
            return quotes[0]
    parts: list[Part] = []
    if kind is Kind.DATE:
        parts = _dates(question, sentence)
    elif kind is Kind.NUMBER:
        parts = _numbers(question, sentence)
    elif kind is Kind.REASON:
        parts = [match.span() for match in _REASON.finditer(sentence)]
    elif kind in (Kind.PERSON, Kind.PLACE):
        parts = _names(question, sentence, *((_NAME, 0) if kind is Kind.PERSON else (_PLACE, 1)))
    return parts[0] if len(parts) == 1 else None


def _dates(question: str, sentence: str) -> list[Part]:
    asked = dates(question)
    found = [date for date in dates(sentence) if not any(date.agrees(known) for known in asked)]
    if not _YEAR_ASKED.search(question):
        return [(date.start, date.end) for date in found]
    years = [(date, _YEAR.search(sentence, date.start, date.end)) for date in found]
    return [year.span() for _, year in years if year]


def _numbers(question: str, sentence: str) -> list[Part]:
    known = {number.value for number in numbers(question)}
    found = [number for number in numbers(sentence) if number.value not in known]
    counted = _COUNTED.search(question)
    if counted:
        noun = counted[1].lower()
        found = [number for number in found if _follows(sentence, number, noun)] or found
    return [(number.start, number.end) for number in found]


def _follows(sentence: str, number: Expression, noun: str) -> bool:
    """Say whether what is counted is named with the number, or within three words after it."""
    return noun in " ".join(sentence[number.start :].lower().split()[:5])


def _names(question: str, sentence: str, pattern: re.Pattern[str], group: int) -> list[Part]:
    """Return the names that the question does not have; a word that only begins the sentence is no name."""
    asked = set(re.findall(r"\w+", question.lower()))
    spans = [match.span(group) for match in pattern.finditer(sentence)]
    names = [(start, end) for start, end in spans if start > 0 or " " in sentence[start:end]]
    return [(s, e) for s, e in names if not set(re.findall(r"\w+", sentence[s:e].lower())) & asked]
