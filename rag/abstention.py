"""The gate: whether the best passage is good enough to answer from. Otherwise "not in the documents".

The threshold belongs to one reranker and is fitted on questions labelled answerable or not by `python -m
eval.calibrate`; `abstention.json` holds it with the precision and recall it had there, and docs/evaluation.md
repeats them.
"""

import json
from dataclasses import dataclass
from importlib.resources import files

from index.errors import ModelError


@dataclass(frozen=True)
class Gate:
    """Answer if the best score reaches `threshold`; precision and recall are of the abstentions."""

    reranker: str
    threshold: float
    precision: float
    recall: float
    fitted_on: str

    def passes(self, confidence: float) -> bool:
        """Say whether to answer."""
        return confidence >= self.threshold


def load_gate(reranker: str, threshold: float | None = None) -> Gate:
    """Return the fitted gate of a reranker, with another threshold if one is given."""
    for values in json.loads(files("rag").joinpath("abstention.json").read_text("utf-8")):
        gate = Gate(**values)
        if gate.reranker == reranker:
            return gate if threshold is None else Gate(reranker, threshold, gate.precision, gate.recall, "set by hand")
    raise ModelError(f"no threshold was fitted for the reranker {reranker}")
