"""The gate: whether the best passage is good enough to answer from. Otherwise "not in the documents".

The threshold belongs to one reranker and is fitted on questions labelled answerable or not by `python -m
eval.calibrate`; `abstention.json` holds it with the precision and recall it had there and the curve that `--threshold`
moves along, and docs/evaluation.md repeats them.
"""

import json
from dataclasses import dataclass
from importlib.resources import files

from index.errors import ModelError
from rag.reranking import Reranker


@dataclass(frozen=True)
class Point:
    """What a threshold did to the questions it was tried on; all but the threshold are shares, 0 to 1.

    Risk and coverage are as in El-Yaniv and Wiener 2010: `coverage` of the questions were answered, and `risk` of those
    wrongly. `precision` and `recall` are of the refusals; `lost` of the answerable questions were refused.
    """

    threshold: float
    coverage: float
    risk: float
    precision: float
    recall: float
    lost: float


@dataclass(frozen=True)
class Gate:
    """Answer if the best score reaches `threshold`; precision and recall are of the abstentions, None if unknown.

    `curve` says what other thresholds would do, lowest first.
    """

    reranker: str
    threshold: float
    precision: float | None
    recall: float | None
    fitted_on: str
    curve: tuple[Point, ...] = ()

    def passes(self, confidence: float | None) -> bool:
        """Say whether to answer. With nothing to read there is no confidence, and no answer."""
        return confidence is not None and confidence >= self.threshold


@dataclass(frozen=True)
class Judge:
    """A reranker, and the gate that is fitted to its scores."""

    reranker: Reranker
    gate: Gate


def load_gate(reranker: str, threshold: float | None = None) -> Gate:
    """Return the fitted gate of a reranker, or one with the threshold that is given. Raises ModelError."""
    if threshold is not None:
        return Gate(reranker, threshold, None, None, "set by hand")
    for values in json.loads(files("rag").joinpath("abstention.json").read_text("utf-8")):
        if values["reranker"] == reranker:
            return Gate(**{**values, "curve": tuple(Point(**point) for point in values.get("curve", ()))})
    raise ModelError(f"no threshold was fitted for the reranker {reranker}: give one with --threshold")
