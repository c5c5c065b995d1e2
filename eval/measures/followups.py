"""Is a follow-up made to stand alone? Compared with the question as a person rewrote it."""

from collections import Counter

from eval.measures.answering import normalised
from eval.measures.measure import Measure, Row, mean
from eval.outcome import Outcome


def unigram_recall(text: str, gold: str) -> float:
    """Return the share of the gold text's tokens that are in the text, normalised: ROUGE-1 recall (Lin 2004)."""
    tokens, wanted = Counter(normalised(text).split()), Counter(normalised(gold).split())
    return sum((tokens & wanted).values()) / max(1, sum(wanted.values()))


def rewrite_recall(outcome: Outcome) -> Row | None:
    """Share of the words of a person's rewrite that were searched for (ROUGE-1 recall as in Anantha et al. 2021).

    Only follow-ups with a gold rewrite count.
    """
    if not (outcome.question.history and outcome.question.rewrite):
        return None
    searched = outcome.answer.searched if outcome.answer else ""
    return (unigram_recall(searched, outcome.question.rewrite),)


MEASURES = [Measure("rewrite_recall", rewrite_recall, mean)]
