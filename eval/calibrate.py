"""Fit the threshold of the gate on a suite with answerable and unanswerable questions, and say how good it is.

    python -m eval.calibrate SUITE [--without-cross-encoder] [--write]

Every question goes through the chain's own stages up to reading; its confidence is the best sentence's score. The
threshold is the highest that refuses at most MAX_LOST of the answerable questions: a wrong refusal costs a person more
than a weak answer whose source is one line below. Precision and recall are of the refusals: of the refused questions,
the share that is unanswerable; of the unanswerable questions, the share that is refused. AUC is the area under the ROC
curve (Fawcett 2006), the chance that an answerable question scores higher than an unanswerable one.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from eval.evaluate import identity_of
from eval.formats import read_suite
from eval.measures import estimate, measure_named
from eval.measures.abstention import at_threshold, confidence
from eval.preparing import prepare_suite
from eval.run import forget, run
from eval.stages import open_ablated
from eval.systems import ChainSystem
from rag.abstention import Gate
from rag.settings import Settings

MAX_LOST = 0.02
GATES = Path(__file__).resolve().parent.parent / "rag" / "abstention.json"


def fit(answerable: Sequence[float], max_lost: float = MAX_LOST) -> float:
    """Return the highest threshold below which at most `max_lost` of the scores lie, to two decimals.

    Example: scores 1, 2, 3, 4 with max_lost 0.25: 2 (refusing 1 loses a quarter).
    """
    scores = sorted(answerable)
    return math.floor(scores[int(len(scores) * max_lost)] * 100) / 100


def main() -> None:
    """Fit, print the curve, and with --write store the threshold."""
    parser = argparse.ArgumentParser(description="Fit the threshold of the gate on a suite.")
    parser.add_argument("suite", type=Path)
    parser.add_argument("--write", action="store_true", help=f"store the threshold in {GATES.name}")
    parser.add_argument("--without-cross-encoder", action="store_true", help="fit the stand-in, cosine similarity")
    options = parser.parse_args()
    settings = Settings.from_environment()
    prepared = prepare_suite(read_suite(options.suite), settings)
    without = frozenset({"gate", "cross-encoder"} if options.without_cross_encoder else {"gate"})
    chain = open_ablated(prepared.settings, without)
    name = chain.judge.reranker.name
    identity = (*identity_of(settings, chain), sorted(without))
    outcomes = run(prepared.suite, ChainSystem(chain, prepared.ids), identity)
    for measure in map(measure_named, ("auc", "aurc", "contains", "sentences")):
        rows = [row for outcome in outcomes if (row := measure.row(outcome)) is not None]
        print(measure.name, estimate(measure, rows))
    if not any(outcome.question.answerable for outcome in outcomes):
        raise SystemExit("the suite has no answerable question")
    scores = sorted(confidence(outcome) for outcome in outcomes if outcome.question.answerable)
    threshold = fit(scores)
    for at in sorted({*(scores[len(scores) * share // 100] for share in (0, 5, 10, 20, 30, 50)), threshold}):
        print(f"threshold {at:6.2f}  " + "  ".join(f"{k} {v:.3f}" for k, v in at_threshold(outcomes, at).items()))
    if options.write:
        values = at_threshold(outcomes, threshold)
        gates = [gate for gate in json.loads(GATES.read_text("utf-8")) if gate["reranker"] != name]
        fitted_on = f"{prepared.suite.name}, {len(outcomes)} questions"
        gates.append(asdict(Gate(name, threshold, values["precision"], values["recall"], fitted_on)))
        GATES.write_text(json.dumps(sorted(gates, key=lambda gate: str(gate["reranker"])), indent=2) + "\n", "utf-8")
    forget(prepared.suite, identity)


if __name__ == "__main__":
    main()
