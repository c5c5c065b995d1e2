"""What a sentence mentions that must stand in its source: numbers, names, quotations, and what is said not to be so.

Each function returns what a claim has and its evidence has not. All are strict: a number that was rounded, a name that
was spelled otherwise and a quotation that was shortened are not in the evidence. A sentence that fails costs a
sentence; one that passes wrongly costs the reader's trust.
"""

import re
import unicodedata
from dataclasses import dataclass

from rag.conflicts import NEGATION, STOP, WORD, stems
from rag.expressions import Expression, dates, numbers

_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_ORDINALS = {
    word: str(n)
    for n, word in enumerate("first second third fourth fifth sixth seventh eighth ninth tenth".split(), start=1)
}
_ORDINAL = re.compile(rf"\b(?:(\d+)(?:st|nd|rd|th)|({'|'.join(_ORDINALS)}))\b", re.IGNORECASE)
_CAPITALISED = re.compile(r"\b[^\W\d_a-zß-öø-ÿ][^\W\d_]*(?:[-'’][^\W\d_]+)*|\b(?:[^\W\d_]\.){2,}")
_BEGINS = re.compile(r"(?:^|[.!?:]\s+|[\n•*])\W*$")
_QUOTED = re.compile(r"“([^”]{2,})”|\"([^\"]{2,})\"|«([^»]{2,})»|„([^“]{2,})“")
_DEMONYM = re.compile(r"(?:ians?|ans?|ns?|ese|ish|i|ic|s)$")
_AFTER_NEGATION = 3  # content words after a "not" that it may deny
_HIDDEN_CATEGORIES = ("Cf", "Cc", "Co")


def visible(text: str) -> str:
    """Return the text without characters that cannot be seen: zero-width, direction, tag and control characters."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _HIDDEN_CATEGORIES)


def folded(text: str) -> str:
    """Return the text in lower case, accents and typographic quotes levelled, so that two spellings compare."""
    level = unicodedata.normalize("NFKD", text.translate(_QUOTES)).casefold()
    return " ".join("".join(c for c in level if not unicodedata.combining(c)).split())


_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-"})


def new_numbers(claim: str, evidence: str) -> list[str]:
    """Return the numbers, dates and ordinals of the claim that the evidence does not have.

    "May 2031" is in "3 May 2031"; "12" is in "twelve", "1000000" in "1 million"; "40 %" is not in "40 people".
    """
    known_dates, known_numbers = dates(evidence), numbers(evidence)
    raw = {_plain(digits) for digits in _DIGITS.findall(evidence)}
    found, checked = list[str](), list[Expression]()
    for expression in dates(claim):
        checked.append(expression)
        if not any(_entails(known, expression) for known in known_dates):
            found.append(claim[expression.start : expression.end])
    for expression in numbers(claim):
        checked.append(expression)
        if not any(_same(known, expression) for known in known_numbers):
            found.append(claim[expression.start : expression.end])
    for match in _DIGITS.finditer(claim):
        if not any(e.start <= match.start() < e.end for e in checked) and _plain(match[0]) not in raw:
            found.append(match[0])
    ranks = _ordinals(evidence)
    return found + [match[0] for match in _ORDINAL.finditer(claim) if _rank(match) not in ranks]


def new_names(claim: str, evidence: str) -> list[str]:
    """Return the capitalised words of the claim that the evidence does not have, in any case or with any accent.

    The word that begins a sentence counts only if another follows it ("Zoe Smith"). "Salvadoran" is in "El Salvador",
    "US" in "United States".
    """
    words = set(re.findall(r"\w+", folded(evidence)))
    initials = _initials(evidence)
    found = []
    for match in _CAPITALISED.finditer(claim):
        for part in re.split(r"[-'’.]", match[0]):
            word = folded(part)
            if len(word) < 2 or word in STOP or word in words or _is_related(word, words):
                continue
            is_first = _BEGINS.search(claim[: match.start()]) and not part.isupper()
            if is_first and not _CAPITALISED.match(claim[match.end() :].lstrip()):
                continue
            if part.isupper() and word in initials:
                continue
            found.append(part)
        acronym = match[0].replace(".", "")
        if "." in match[0] and acronym.lower() not in initials | words and match[0].lower() not in evidence.lower():
            found.append(match[0])
    return found


def new_quotations(claim: str, evidence: str) -> list[str]:
    """Return what the claim has in quotation marks and the evidence does not say word for word."""
    said = folded(evidence)
    quoted = ["".join(groups) for groups in _QUOTED.findall(claim)]
    return [quote for quote in quoted if folded(quote).strip(" .,;:!?") not in said]


def turned_round(claim: str, evidence: str) -> list[str]:
    """Return the words that the claim denies and the evidence does not, or the other way round.

    A "not" denies the first content words after it; a word elsewhere in its clause may be denied or not ("No dogs are
    allowed", "Dogs are never allowed"). Words that only one of the two has are not compared, and what the evidence says
    both ways can be said either way. One "not" more than in the evidence denies something that it does not.
    """
    ours, theirs = _clauses(claim), _clauses(evidence)
    if len(NEGATION.findall(claim)) > len(NEGATION.findall(evidence)):
        return sorted(ours.denied)
    shared = (ours.said | ours.open) & (theirs.said | theirs.open)
    flipped = (ours.denied - theirs.open) | (theirs.denied - ours.open)
    return sorted(word for word in flipped & shared if not (word in theirs.denied and word in theirs.said))


@dataclass(frozen=True)
class _Clauses:
    """The stems that a text denies, all of the clauses that have a "not", and those of clauses that have none."""

    denied: frozenset[str]
    open: frozenset[str]
    said: frozenset[str]


def _clauses(text: str) -> _Clauses:
    denied, in_negated, said = set[str](), set[str](), set[str]()
    for clause in re.split(r"[.;:!?,]|\b(?:but|because|although|while|which|who)\b", text):
        match = NEGATION.search(clause)
        if not match:
            said |= stems(clause)
            continue
        after = [word for word in WORD.findall(clause[match.end() :]) if word.lower() not in STOP]
        denied |= stems(" ".join(after[:_AFTER_NEGATION]))
        in_negated |= stems(NEGATION.sub(" ", clause))
    return _Clauses(frozenset(denied), frozenset(in_negated), frozenset(said))


def _entails(known: Expression, claimed: Expression) -> bool:
    assert isinstance(known.value, tuple) and isinstance(claimed.value, tuple)  # noqa: PT018
    return all(ours in (0, theirs) for ours, theirs in zip(claimed.value, known.value, strict=True))


def _same(known: Expression, claimed: Expression) -> bool:
    """Say whether two numbers are one; a percentage or a currency is not another unit's number."""
    units = {known.unit, claimed.unit}
    return known.value == claimed.value and (len(units) == 1 or not units & {"percent", "dollar", "euro", "pound"})


def _plain(digits: str) -> str:
    return digits.replace(",", "")


def _rank(match: re.Match[str]) -> str:
    return match[1] or _ORDINALS[match[2].lower()]


def _ordinals(text: str) -> set[str]:
    return {_rank(match) for match in _ORDINAL.finditer(text)}


def _is_related(word: str, words: set[str]) -> bool:
    """Say whether one of the words is the same name as a country or its people: Salvador, Salvadoran."""
    root = _DEMONYM.sub("", word)
    return len(root) >= 4 and any(len(w) >= 4 and w != word and _DEMONYM.sub("", w) == root for w in words)


def _initials(text: str) -> set[str]:
    """Return the initials of each run of capitalised words, and every run within it."""
    found = set[str]()
    for run in re.findall(r"(?:\b[^\W\d_a-zß-öø-ÿ][\w'’-]*(?:\s+(?:of|and|the|for|de)\b)*\s*){2,}", text):
        letters = "".join(w[0] for w in re.findall(r"\b[^\W\d_a-zß-öø-ÿ]\w*", run)).lower()
        found |= {letters[i:j] for i in range(len(letters)) for j in range(i + 2, len(letters) + 1)}
    return found | {m.replace(".", "").lower() for m in re.findall(r"\b(?:[^\W\d_]\.){2,}", text)}
