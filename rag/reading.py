"""The extractive reader: choose the few sentences that answer a question, word for word.

The reranker scores each sentence alone. But a sentence alone often does not say what it is about ("His return ..."):

- One with a pronoun is scored with the sentence before it, too, and gets that score if it brought it: if the two score
  clearly higher than the first without it.
- For a "why" question, one that gives a reason ("because", "would", a quotation) gets the score it has after the two
  sentences before it, since a cross-encoder looks for the subject of a question and does not see reasons.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.chunking import Sentence
from index.search import Hit
from index.snapshot import StoredChunk
from rag.reranking import Reranker, Scores

# Scores are in units of `Reranker.scale`. The values were chosen on SQuAD 2.0 (docs/evaluation.md).
PASSAGES_READ = 3  # the answer is in the best three passages for 97 % of the questions
NEAR = 4.0  # a passage so far below the best is not read
WINDOW = 2  # sentences before one that gives a reason
MIN_GAIN = 2.0  # what a sentence with a pronoun must add to the one before it
PASSAGE_WEIGHT = 0.3  # how much of its passage's score a sentence gets when sentences are put in order
MARGIN = 3.0  # a further sentence must come so close to the best
MAX_SENTENCES = 2
MAX_REASONS = 3  # sentences that answer a "why" question
SAME_WORDS = 0.7  # Jaccard similarity from which two sentences say the same


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
    """The chosen sentences, best document first, each document's in reading order.

    `confidence` is the best score of a sentence, chosen or not; None if there was nothing to read.
    """

    evidence: tuple[Evidence, ...]
    confidence: float | None


@dataclass(frozen=True)
class _Candidate:
    """A sentence, its text, and the texts of up to two sentences before it in its chunk."""

    passage: StoredChunk
    passage_score: float
    sentence: Sentence
    text: str
    before: tuple[str, ...]


WHY = re.compile(
    r"^\W*(why|for what reason|how come|what (?:was|is|were|are) the (?:reasons?|causes?))\b", re.IGNORECASE
)
REASON = re.compile(
    r"\b(because|since|due to|owing to|so that|in order to|as a result|therefore|thus|hence|would|cannot|can't|"
    r"will not|won't|refus\w+|reject\w+|insist\w+|fear\w*|concern\w*|reason\w*|cause\w*|led to|prevent\w*)\b|[\"“«]",
    re.IGNORECASE,
)
PRONOUN = re.compile(
    r"\b(he|him|his|she|her|hers|they|them|their|theirs|it|its|this|that|these|those|such|both|former|latter)\b",
    re.IGNORECASE,
)


def read(question: str, hits: Sequence[RankedHit], reranker: Reranker) -> Reading:
    """Choose the sentences that answer the question from the best passages."""
    if not hits:
        return Reading((), None)
    candidates = _candidates([r for r in hits[:PASSAGES_READ] if r.score >= hits[0].score - NEAR * reranker.scale])
    if not candidates:
        return Reading((), None)
    scores = _scores(question, candidates, reranker)
    ranks = scores + PASSAGE_WEIGHT * np.array([c.passage_score for c in candidates], np.float32)
    chosen = _choose(candidates, ranks, MAX_REASONS if WHY.match(question) else MAX_SENTENCES, MARGIN * reranker.scale)
    rank = {ranked.hit.passage.document: i for i, ranked in reversed(list(enumerate(hits)))}
    evidence = [Evidence(candidates[i].passage, candidates[i].sentence, float(scores[i])) for i in chosen]
    evidence.sort(key=lambda e: (rank[e.passage.document], e.passage.document, e.sentence.start))
    return Reading(tuple(evidence), float(scores.max()))


def _candidates(hits: Sequence[RankedHit]) -> list[_Candidate]:
    """Return each sentence of the passages once; headings only if there is nothing else."""
    found: dict[tuple[int, int], _Candidate] = {}
    for ranked in hits:
        stored = ranked.hit.passage
        sentences = [s for s in stored.chunk.sentences if not s.is_heading] or list(stored.chunk.sentences)
        texts = [stored.text[s.start - stored.chunk.start : s.end - stored.chunk.start] for s in sentences]
        for i, sentence in enumerate(sentences):
            before = tuple(texts[max(0, i - WINDOW) : i])
            candidate = _Candidate(stored, ranked.score, sentence, texts[i], before)
            key = (stored.document_id, sentence.start)
            # A sentence that two chunks share is kept where more of what comes before it is known.
            if key not in found or len(before) > len(found[key].before):
                found[key] = candidate
    body = [c for c in found.values() if not c.sentence.is_heading]
    return body or list(found.values())


def _scores(question: str, candidates: Sequence[_Candidate], reranker: Reranker) -> Scores:
    """Score each candidate alone, and where it may lean on what comes before it, with that."""
    is_why = bool(WHY.match(question))
    windows: list[str | None] = []
    for candidate in candidates:
        if candidate.before and is_why and REASON.search(candidate.text):
            windows.append(" ".join([*candidate.before, candidate.text]))
        elif candidate.before and not is_why and PRONOUN.search(candidate.text):
            windows.append(f"{candidate.before[-1]} {candidate.text}")
        else:
            windows.append(None)
    texts = dict.fromkeys([*(c.text for c in candidates), *(w for w in windows if w)])
    score = dict(zip(texts, reranker.score(question, list(texts)).tolist(), strict=True))
    result = [score[c.text] for c in candidates]
    for i, (candidate, window) in enumerate(zip(candidates, windows, strict=True)):
        if window and (is_why or score[window] - score[candidate.before[-1]] >= MIN_GAIN * reranker.scale):
            result[i] = max(result[i], score[window])
    return np.array(result, np.float32)


def _choose(candidates: Sequence[_Candidate], ranks: Scores, most: int, margin: float) -> list[int]:
    """Take the best sentence, and further ones that score nearly as well and say something else."""
    chosen: list[int] = []
    for i in sorted(range(len(candidates)), key=lambda i: -ranks[i]):
        if len(chosen) == most or (chosen and ranks[i] < ranks[chosen[0]] - margin):
            break
        if all(_overlap(candidates[i].text, candidates[j].text) < SAME_WORDS for j in chosen):
            chosen.append(i)
    return chosen


def _overlap(one: str, other: str) -> float:
    """Return the Jaccard similarity of two texts' words (Jaccard 1912): shared words over all words."""
    a, b = (set(re.findall(r"\w+", text.lower())) for text in (one, other))
    return len(a & b) / max(1, len(a | b))
