"""What a measure is: numbers of single questions, and how they become one number.

A question gives a row of numbers, or None where the measure says nothing about it. A question that failed with an error
is not left out where it should have been answered or refused: it counts as the worst. The interval is the percentile
bootstrap over questions (Efron and Tibshirani 1993, chapter 13); two systems are compared with a paired randomisation
test (Fisher 1935; for retrieval: Smucker, Allan and Carterette 2007).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.outcome import Outcome

Row = tuple[float, ...]
Rows = NDArray[np.float64]
RESAMPLES = 1_000
SHUFFLES = 2_000
SEED = 20_260


@dataclass(frozen=True)
class Measure:
    """A measure by name. `row` gives a question's numbers, `total` makes one of all, shape (questions, numbers)."""

    name: str
    row: Callable[[Outcome], Row | None]
    total: Callable[[Rows], float]
    higher_is_better: bool = True

    @property
    def definition(self) -> str:
        """Return the first paragraph of the description of the function that gives the rows."""
        return " ".join((self.row.__doc__ or "").split("\n\n")[0].split())


@dataclass(frozen=True)
class Estimate:
    """A measure's value over `n` questions, with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


def ratio(rows: Rows) -> float:
    """Return the sum of the first column over the sum of the second; nan if that is nothing."""
    over = rows[:, 1].sum()
    return float(rows[:, 0].sum() / over) if over else float("nan")


def mean(rows: Rows) -> float:
    """Return the mean of the only column."""
    return float(rows[:, 0].mean())


def estimate(measure: Measure, rows: Sequence[Row]) -> Estimate | None:
    """Return the value and its 95 % interval; None if no question counts for the measure."""
    table = np.array(rows, np.float64)
    if not len(table) or np.isnan(value := measure.total(table)):
        return None
    random = np.random.default_rng(SEED)
    values = [measure.total(table[random.integers(0, len(table), len(table))]) for _ in range(RESAMPLES)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Estimate(value, float(low), float(high), len(table))


def paired_test(measure: Measure, before: Sequence[Row], after: Sequence[Row]) -> float:
    """Return the chance of a difference at least this large if the two systems were the same; row i is question i."""
    a, b = np.array(before, np.float64), np.array(after, np.float64)
    found = abs(measure.total(b) - measure.total(a))
    random = np.random.default_rng(SEED)
    differences = []
    for _ in range(SHUFFLES):
        swap = random.random(len(a)) < 0.5
        one, other = np.where(swap[:, None], b, a), np.where(swap[:, None], a, b)
        differences.append(abs(measure.total(one) - measure.total(other)))
    told = [difference for difference in differences if not np.isnan(difference)]
    return (sum(difference >= found - 1e-12 for difference in told) + 1) / (len(told) + 1)
