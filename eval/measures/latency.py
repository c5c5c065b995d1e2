"""How long a warm answer takes: seconds from question to verified answer, in one process, models loaded."""

import numpy as np

from eval.measures.measure import Measure, Row, Rows
from eval.outcome import Outcome


def seconds(outcome: Outcome) -> Row | None:
    """Seconds from question to verified answer, this percentile of the questions."""
    return None if outcome.asked.error else (outcome.asked.seconds,)


def _percentile(share: int) -> Measure:
    def total(rows: Rows) -> float:
        return float(np.percentile(rows[:, 0], share))

    return Measure(f"seconds_p{share}", seconds, total, higher_is_better=False)


MEASURES = [_percentile(50), _percentile(95)]
