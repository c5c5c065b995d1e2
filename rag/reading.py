"""The extractive reader: choose the few sentences that answer a question, word for word.

Only those are scored that words say are worth it (rag/shortlist.py). But a sentence alone often does not say what it is
about ("His return ..."):

- Each is scored behind its title: the document's and the section's heading, or the file's name. Not for "why", where
  the title of an article on the very thing would speak for every sentence in it.
- One that begins with "He" or "This" is scored with the sentence that names who or what (rag/referents.py), too, and
  gets that score if it brought it: if the two score clearly higher than the first without it.
- For a "why" question, one that gives a reason ("because", "would", a quotation) gets the score it has after the two
  sentences before it, since a cross-encoder looks for the subject of a question and does not see reasons.

The second sentence should add what the first lacks: words of the question that only it has count for it. And it must do
well without its title, too, which would else speak for every sentence of a document on the right thing.

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
from rag.shortlist import REASON, shortlist
from rag.titles import title_of, titled, titled_sentence

# Scores are in units of `Reranker.scale`. The values were chosen on SQuAD 2.0 (docs/evaluation.md).
PASSAGES_READ = 3  # the answer is in the best three passages for 97 % of the questions
SENTENCES_READ = 8
LISTED_READ = 24  # for a question for a list
NEAR = 4.0  # a passage so far below the best is not read
WINDOW = 2  # sentences before one that gives a reason
MIN_GAIN = 2.0  # what a sentence must add to the one that it leans on
PASSAGE_WEIGHT = 0.3  # how much of its passage's score a sentence gets when sentences are put in order
MARGIN = 4.0  # a further sentence must come so close to the best, with its title and without
REASON_MARGIN = 3.0  # the same for reasons, which have no titles
NEW_WORDS = 30.0  # what a further sentence gains by the share of the question's words that only it has
MIN_LETTERS = 3  # of a word that counts as new, its ending cut
MAX_SENTENCES = 2
MAX_REASONS = 3  # sentences that answer a "why" question
MAX_LISTED = 8  # sentences that answer a question for a list
MAX_CONFLICTS = 2  # further sentences that disagree with a chosen one
CONFLICT_MARGIN = 3.0  # which must come so close to the best
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
    pairs of positions in `evidence` that disagree. `hits` are the passages, each with the better of its own score and
    that of its best sentence, best first.
    """

    evidence: tuple[Evidence, ...]
    confidence: float | None
    conflicts: tuple[tuple[int, int, Disagreement], ...] = ()
    hits: tuple[RankedHit, ...] = ()


def read(
    question: str, kind: Kind, hits: Sequence[RankedHit], reranker: Reranker, sides: Sequence[Side] = ()
) -> Reading:
    """Choose the sentences that answer the question from the best passages.

    For each of a comparison's `sides` the best sentence of the passages that name it is taken, too.
    """
    whole = _Selection(question, kind, hits, reranker)
    for side in sides:
        named = [r.hit for r in hits if side.is_named_in(f"{r.hit.passage.chunk.heading} {r.hit.passage.text}")]
        scores = reranker.score(side.question, [titled(hit.passage) for hit in named])
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
        found = candidates_of([ranked for ranked in hits[:limit] if ranked.score >= near])
        read_most = LISTED_READ if kind is Kind.LIST else SENTENCES_READ
        self.candidates = shortlist(question, kind, found, read_most, reranker.scale)
        self.scores = _scores(question, kind, self.candidates, reranker)
        self.passages = np.array([c.passage_score for c in self.candidates], np.float32)
        self.ranks = self.scores + PASSAGE_WEIGHT * self.passages
        most = most or {Kind.REASON: MAX_REASONS, Kind.LIST: MAX_LISTED}.get(kind, MAX_SENTENCES)
        self.untitled = self._untitled(question, most, reranker)
        # Shorter words are mostly the small words of other languages than English.
        asked = {word for word in stems(question) if len(word) >= MIN_LETTERS}
        self.chosen = self._choose(asked, most, reranker.scale)
        self.pairs = self._conflicts(question, CONFLICT_MARGIN * reranker.scale)
        self.evidence = [e for i in self.chosen for e in self._evidence(i)]
        self.confidence = float(max(self.scores.max(), self.untitled.max())) if self.candidates else None

    def _untitled(self, question: str, most: int, reranker: Reranker) -> Scores:
        """Score those that rank best without their titles; the others get minus infinity. Reasons have no titles."""
        if self.kind is Kind.REASON:
            return self.scores
        scores = np.full(len(self.candidates), -np.inf, np.float32)
        best = np.argsort(-self.ranks, kind="stable")[:most]
        scores[best] = reranker.score(question, [self.candidates[i].text for i in best])
        return scores

    def _choose(self, asked: set[str], most: int, scale: float) -> list[int]:
        """Take the best sentence, and further ones that rank nearly as high, each worded unlike those before it.

        They must do so without their titles, too, and so many are scored without as can be chosen: one that needs the
        words of the question to rank among those is no second answer.

        A further one ranks higher by the words of the question that those before it lack. Not in a list, whose items
        have the same words of it, and not for "why": a reason has few of them.
        """
        words = [stems(candidate.text) for candidate in self.candidates]
        worth = 0.0 if self.kind in (Kind.LIST, Kind.REASON) else NEW_WORDS * scale / max(1, len(asked))
        margin = REASON_MARGIN if self.kind is Kind.REASON else MARGIN
        gains = np.zeros(len(words), np.float32)
        left, chosen = set(range(len(words))), list[int]()
        while left and len(chosen) < most:
            best = max(sorted(left), key=(self.ranks + gains).__getitem__)
            if chosen and gains[best] + self._lead(best, chosen[0]) < -margin * scale:
                break
            chosen.append(best)
            text = self.candidates[best].text
            left = {i for i in left - {best} if _overlap(self.candidates[i].text, text) < SAME_WORDS}
            lacked = asked.difference(*(words[i] for i in chosen))
            gains = np.array([worth * len(lacked & has) for has in words], np.float32)
        return chosen

    def _lead(self, one: int, other: int) -> float:
        """Return how much higher one sentence ranks than another, with titles or without, whichever is less."""
        alone = self.untitled + PASSAGE_WEIGHT * self.passages
        return float(min(self.ranks[one] - self.ranks[other], alone[one] - alone[other]))

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
        return Reading(tuple(ordered), self.confidence, tuple(conflicts), self._ranked_again())

    def _ranked_again(self) -> tuple[RankedHit, ...]:
        """Return the passages in the order of the better of their own score and that of their best sentence."""
        best: dict[int, float] = {}
        for candidate, score in zip(self.candidates, self.scores.tolist(), strict=True):
            best[candidate.passage.id] = max(score, best.get(candidate.passage.id, score))
        again = [RankedHit(r.hit, max(r.score, best.get(r.hit.passage.id, r.score))) for r in self.hits]
        return tuple(sorted(again, key=lambda ranked: -ranked.score))

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
    """Score each candidate behind its title, and where it may lean on what comes before it, with that."""
    title = ["" if kind is Kind.REASON else title_of(candidate.passage) for candidate in candidates]
    alone = [titled_sentence(*pair) for pair in zip(title, (c.text for c in candidates), strict=True)]
    before = [_before(candidate, kind) for candidate in candidates]
    both = [titled_sentence(t, f"{b} {c.text}") if b else "" for t, b, c in zip(title, before, candidates, strict=True)]
    named = [titled_sentence(t, b) if b and kind is not Kind.REASON else "" for t, b in zip(title, before, strict=True)]
    texts = list(dict.fromkeys(filter(None, [*alone, *both, *named])))
    score = dict(zip(texts, reranker.score(question, texts).tolist(), strict=True))
    # Of a reason, all is due to it: the sentences before it alone would be no answer.
    gained = [
        score[b] - score[n] >= MIN_GAIN * reranker.scale if n else bool(b) for b, n in zip(both, named, strict=True)
    ]
    together = [score[b] if g else -np.inf for b, g in zip(both, gained, strict=True)]
    return np.maximum(np.array([score[a] for a in alone], np.float32), np.array(together, np.float32))


def _before(candidate: Candidate, kind: Kind) -> str:
    """Return what the sentence may lean on: what names its "He" or "This", or for a reason what comes before it."""
    if kind is Kind.REASON:
        return " ".join(candidate.before(WINDOW)) if REASON.search(candidate.text) else ""
    lead = candidate.lead()
    return candidate.texts[candidate.sentences.index(lead)] if lead else ""


def _overlap(one: str, other: str) -> float:
    """Return the Jaccard similarity of two texts' words (Jaccard 1912): shared words over all words."""
    a, b = (set(re.findall(r"\w+", text.lower())) for text in (one, other))
    return len(a & b) / max(1, len(a | b))
