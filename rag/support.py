"""Say whether passages support a sentence that a language model wrote, and where exactly.

A sentence is supported if what it says stands in a few whole sentences of the passages that it cites: nearly all its
content words, every number, date, ordinal, name and quotation, and nothing turned round by a "not"; and if none of them
gives orders to whoever answers. These sentences become its sources. The check is lexical and strict on purpose: it is
the same for every model and every domain, a reader can follow it by eye, and what it wrongly drops costs a sentence
where what it wrongly passes costs trust. docs/language-models.md says how often it is wrong either way. A sentence in
another language than its passages cannot be checked by words, and is not supported.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answer import Fault
from rag.candidates import Candidate, RankedHit, candidates_of
from rag.conflicts import stems
from rag.instructions import is_instruction
from rag.mentions import folded, new_names, new_numbers, new_quotations, turned_round, visible

MIN_COVERAGE = 0.8  # of a sentence's content words, that its sources must have; fitted by eval/claims.py
MIN_PARTLY = 0.6  # from which a sentence counts as partly supported
MAX_SPANS = 3  # sentences of the sources that may be needed for one sentence of the answer
CONNECTIVES = stems("additionally also furthermore moreover however therefore thus overall according passage document")
HARD_WORTH = 3.0  # a number or a name is worth so many words where sources are chosen


@dataclass(frozen=True)
class Finding:
    """What supports a sentence, best first, what share of its content words that has, and what is wrong with it."""

    sources: tuple[Candidate, ...]
    coverage: float
    faults: frozenset[Fault]

    @property
    def is_supported(self) -> bool:
        """Say whether the sources say it. A further citation, of a passage that does not exist, is only counted."""
        return bool(self.sources) and not self.faults - {Fault.UNKNOWN_CITATION}

    @property
    def is_partly_supported(self) -> bool:
        """Say whether nothing in it is invented or turned round, but some of it is worded otherwise."""
        return self.coverage >= MIN_PARTLY and self.faults - {Fault.UNKNOWN_CITATION} == {Fault.WORDS}


def supported_by(
    sentence: str, citations: Sequence[int], hits: Sequence[RankedHit], minimum: float = MIN_COVERAGE
) -> Finding:
    """Find the sentences of the cited passages that support a sentence. Citation 1 is the first hit."""
    known = [n for n in dict.fromkeys(citations) if 1 <= n <= len(hits)]
    faults = {Fault.UNKNOWN_CITATION} if len(known) < len(set(citations)) else set[Fault]()
    if not known:
        return Finding((), 0.0, frozenset(faults | {Fault.UNCITED}))
    chosen = _chosen(sentence, [c for n in known for c in candidates_of([hits[n - 1]])])
    said = " ".join(source.text for source in chosen)
    evidence = f"{said} {' '.join(map(_about, chosen))}"
    covered = coverage(sentence, evidence)
    checks = {
        Fault.NUMBER: new_numbers(sentence, said),
        Fault.NAME: new_names(sentence, evidence),
        Fault.QUOTATION: new_quotations(sentence, said),
        Fault.NEGATION: turned_round(sentence, said),
        Fault.INSTRUCTION: any(is_instruction(visible(source.text)) for source in chosen),
        Fault.WORDS: covered < minimum,
    }
    return Finding(chosen, covered, frozenset(faults | {fault for fault, found in checks.items() if found}))


def coverage(sentence: str, evidence: str) -> float:
    """Return the share of the sentence's content words that the evidence has, from 0 to 1."""
    words = stems(folded(sentence)) - CONNECTIVES
    return len(words & stems(folded(evidence))) / len(words) if words else float(folded(sentence) in folded(evidence))


def _chosen(sentence: str, cited: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Take the sentence that has most of what is said, then those that add to it (greedy set cover)."""
    wanted = _features(sentence)
    left, chosen = dict(enumerate(cited)), list[Candidate]()
    has = {i: {f for f in _features(source.text) if f in wanted} for i, source in left.items()}
    while left and len(chosen) < MAX_SPANS:
        best = max(left, key=lambda i: (sum(wanted[f] for f in has[i] & wanted.keys()), -len(left[i].text)))
        gain = sum(wanted[f] for f in has[best] & wanted.keys())
        if gain < (2.0 if chosen else 1.0):
            break
        chosen.append(left.pop(best))
        wanted = {f: worth for f, worth in wanted.items() if f not in has[best]}
    return tuple(chosen)


def _features(text: str) -> dict[str, float]:
    hard = {digits.replace(",", ""): HARD_WORTH for digits in re.findall(r"\d+(?:[.,]\d+)*", text)}
    return {**dict.fromkeys(stems(folded(text)), 1.0), **hard}


def _about(source: Candidate) -> str:
    """Return what names the thing that a sentence calls "it": the sentence before, headings, the file's name."""
    lead, stored = source.lead(), source.passage
    before = stored.text[lead.start - stored.chunk.start : lead.end - stored.chunk.start] if lead else ""
    name = re.sub(r"[\W_]+", " ", stored.document.rpartition("/")[2].rpartition(".")[0])
    return " ".join([before, *stored.chunk.heading, name])
