"""Does the ranking hold what is needed? Computed by ir_measures (MacAvaney, Macdonald and Ounis 2022).

What is ranked are the suite's paragraphs if its gold is paragraphs, else passages if its gold is spans, else documents.
A passage stands for the paragraph that it shares most characters with, or for its document; one that was there before
is left out. With gold spans, a passage is relevant if it completes a part of the answer that the passages before it did
not hold (or lies within it), and recall is over the parts of the answer. Only answerable questions with such gold
count.
"""

import ir_measures
from ir_measures import RR, R, nDCG

from eval.measures.measure import Measure, Row, mean
from eval.outcome import Outcome
from eval.suite import Place

Unit = str


def ranked_units(outcome: Outcome) -> tuple[set[Unit], list[Unit]]:
    """Return (the relevant units, the ranked units), each by a name; a part that no passage holds is one, too."""
    question = outcome.question
    if question.gold_paragraphs:
        relevant = {f"{doc_id} {number}" for doc_id, number in question.gold_paragraphs}
        return relevant, list(dict.fromkeys(_paragraph(outcome, place) for place in outcome.asked.ranking))
    if question.gold:
        names = [f"passage {n}" for n in range(len(outcome.asked.ranking))]
        completed = parts_completed(outcome)
        missing = len(question.gold) - sum(completed)
        relevant = {name for name, parts in zip(names, completed, strict=True) if parts}
        return relevant | {f"missing {n}" for n in range(missing)}, names
    return set(question.gold_doc_ids), list(dict.fromkeys(place.doc_id for place in outcome.asked.ranking))


def parts_completed(outcome: Outcome) -> list[int]:
    """Return for each passage of the ranking how many parts of the answer it completes."""
    left = list(outcome.question.gold)
    counts = []
    for n, place in enumerate(outcome.asked.ranking):
        touched = any(_overlap(place, gold) for part in left for gold in part)
        held = outcome.joined(outcome.asked.ranking[: n + 1]) if touched else []
        rest = [part for part in left if not any(_holds(held, place, gold) for gold in part)]
        counts.append(len(left) - len(rest))
        left = rest
    return counts


def _holds(held: list[Place], place: Place, gold: Place) -> bool:
    """Say whether the passages up to this one hold the gold span, or this one lies within it."""
    return any(_within(gold, other) for other in held) or _within(place, gold)


def _within(inner: Place, outer: Place) -> bool:
    return inner.doc_id == outer.doc_id and outer.start <= inner.start and inner.end <= outer.end


def _overlap(one: Place, other: Place) -> bool:
    return one.doc_id == other.doc_id and one.start < other.end and other.start < one.end


def _paragraph(outcome: Outcome, place: Place) -> Unit:
    paragraphs = outcome.suite.documents[place.doc_id].paragraphs
    shared = [min(end, place.end) - max(start, place.start) for start, end in paragraphs]
    return f"{place.doc_id} {max(range(len(shared)), key=shared.__getitem__, default='none')}"


def _counts(outcome: Outcome) -> bool:
    question = outcome.question
    return question.answerable and bool(question.gold_paragraphs or question.gold or question.gold_doc_ids)


def _recall(k: int) -> Measure:
    def row(outcome: Outcome) -> Row | None:
        if not _counts(outcome):
            return None
        question = outcome.question
        if question.gold and not question.gold_paragraphs:
            return (sum(parts_completed(outcome)[:k]) / len(question.gold),)
        return (_computed(outcome, R @ k),)

    row.__doc__ = f"Share of what is relevant that is among the first {k}."
    return Measure(f"recall@{k}", row, mean)


def _ranked(name: str, metric: ir_measures.Measure, description: str) -> Measure:
    def row(outcome: Outcome) -> Row | None:
        return (_computed(outcome, metric),) if _counts(outcome) else None

    row.__doc__ = description
    return Measure(name, row, mean)


def _computed(outcome: Outcome, metric: ir_measures.Measure) -> float:
    relevant, ranked = ranked_units(outcome)
    if not ranked:
        return 0.0
    run = {"q": {unit: -float(rank) for rank, unit in enumerate(ranked)}}
    return float(ir_measures.calc_aggregate([metric], {"q": dict.fromkeys(relevant, 1)}, run)[metric])


MEASURES = [
    *(_recall(k) for k in (1, 3, 10)),
    _ranked("mrr", RR, "Mean of 1 / rank of the first that is relevant (Voorhees 1999)."),
    _ranked(
        "ndcg@10", nDCG @ 10, "Normalised discounted cumulative gain of the first 10 (Järvelin and Kekäläinen 2002)."
    ),
]
