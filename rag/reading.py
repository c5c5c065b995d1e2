"""The extractive reader: choose the few sentences that answer a question, word for word.

A sentence alone often does not say what it is about ("His return ..."). So each is scored twice by the reranker: alone,
and at the end of a window with the two sentences before it. It gets its window's score only if it brought something:
the window scores higher with it than the window that ends one sentence earlier. For a "why" question, a sentence that
gives a reason ("because", "would", a quotation) takes part with its window's score, since the cross-encoder looks for
the subject and does not see reasons.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.chunking import Sentence
from index.search import Hit
from index.snapshot import StoredChunk
from rag.reranking import Reranker

PASSAGES_READ = 3
WINDOW = 2
MIN_GAIN = 1.0
MAX_SENTENCES = 2
MAX_REASONS = 3
MARGIN = 2.0
SAME_WORDS = 0.7


@dataclass(frozen=True)
class RankedHit:
    """A hit with the reranker's score of its passage."""

    hit: Hit
    score: float


@dataclass(frozen=True)
class Evidence:
    """A sentence that answers, with its passage and its score."""

    passage: StoredChunk
    sentence: Sentence
    score: float


@dataclass(frozen=True)
class Reading:
    """The chosen sentences in reading order, and how sure the reader is that they answer (a reranker's score)."""

    evidence: tuple[Evidence, ...]
    confidence: float


@dataclass(frozen=True)
class _Candidate:
    passage: StoredChunk
    sentence: Sentence
    text: str
    window: str


WHY = re.compile(
    r"^\W*(why|for what reason|how come|what (?:was|is|were|are) the (?:reasons?|causes?))\b", re.IGNORECASE
)
REASON = re.compile(
    r"\b(because|since|due to|owing to|so that|in order to|as a result|therefore|thus|hence|would|cannot|can't|"
    r"will not|won't|refus\w+|reject\w+|insist\w+|fear\w*|concern\w*|reason\w*|cause\w*|led to|prevent\w*)\b|[\"“«]",
    re.IGNORECASE,
)


def read(question: str, hits: Sequence[RankedHit], reranker: Reranker) -> Reading:
    """Choose the sentences that answer the question from the best passages."""
    candidates = _candidates(hits[:PASSAGES_READ])
    if not candidates:
        return Reading((), float("-inf"))
    scores = _scores(question, candidates, reranker)
    chosen = _choose(candidates, scores, MAX_REASONS if WHY.match(question) else MAX_SENTENCES)
    rank = {stored.hit.passage.document: i for i, stored in reversed(list(enumerate(hits)))}
    evidence = [Evidence(candidates[i].passage, candidates[i].sentence, float(scores[i])) for i in chosen]
    evidence.sort(key=lambda e: (rank[e.passage.document], e.passage.document, e.sentence.start))
    return Reading(tuple(evidence), float(scores.max()))


def _candidates(hits: Sequence[RankedHit]) -> list[_Candidate]:
    """Return each sentence of the passages once; headings only if there is nothing else."""
    found: dict[tuple[int, int], _Candidate] = {}
    for ranked in hits:
        stored = ranked.hit.passage
        texts = [stored.text[s.start - stored.chunk.start : s.end - stored.chunk.start] for s in stored.chunk.sentences]
        body = [i for i, s in enumerate(stored.chunk.sentences) if not s.is_heading]
        for i, sentence in enumerate(stored.chunk.sentences):
            before = [texts[j] for j in body if i - WINDOW <= j < i]
            candidate = _Candidate(stored, sentence, texts[i], " ".join([*before, texts[i]]))
            key = (stored.document_id, sentence.start)
            # A sentence that two chunks share is kept where more of what comes before it is known.
            if key not in found or len(candidate.window) > len(found[key].window):
                found[key] = candidate
    sentences = [c for c in found.values() if not c.sentence.is_heading]
    return sentences or list(found.values())


def _scores(question: str, candidates: Sequence[_Candidate], reranker: Reranker) -> "np.ndarray":
    texts = [c.text for c in candidates]
    windows = [c.window for c in candidates]
    distinct = list(dict.fromkeys([*texts, *windows]))
    score = dict(zip(distinct, reranker.score(question, distinct), strict=True))
    is_why = bool(WHY.match(question))
    result = np.empty(len(candidates), np.float32)
    before: dict[tuple[int, int], float] = {}
    for i, candidate in enumerate(candidates):
        alone, window = float(score[candidate.text]), float(score[candidate.window])
        earlier = max(
            (
                w
                for (d, e), w in before.items()
                if d == candidate.passage.document_id
                and e <= candidate.sentence.start
                and candidate.sentence.start - e < 5
            ),
            default=None,
        )
        gives_reason = is_why and bool(REASON.search(candidate.text))
        gained = earlier is not None and window - earlier >= MIN_GAIN
        result[i] = max(alone, window) if gained or gives_reason else alone
        before[(candidate.passage.document_id, candidate.sentence.end)] = window
    return result


def _choose(candidates: Sequence[_Candidate], scores: "np.ndarray", most: int) -> list[int]:
    """Take the best sentence, and further ones that score nearly as well and say something else."""
    chosen: list[int] = []
    for i in sorted(range(len(candidates)), key=lambda i: -scores[i]):
        if len(chosen) == most or (chosen and scores[i] < scores[chosen[0]] - MARGIN):
            break
        if all(_overlap(candidates[i].text, candidates[j].text) < SAME_WORDS for j in chosen):
            chosen.append(i)
    return chosen


def _overlap(one: str, other: str) -> float:
    """Return the Jaccard similarity of two texts' words (Jaccard 1912): shared words over all words."""
    a, b = (set(re.findall(r"\w+", text.lower())) for text in (one, other))
    return len(a & b) / max(1, len(a | b))
