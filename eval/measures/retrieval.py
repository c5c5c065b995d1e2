"""Does the ranking hold what is needed? Computed by ir_measures (MacAvaney, Macdonald and Ounis 2022).

What is ranked are the suite's paragraphs if its gold is paragraphs, else gold spans, else documents. A passage stands
for the paragraph that it shares most characters with (or the gold spans that it holds, or its document); one that was
there before is left out, so recall is over different ones. Only answerable questions with such gold count.
"""

from collections.abc import Iterator

import ir_measures
from ir_measures import RR, R, nDCG

from eval.measures.measure import Measure, Row, mean
from eval.outcome import Outcome, Place


def units(outcome: Outcome) -> tuple[set[str], list[str]]:
    """Return (the relevant units, the ranked units without repetitions), each by a name."""
    question = outcome.question
    if question.gold_paragraphs:
        relevant = {f"{doc_id} {number}" for doc_id, number in question.gold_paragraphs}
        ranked = [_paragraph(outcome, place) for place in outcome.asked.ranking]
    elif question.gold_spans:
        relevant = {f"{g.doc_id} {g.start}-{g.end}" for g in question.gold_spans}
        ranked = [name for place in outcome.asked.ranking for name in _spans(outcome, place)]
    else:
        relevant = set(question.gold_doc_ids)
        ranked = [place.doc_id for place in outcome.asked.ranking]
    return relevant, list(dict.fromkeys(ranked))


def _paragraph(outcome: Outcome, place: Place) -> str:
    paragraphs = outcome.suite.documents[place.doc_id].paragraphs
    shared = [min(end, place.end) - max(start, place.start) for start, end in paragraphs]
    return f"{place.doc_id} {max(range(len(shared)), key=shared.__getitem__)}"


def _spans(outcome: Outcome, place: Place) -> Iterator[str]:
    held = [
        f"{gold.doc_id} {gold.start}-{gold.end}"
        for gold in outcome.question.gold_spans
        if gold.doc_id == place.doc_id and place.start <= gold.start and gold.end <= place.end
    ]
    yield from held or [f"{place.doc_id} {place.start}-{place.end} without"]


def _row(name: str, metric: ir_measures.Measure, description: str) -> Measure:
    def row(outcome: Outcome) -> Row | None:
        if not outcome.question.answerable:
            return None
        relevant, ranked = units(outcome)
        if not relevant:
            return None
        if not ranked:
            return (0.0,)
        qrels = {"q": dict.fromkeys(relevant, 1)}
        run = {"q": {unit: -float(rank) for rank, unit in enumerate(ranked)}}
        return (float(ir_measures.calc_aggregate([metric], qrels, run)[metric]),)

    row.__doc__ = description
    return Measure(name, row, mean)


MEASURES = [
    *(_row(f"recall@{k}", R @ k, f"Share of the relevant passages that are among the first {k}.") for k in (1, 3, 10)),
    _row("mrr", RR, "Mean of 1 / rank of the first relevant passage (Voorhees 1999)."),
    _row("ndcg@10", nDCG @ 10, "Normalised discounted cumulative gain of the first 10 (Jarvelin and Kekalainen 2002)."),
]
