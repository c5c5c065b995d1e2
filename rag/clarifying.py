"""Ask back when a question leaves open what it is about, and the documents hold several such things.

"Can we take pets into the park?" names no park. If the best passages are about several (their heading or their names
end in "park"), these are offered. A question that names anything, or whose thing was spoken of before, is not stopped.
"""

import re
from collections import Counter
from collections.abc import Sequence

from index.records import StoredChunk
from rag.candidates import RankedHit
from rag.conversation import Turn

NEAR = 2.0  # how far below the best passage another choice's may be, in units of `Reranker.scale`
MAX_CHOICES = 4
MIN_CHOICES = 2
_NOUN = r"(?:[a-z][\w-]*\s+)?[a-z][\w-]{2,}"
_OPEN = re.compile(rf"\b(?:this|that|the)\s+(?:particular\s+|specific\s+|same\s+)?(?P<thing>{_NOUN})", re.IGNORECASE)
_NAMED = re.compile(r"(?<=\s)[^\W\d_a-zà-ÿ]|\d")


def choices(question: str, history: Sequence[Turn], hits: Sequence[RankedHit], scale: float) -> tuple[str, ...]:
    """Return the things that a question may mean, best first; none if it is clear, or if fewer than two are found."""
    if _NAMED.search(question.strip()) or not hits:
        return ()
    said = " ".join(text for turn in history[-2:] for text in (turn.searched, *turn.sentences)).lower()
    near = [ranked for ranked in hits if ranked.score >= hits[0].score - NEAR * scale]
    for match in _OPEN.finditer(question):
        for noun in match["thing"].lower().split():
            called = [_called(noun, ranked.hit.passage) for ranked in near]
            found = tuple(dict.fromkeys(filter(None, called)))
            if noun not in said and len(found) >= MIN_CHOICES and all(called[:MIN_CHOICES]):
                return found[:MAX_CHOICES]
    return ()


def _called(noun: str, passage: StoredChunk) -> str | None:
    """Return what a passage calls its thing of this kind: a heading, or the name that it says most often."""
    for heading in reversed(passage.chunk.heading):
        if re.search(rf"\S\s+{re.escape(noun)}s?$", heading, re.IGNORECASE):
            return heading
    name = re.compile(rf"\b(?:[^\W\d_a-zà-ÿ][\w’'-]*\s+){{1,3}}{re.escape(noun.capitalize())}\b")
    names = Counter(" ".join(found.split()).removeprefix("The ") for found in name.findall(passage.text))
    return names.most_common(1)[0][0] if names else None
