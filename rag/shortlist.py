"""The first cut: the sentences worth scoring, by the words that they share with the question.

The cross-encoder takes about 10 ms for a sentence on two cores, and three passages have some 20. Words alone keep the
sentence that it would have put first in 99 of 100 questions of SQuAD 2.0 (docs/evaluation.md), at no cost.
"""

import math
import re
from collections.abc import Sequence

from index.words import searchable
from rag.candidates import Candidate
from rag.conflicts import stems
from rag.kinds import Kind

BEFORE = 0.3  # what a word of the question counts that stands only in the sentence before
FITS = 0.15  # what a sentence gains that may hold an answer of the kind that is asked for
PASSAGE = 0.03  # what a sentence gains for each point of its passage's score, in units of `Reranker.scale`
MIN_SHARE = 0.2  # of the question's words: if no sentence has so much, words do not tell, and all are kept

REASON = re.compile(
    r"\b(because|since|due to|owing to|so that|in order to|as a result|therefore|thus|hence|would|cannot|can't|"
    r"will not|won't|refus\w+|reject\w+|insist\w+|fear\w*|concern\w*|reason\w*|cause\w*|led to|prevent\w*)\b|[\"“«]",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand|million)\b")
_NAME = re.compile(r"(?<=\w[ ,;(\"])[^\W\d_a-zà-ÿ]\w+")
_SIGNS = {
    Kind.NUMBER: _NUMBER,
    Kind.DATE: _NUMBER,
    Kind.PERSON: _NAME,
    Kind.PLACE: _NAME,
    Kind.REASON: REASON,
}


def shortlist(question: str, kind: Kind, candidates: Sequence[Candidate], most: int, scale: float) -> list[Candidate]:
    """Return up to `most` candidates, in their order. All of them if hardly a word of the question is in any.

    A word counts by its rarity among the candidates, log(1 + n / (1/2 + df)), as in BM25's idf (Robertson and Zaragoza
    2009); a sentence gets the share of the question's words that it has, so 0 to 1.
    """
    if len(candidates) <= most:
        return list(candidates)
    asked = stems(searchable(question))
    words = [stems(searchable(candidate.text)) for candidate in candidates]
    weight = {w: math.log(1 + len(words) / (0.5 + sum(w in has for has in words))) for w in asked}
    whole = sum(weight.values()) or 1.0
    shares = [sum(weight[w] for w in asked & has) / whole for has in words]
    if max(shares) < MIN_SHARE:
        return list(candidates)
    sign = _SIGNS.get(kind)
    worth = []
    for candidate, has, share in zip(candidates, words, shares, strict=True):
        before = stems(searchable(" ".join(candidate.before(1)))) - has
        leaning = BEFORE * sum(weight[w] for w in asked & before) / whole
        fits = FITS if sign and sign.search(candidate.text) else 0.0
        worth.append(share + leaning + fits + PASSAGE * candidate.passage_score / scale)
    best = sorted(range(len(candidates)), key=lambda i: -worth[i])[:most]
    return [candidates[i] for i in sorted(best)]
