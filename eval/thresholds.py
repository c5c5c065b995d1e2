"""Thresholds that a run must not fall below (above, where lower is better). They only ever go up."""

import tomllib
from collections.abc import Iterator, Mapping
from math import isnan
from pathlib import Path
from typing import Any

from eval.measures import measure_named
from index.errors import RagError

FILE = Path(__file__).parent / "thresholds.toml"


class ThresholdError(RagError):
    """A measure is worse than its threshold, or a threshold cannot be read."""


def read_thresholds(path: Path, suite: str) -> dict[str, float]:
    """Return the thresholds of a suite. Raises ThresholdError."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ThresholdError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ThresholdError(f"{path}: {error}") from error
    values = table.get(suite)
    if not isinstance(values, dict):
        raise ThresholdError(f"{path}: no thresholds for the suite {suite!r} (a table [{suite}])")
    for name, value in values.items():
        measure_named(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or isnan(value):
            raise ThresholdError(f"{path}: the threshold of {name} is no number")
    return values


def missed(report: Mapping[str, Any], thresholds: Mapping[str, float]) -> Iterator[str]:
    """Yield a sentence for each threshold that is missed; a measure that could not be taken misses its own."""
    for name, threshold in thresholds.items():
        found = report["measures"].get(name)
        value = found["value"] if found else None
        higher = measure_named(name).higher_is_better
        if value is None or (value < threshold if higher else value > threshold):
            shown = "nothing" if value is None else f"{value:.3f}"
            yield f"{name} is {shown}, the threshold is {'at least' if higher else 'at most'} {threshold}"
