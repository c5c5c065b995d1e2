"""The extractive reader: choose the few sentences that answer a question, word for word.

The reranker scores each sentence alone. But a sentence alone often does not say what it is about ("His return ..."):

- One with a pronoun is scored with the sentence before it, too, and gets that score if it brought it: if the two score
  clearly higher than the first without it.
- For a "why" question, one that gives a reason ("because", "would", a quotation) gets the score it has after the two
  sentences before it, since a cross-encoder looks for the subject of a question and does not see reasons.

The second sentence should add what the first lacks: words of the question that only it has count for it.

A list question reads all passages and takes more sentences; a comparison reads for each side. A sentence of another
document that disagrees with a chosen one is always shown beside it, and a list follows the sentence that announces it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.chunking import Sentence
from index.records import StoredChunk
from rag.answer import Disagreement
from rag.candidates import Candidate, RankedHit, candidates_of
from rag.comparison import Side
from rag.conflicts import disagreement, stems
from rag.kinds import Kind
from rag.reranking import Reranker, Scores

# Scores are in units of `Reranker.scale`. The values were chosen on SQuAD 2.0 (docs/evaluation.md).
PASSAGES_READ = 3  # the answer is in the best three passages for 97 % of the questions
NEAR = 4.0  # a passage so far below the best is not read
WINDOW = 2  # sentences before one that gives a reason
MIN_GAIN = 2.0  # what a sentence with a pronoun must add to the one before it
PASSAGE_WEIGHT = 0.3  # how much of its passage's score a sentence gets when sentences are put in order
MARGIN = 3.0  # a further sentence must come so close to the best
NEW_WORDS = 30.0  # what a further sentence gains by the share of the question's words that only it has
MIN_LETTERS = 3  # of a word that counts as new, its ending cut
MAX_SENTENCES = 2
MAX_REASONS = 3  # sentences that answer a "why" question
MAX_LISTED = 8  # sentences that answer a question for a list
MAX_CONFLICTS = 2  # further sentences that disagree with a chosen one
SAME_WORDS = 0.7  # Jaccard similarity from which two sentences say the same


@dataclass(frozen=True)
class Evidence:
    """A sentence that answers, with its passage, its score, and the sentence that names what it leans on, if any."""

    passage: StoredChunk
    sentence: Sentence
    score: float
    lead: Sentence | None = None

    @property
    def place(self) -> tuple[str, int]:
        """Return what tells it from other evidence."""
        return self.passage.document, self.sentence.start


@dataclass(frozen=True)
class Reading:
    """The chosen sentences, best document first, each document's in reading order.

    `confidence` is the best score of a sentence, chosen or not; None if there was nothing to read. `conflicts` are
    pairs of positions in `evidence` that disagree.
    """

    evidence: tuple[Evidence, ...]
    confidence: float | None
    conflicts: tuple[tuple[int, int, Disagreement], ...] = ()


REASON = re.compile(
    r"\b(because|since|due to|owing to|so that|in order to|as a result|therefore|thus|hence|would|cannot|can't|"
    r"will not|won't|refus\w+|reject\w+|insist\w+|fear\w*|concern\w*|reason\w*|cause\w*|led to|prevent\w*)\b|[\"“«]",
    re.IGNORECASE,
)
PRONOUN = re.compile(
    r"\b(he|him|his|she|her|hers|they|them|their|theirs|it|its|this|that|these|those|such|both|former|latter)\b",
    re.IGNORECASE,
)


def read(
    question: str, kind: Kind, hits: Sequence[RankedHit], reranker: Reranker, sides: Sequence[Side] = ()
) -> Reading:
    """Choose the sentences that answer the question from the best passages.

    For each of a comparison's `sides` the best sentence of the passages that name it is taken, too.
    """
    whole = _Selection(question, kind, hits, reranker)
    for side in sides:
        named = [r.hit for r in hits if side.is_named_in(f"{r.hit.passage.chunk.heading} {r.hit.passage.text}")]
        scores = reranker.score(side.question, [hit.passage.text for hit in named])
        order = sorted(map(RankedHit, named, scores.tolist()), key=lambda ranked: -ranked.score)
        whole.add(_Selection(side.question, kind, order, reranker, most=1))
    return whole.reading()


class _Selection:
    """The candidates for one question, their scores, and which are chosen."""

    def __init__(
        self, question: str, kind: Kind, hits: Sequence[RankedHit], reranker: Reranker, most: int | None = None
    ) -> None:
        self.kind, self.hits = kind, hits
        limit = len(hits) if kind is Kind.LIST else PASSAGES_READ
        near = hits[0].score - NEAR * reranker.scale if hits else 0.0
        self.candidates = candidates_of([ranked for ranked in hits[:limit] if ranked.score >= near])
        self.scores = _scores(question, kind, self.candidates, reranker)
        self.ranks = self.scores + PASSAGE_WEIGHT * np.array([c.passage_score for c in self.candidates], np.float32)
        most = most or {Kind.REASON: MAX_REASONS, Kind.LIST: MAX_LISTED}.get(kind, MAX_SENTENCES)
        # Shorter words are mostly the small words of other languages than English.
        asked = {word for word in stems(question) if len(word) >= MIN_LETTERS}
        self.chosen = self._choose(asked, most, reranker.scale)
        self.pairs = self._conflicts(question, MARGIN * reranker.scale)
        self.evidence = [e for i in self.chosen for e in self._evidence(i)]
        self.confidence = float(self.scores.max()) if self.candidates else None

    def _choose(self, asked: set[str], most: int, scale: float) -> list[int]:
        """Take the best sentence, and further ones that rank nearly as high, each worded unlike those before it.

        A further one ranks higher by the words of the question that those before it lack. Not in a list, whose items
        have the same words of it, and not for "why": a reason has few of them.
        """
        words = [stems(candidate.text) for candidate in self.candidates]
        worth = 0.0 if self.kind in (Kind.LIST, Kind.REASON) else NEW_WORDS * scale / max(1, len(asked))
        ranks, left, chosen = self.ranks, set(range(len(words))), list[int]()
        while left and len(chosen) < most:
            best = max(sorted(left), key=ranks.__getitem__)
            if chosen and ranks[best] < self.ranks[chosen[0]] - MARGIN * scale:
                break
            chosen.append(best)
            text = self.candidates[best].text
            left = {i for i in left - {best} if _overlap(self.candidates[i].text, text) < SAME_WORDS}
            lacked = asked.difference(*(words[i] for i in chosen))
            ranks = self.ranks + np.array([worth * len(lacked & has) for has in words], np.float32)
        return chosen

    def add(self, other: "_Selection") -> None:
        """Take over what another question's selection chose."""
        self.evidence += other.evidence
        self.pairs += other.pairs
        found = [c for c in (self.confidence, other.confidence) if c is not None]
        self.confidence = max(found, default=None)

    def reading(self) -> Reading:
        """Return the chosen sentences in order, each once."""
        rank = {ranked.hit.passage.document: i for i, ranked in reversed(list(enumerate(self.hits)))}
        once = {evidence.place: evidence for evidence in self.evidence}.values()
        ordered = sorted(once, key=lambda e: (rank[e.passage.document], *e.place))
        at = {evidence.place: i for i, evidence in enumerate(ordered)}
        pairs = [(at[one.place], at[other.place], about) for one, other, about in self.pairs]
        conflicts = dict.fromkeys((min(one, other), max(one, other), about) for one, other, about in pairs)
        return Reading(tuple(ordered), self.confidence, tuple(conflicts))

    def _evidence(self, i: int) -> list[Evidence]:
        """Return a chosen sentence, and the list that it announces."""
        candidate, score = self.candidates[i], float(self.scores[i])
        found = [Evidence(candidate.passage, candidate.sentence, score, candidate.lead())]
        return found + [Evidence(item.passage, item.sentence, score) for item in candidate.items()]

    def _conflicts(self, question: str, margin: float) -> list[tuple[Evidence, Evidence, Disagreement]]:
        """Choose what disagrees with a chosen sentence, too; return the pairs."""
        found: list[tuple[Evidence, Evidence, Disagreement]] = []
        added: list[int] = []
        for i in self.chosen:
            for j in sorted(range(len(self.candidates)), key=lambda j: -self.ranks[j]):
                one, other = self.candidates[i], self.candidates[j]
                is_near = self.ranks[j] >= self.ranks[self.chosen[0]] - margin
                if not is_near or other.passage.document == one.passage.document or (j in self.chosen and j < i):
                    continue
                kind = disagreement(question, self.kind, one.text, other.text)
                if kind and (j in self.chosen or j in added or len(added) < MAX_CONFLICTS):
                    found.append((self._evidence(i)[0], self._evidence(j)[0], kind))
                    added += [j] if j not in self.chosen and j not in added else []
        self.chosen += added
        return found


def _scores(question: str, kind: Kind, candidates: Sequence[Candidate], reranker: Reranker) -> Scores:
    """Score each candidate alone, and where it may lean on what comes before it, with that."""
    windows: list[str | None] = []
    for candidate in candidates:
        pattern = REASON if kind is Kind.REASON else PRONOUN
        before = candidate.before(WINDOW if kind is Kind.REASON else 1)
        leans = bool(before) and bool(pattern.search(candidate.text))
        windows.append(" ".join([*before, candidate.text]) if leans else None)
    texts = dict.fromkeys([*(c.text for c in candidates), *(w for w in windows if w)])
    score = dict(zip(texts, reranker.score(question, list(texts)).tolist(), strict=True))
    result = [score[c.text] for c in candidates]
    for i, (candidate, window) in enumerate(zip(candidates, windows, strict=True)):
        if window and (
            kind is Kind.REASON or score[window] - score[candidate.before(1)[0]] >= MIN_GAIN * reranker.scale
        ):
            result[i] = max(result[i], score[window])
    return np.array(result, np.float32)


def _overlap(one: str, other: str) -> float:
    """Return the Jaccard similarity of two texts' words (Jaccard 1912): shared words over all words."""
    a, b = (set(re.findall(r"\w+", text.lower())) for text in (one, other))
    return len(a & b) / max(1, len(a | b))
