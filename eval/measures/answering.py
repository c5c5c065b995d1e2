"""Is the answer right? Exact match and token F1 as in SQuAD (Rajpurkar et al. 2016), and what the cited spans hold."""

import re
import string
from collections import Counter
from collections.abc import Sequence

from eval.measures.measure import Measure, Row, mean
from eval.outcome import Outcome
from eval.suite import Place
from rag.answer import Span

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> str:
    """Return the text as SQuAD's own evaluation compares it: lower case, no punctuation, no articles, single spaces."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def token_f1(text: str, gold: str) -> float:
    """Return the harmonic mean of token precision and recall, normalised. Example: "in May" on "May" -> 2/3."""
    tokens, wanted = normalised(text).split(), normalised(gold).split()
    if not tokens or not wanted:
        return float(tokens == wanted)
    same = sum((Counter(tokens) & Counter(wanted)).values())
    return 2 * same / (len(tokens) + len(wanted))


def answer_text(outcome: Outcome) -> str:
    """Return what is compared with the gold answers: the short answer of the best sentence, else the whole text."""
    if outcome.answer is None or not outcome.answer.claims:
        return ""
    best = max(outcome.answer.claims, key=lambda claim: claim.score)
    short = outcome.answer.sources[best.citations[0] - 1].short
    return short.quote if short else " ".join(claim.text for claim in outcome.answer.claims)


def exact_match(outcome: Outcome) -> Row | None:
    """Share of answerable questions whose answer is a gold answer, after SQuAD's normalisation."""
    if not (outcome.question.answerable and outcome.question.answers):
        return None
    return (float(normalised(answer_text(outcome)) in map(normalised, outcome.question.answers)),)


def f1(outcome: Outcome) -> Row | None:
    """Mean token F1 of the answer with the best matching gold answer, over answerable questions (SQuAD)."""
    if not (outcome.question.answerable and outcome.question.answers):
        return None
    return (max(token_f1(answer_text(outcome), gold) for gold in outcome.question.answers),)


def holds_gold(outcome: Outcome, sources: Sequence[Span]) -> bool:
    """Say whether what is cited holds a part of the answer, or every part if the question needs all.

    Sentences that follow each other are one stretch. A part is held if a stretch holds one of its places whole, or lies
    within it. Where only answers are known that a document may hold word for word, a quote must hold one of them, after
    normalisation; where only documents are, one of them must be cited.
    """
    question = outcome.question
    if question.gold:
        known = [s for s in sources if s.document in outcome.suite.documents]
        stretches = outcome.joined([Place(s.document, s.start, s.end) for s in known])
        held = [any(_holds(stretch, gold) for stretch in stretches for gold in part) for part in question.gold]
        return all(held) if question.needs_all else any(held)
    if not outcome.findable_answers:
        return any(span.document in question.gold_doc_ids for span in sources)
    return any(
        f" {normalised(answer)} " in f" {normalised(span.quote)} "
        for span in sources
        for answer in outcome.findable_answers
    )


def _holds(stretch: Place, gold: Place) -> bool:
    return stretch.doc_id == gold.doc_id and (
        stretch.start <= gold.start <= gold.end <= stretch.end or gold.start <= stretch.start <= stretch.end <= gold.end
    )


def contains(outcome: Outcome) -> Row | None:
    """Share of answerable questions for which a cited sentence holds a gold answer; a refusal holds none.

    A gold document stands in where no short answer is known.
    """
    return (float(holds_gold(outcome, outcome.sources)),) if outcome.has_gold else None


def contains_ungated(outcome: Outcome) -> Row | None:
    """The same, with the gate open: what the reader would have cited had it never refused."""
    return (float(holds_gold(outcome, outcome.asked.ungated)),) if outcome.has_gold else None


def sentences(outcome: Outcome) -> Row | None:
    """Mean number of sentences of an answer, where there is one."""
    return (float(len(outcome.answer.claims)),) if outcome.answer and outcome.answer.claims else None


MEASURES = [
    Measure("contains", contains, mean),
    Measure("contains_ungated", contains_ungated, mean),
    Measure("exact_match", exact_match, mean),
    Measure("f1", f1, mean),
    Measure("sentences", sentences, mean, higher_is_better=False),
]
