"""Is "not in the documents" said when it is so, and only then.

Precision, recall and F1 take a refusal for the positive. The risk-coverage curve (El-Yaniv and Wiener 2010) orders the
questions by confidence: at each coverage (the share that is answered), risk is the share of those that is answered
wrongly. Its area is the mean risk over all coverages (Geifman, Uziel and El-Yaniv 2019).
"""

import numpy as np

from eval.measures.answering import holds_gold
from eval.measures.measure import Measure, Row, Rows, mean
from eval.outcome import Outcome

NOTHING = -1e9


def abstention_precision(outcome: Outcome) -> Row | None:
    """Of the refused questions, the share that the documents do not answer."""
    return (float(not outcome.question.answerable),) if outcome.refused else None


def abstention_recall(outcome: Outcome) -> Row | None:
    """Of the questions that the documents do not answer, the share that is refused."""
    return None if outcome.question.answerable else (float(outcome.refused),)


def refused_wrongly(outcome: Outcome) -> Row | None:
    """Of the questions that the documents answer, the share that is refused, or fails."""
    return (float(outcome.refused or outcome.answer is None),) if outcome.question.answerable else None


def abstention_f1(outcome: Outcome) -> Row | None:
    """Harmonic mean of the two: 2 TP / (refused + unanswerable)."""
    rightly = outcome.refused and not outcome.question.answerable
    return 2.0 * rightly, float(outcome.refused), float(not outcome.question.answerable)


def confidence(outcome: Outcome) -> float:
    """Return how sure the answer is; with nothing to read, less than anything; after an error, what counts worst."""
    if outcome.answer is None:
        return NOTHING if outcome.question.answerable else -NOTHING
    return NOTHING if outcome.answer.confidence is None else outcome.answer.confidence


def auc(outcome: Outcome) -> Row | None:
    """Chance that an answerable question has more confidence than an unanswerable one (ROC, Fawcett 2006)."""
    return confidence(outcome), float(outcome.question.answerable)


def aurc(outcome: Outcome) -> Row | None:
    """Area under the risk-coverage curve: the mean, over all shares answered, of the share of those that is wrong.

    A question is answered wrongly if the documents do not answer it, or no cited sentence would hold a gold answer; the
    gate is left open. Where no gold answer is known, an answer to an answerable question passes for right.
    """
    return confidence(outcome), float(would_be_wrong(outcome))


def would_be_wrong(outcome: Outcome) -> bool:
    """Say whether answering, with the gate open, is wrong."""
    if outcome.answer is None or not outcome.question.answerable or not outcome.asked.ungated:
        return True
    return outcome.has_gold and not holds_gold(outcome, outcome.asked.ungated)


def risk_coverage(rows: Rows) -> tuple[Rows, Rows]:
    """Return (coverage, risk) from rows of (confidence, wrong), the surest question first.

    Questions of one confidence have no order among them: each counts with their mean.
    """
    _, groups = np.unique(rows[:, 0], return_inverse=True)
    wrong = (np.bincount(groups, rows[:, 1]) / np.bincount(groups))[groups]
    wrong = wrong[np.argsort(-rows[:, 0], kind="stable")]
    answered = np.arange(1, len(wrong) + 1)
    return answered / len(wrong), np.cumsum(wrong) / answered


def _f1(rows: Rows) -> float:
    twice_right, refused, unanswerable = rows.sum(0)
    return float(twice_right / (refused + unanswerable)) if unanswerable else float("nan")


def _area_under_roc(rows: Rows) -> float:
    yes, no = np.sort(rows[rows[:, 1] == 1, 0]), rows[rows[:, 1] == 0, 0]
    if not len(yes) or not len(no):
        return float("nan")
    below = np.searchsorted(yes, no, "left") + np.searchsorted(yes, no, "right")
    return float(1 - below.sum() / (2 * len(yes) * len(no)))


def _area_under_risk_coverage(rows: Rows) -> float:
    return float(risk_coverage(rows)[1].mean())


MEASURES = [
    Measure("abstention_precision", abstention_precision, mean),
    Measure("abstention_recall", abstention_recall, mean),
    Measure("abstention_f1", abstention_f1, _f1),
    Measure("refused_wrongly", refused_wrongly, mean, higher_is_better=False),
    Measure("auc", auc, _area_under_roc),
    Measure("aurc", aurc, _area_under_risk_coverage, higher_is_better=False),
]
