"""The sentences of the best passages, each with its neighbours: what the reader chooses from."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.chunking import Sentence
from index.records import StoredChunk
from index.search import Hit
from rag.referents import antecedent

MARK = re.compile(r"(?:[-*•–]|\(?\d{1,3}[.)]|\(?[a-z][.)])[ \t]+")
MARK_BEFORE = re.compile(rf"(?:^|[\r\n])[ \t>]*{MARK.pattern}$")
MAX_ITEMS = 8


@dataclass(frozen=True)
class RankedHit:
    """A hit with the reranker's score of its passage, or of its best sentence if that is higher.

    It is minus infinity if neither was scored.
    """

    hit: Hit
    score: float


@dataclass(frozen=True)
class Candidate:
    """A sentence at `position` in its chunk's sentences (headings left out), and the score of its passage."""

    passage: StoredChunk
    passage_score: float
    sentences: tuple[Sentence, ...]
    texts: tuple[str, ...]
    position: int

    @property
    def sentence(self) -> Sentence:
        """Return the sentence's place."""
        return self.sentences[self.position]

    @property
    def text(self) -> str:
        """Return the sentence."""
        return self.texts[self.position]

    def before(self, most: int) -> tuple[str, ...]:
        """Return up to so many sentences before it in its chunk."""
        return self.texts[max(0, self.position - most) : self.position]

    def lead(self) -> Sentence | None:
        """Return the sentence that names what this one's "He" or "This" refers to, if it leans on one."""
        found = antecedent(self.text, self.texts[: self.position])
        return None if found is None else self.sentences[found]

    def items(self) -> "Iterator[Candidate]":
        """Yield the list items that follow, if the sentence announces a list: it ends with a colon."""
        if not self.text.rstrip().endswith(":"):
            return
        for position in range(self.position + 1, min(len(self.texts), self.position + 1 + MAX_ITEMS)):
            item = Candidate(self.passage, self.passage_score, self.sentences, self.texts, position)
            if not item.is_item:
                return
            yield item

    @property
    def is_item(self) -> bool:
        """Say whether a list's mark stands before the sentence, or begins it."""
        start = self.sentence.start - self.passage.chunk.start
        return bool(MARK.match(self.text) or MARK_BEFORE.search(self.passage.text[:start]))


def candidates_of(hits: Sequence[RankedHit]) -> list[Candidate]:
    """Return each sentence of the passages once; headings only if there is nothing else."""
    found: dict[tuple[int, int], Candidate] = {}
    for ranked in hits:
        stored = ranked.hit.passage
        sentences = tuple(s for s in stored.chunk.sentences if not s.is_heading) or stored.chunk.sentences
        texts = tuple(stored.text[s.start - stored.chunk.start : s.end - stored.chunk.start] for s in sentences)
        for position, sentence in enumerate(sentences):
            key = (stored.document_id, sentence.start)
            # A sentence that two chunks share is kept where more of what comes before it is known.
            if key not in found or position > found[key].position:
                found[key] = Candidate(stored, ranked.score, sentences, texts, position)
    body = [c for c in found.values() if not c.sentence.is_heading]
    return body or list(found.values())
