"""Is the answer right? Exact match and token F1 as in SQuAD (Rajpurkar et al. 2016), and what the cited spans hold."""

import re
import string
from collections import Counter
from collections.abc import Sequence

from eval.measures.measure import Measure, Row, mean
from eval.outcome import Outcome
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


def short_answer(outcome: Outcome) -> str:
    """Return what is compared with the gold answers: the whole answer's text."""
    return " ".join(claim.text for claim in outcome.answer.claims) if outcome.answer else ""


def exact_match(outcome: Outcome) -> Row | None:
    """Share of answerable questions whose answer is a gold answer, after SQuAD's normalisation."""
    if not (outcome.question.answerable and outcome.question.answers):
        return None
    return (float(normalised(short_answer(outcome)) in map(normalised, outcome.question.answers)),)


def f1(outcome: Outcome) -> Row | None:
    """Mean token F1 of the answer with the best matching gold answer, over answerable questions (SQuAD)."""
    if not (outcome.question.answerable and outcome.question.answers):
        return None
    return (max(token_f1(short_answer(outcome), gold) for gold in outcome.question.answers),)


def holds_gold(outcome: Outcome, sources: Sequence[Span]) -> bool:
    """Say whether a cited span holds a gold span whole; a gold span longer than its sentences, if one lies within it.

    Where only short answers are known, whether a quote holds one of them, word for word after normalisation; where only
    documents are, whether one of them is cited.
    """
    question = outcome.question
    if question.gold_spans:
        return any(
            gold.doc_id == span.document
            and (span.start <= gold.start <= gold.end <= span.end or gold.start <= span.start <= span.end <= gold.end)
            for span in sources
            for gold in question.gold_spans
        )
    if not outcome.short_answers:
        return any(span.document in question.gold_doc_ids for span in sources)
    return any(
        f" {normalised(answer)} " in f" {normalised(span.quote)} "
        for span in sources
        for answer in outcome.short_answers
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
