"""Are the citations exact, and do they cite what they should? Spans are compared in the suite's own text.

Precision and recall are those of Gao et al. 2023 (ALCE) in meaning, but against gold spans instead of a model's
verdict; over characters as in Chroma's chunking evaluation (Smith and Troynikov 2024), over sentences as in HotpotQA's
supporting facts (Yang et al. 2018).
"""

from eval.measures.measure import Measure, Row, mean, ratio
from eval.outcome import Outcome
from eval.suite import Place


def span_validity(outcome: Outcome) -> Row | None:
    """Share of all spans with `text[start:end] == quote` in the document itself. Anything but 1 is a bug."""
    documents = outcome.suite.documents
    good = sum(
        s.document in documents and documents[s.document].text[s.start : s.end] == s.quote for s in outcome.sources
    )
    return (float(good), float(len(outcome.sources))) if outcome.sources else None


def uncited(outcome: Outcome) -> Row | None:
    """Share of the answers' sentences that cite nothing, or a source that is not there."""
    if outcome.answer is None or not outcome.answer.claims:
        return None
    numbers = range(1, len(outcome.sources) + 1)
    bad = sum(not c.citations or any(n not in numbers for n in c.citations) for c in outcome.answer.claims)
    return float(bad), float(len(outcome.answer.claims))


def precision_characters(outcome: Outcome) -> Row | None:
    """Share of the cited characters that are gold; the mean over answerable questions that were answered."""
    if not outcome.question.gold or not outcome.sources:
        return None
    cited = _cited_characters(outcome)
    return (len(cited & _gold_characters(outcome)) / len(cited),)


def recall_characters(outcome: Outcome) -> Row | None:
    """Share of the gold characters that are cited; the mean over answerable questions, none cited counts 0."""
    if not outcome.question.gold:
        return None
    gold = _gold_characters(outcome)
    return (len(_cited_characters(outcome) & gold) / len(gold),)


def precision_sentences(outcome: Outcome) -> Row | None:
    """Share of the cited sentences that hold something of a gold span; the mean over questions that were answered."""
    if not outcome.question.gold or not outcome.sources:
        return None
    cited = _cited_sentences(outcome)
    return (len(cited & outcome.gold_sentences) / max(1, len(cited)),)


def recall_sentences(outcome: Outcome) -> Row | None:
    """Share of the sentences with something of a gold span that are cited; the mean, none cited counts 0."""
    if not outcome.gold_sentences:
        return None
    return (len(_cited_sentences(outcome) & outcome.gold_sentences) / len(outcome.gold_sentences),)


def f1_sentences(outcome: Outcome) -> Row | None:
    """Mean F1 of cited and gold sentences, none cited counts 0 (HotpotQA's supporting-fact F1)."""
    if not outcome.gold_sentences:
        return None
    cited = _cited_sentences(outcome)
    return (2 * len(cited & outcome.gold_sentences) / (len(cited) + len(outcome.gold_sentences)),)


def _gold_characters(outcome: Outcome) -> set[tuple[str, int]]:
    return {(gold.doc_id, at) for gold in outcome.question.gold_spans for at in range(gold.start, gold.end)}


def _cited_characters(outcome: Outcome) -> set[tuple[str, int]]:
    return {(span.document, at) for span in outcome.sources for at in range(span.start, span.end)}


def _cited_sentences(outcome: Outcome) -> set[tuple[str, int]]:
    places = (Place(span.document, span.start, span.end) for span in outcome.sources)
    return {sentence for place in places for sentence in outcome.sentences_at(place)}


MEASURES = [
    Measure("span_validity", span_validity, ratio),
    Measure("uncited", uncited, ratio, higher_is_better=False),
    Measure("citation_precision", precision_sentences, mean),
    Measure("citation_recall", recall_sentences, mean),
    Measure("citation_f1", f1_sentences, mean),
    Measure("citation_precision_characters", precision_characters, mean),
    Measure("citation_recall_characters", recall_characters, mean),
]
