"""What became of the sentences that a language model wrote. Questions that no model was asked about do not count."""

from eval.measures.measure import Measure, Row, mean, ratio
from eval.outcome import Outcome
from rag.answer import Fault, Support, Writing
from rag.mentions import new_numbers


def supported(outcome: Outcome) -> Row | None:
    """Share of the sentences that a language model wrote which the passages they cite support."""
    writing = _writing(outcome)
    return (float(writing.sentences - len(writing.rejected)), float(writing.sentences)) if writing else None


def dropped(outcome: Outcome) -> Row | None:
    """Share of the sentences that a language model wrote which are not shown, or are marked, as not supported."""
    writing = _writing(outcome)
    return (float(len(writing.rejected)), float(writing.sentences)) if writing else None


def written_numbers(outcome: Outcome) -> Row | None:
    """Share of the sentences that a language model wrote with a number that no passage they cite has."""
    writing = _writing(outcome)
    return (float(writing.faults.get(Fault.NUMBER, 0)), float(writing.sentences)) if writing else None


def shown_numbers(outcome: Outcome) -> Row | None:
    """Share of the sentences shown as supported with a number that no quote of theirs has. Anything but 0 is a bug."""
    if outcome.answer is None or not outcome.answer.claims:
        return None
    claims = [claim for claim in outcome.answer.claims if claim.support is Support.SUPPORTED]
    quoted = [" ".join(outcome.sources[n - 1].quote for n in claim.citations) for claim in claims]
    invented = sum(bool(new_numbers(claim.text, quotes)) for claim, quotes in zip(claims, quoted, strict=True))
    return float(invented), float(len(claims))


def fallback(outcome: Outcome) -> Row | None:
    """Share of the questions put to a language model that were answered with quotes instead."""
    answer = outcome.answer
    return (float(bool(answer.writing.failure)),) if answer and answer.writing else None


def _writing(outcome: Outcome) -> Writing | None:
    answer = outcome.answer
    return answer.writing if answer and answer.writing and answer.writing.sentences else None


MEASURES = [
    Measure("written_supported", supported, ratio),
    Measure("written_dropped", dropped, ratio, higher_is_better=False),
    Measure("written_numbers_invented", written_numbers, ratio, higher_is_better=False),
    Measure("shown_numbers_invented", shown_numbers, ratio, higher_is_better=False),
    Measure("written_fallback", fallback, mean, higher_is_better=False),
]
