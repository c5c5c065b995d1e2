"""Fit the threshold of the gate on a suite with answerable and unanswerable questions, and say how good it is.

    python -m eval.calibrate SUITE [--without-cross-encoder] [--write]

Every question goes through the chain's own stages up to reading; its confidence is the best sentence's score. The
threshold is the highest that refuses at most MAX_LOST of the answerable questions: a wrong refusal costs a person more
than a weak answer whose source is one line below. Precision and recall are of the refusals: of the refused questions,
the share that is unanswerable; of the unanswerable questions, the share that is refused. AUC is the area under the ROC
curve (Fawcett 2006), the chance that an answerable question scores higher than an unanswerable one. With --write,
threshold and risk-coverage curve are stored.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from eval.evaluate import identity_of
from eval.formats import read_suite
from eval.measures import estimate, measure_named
from eval.measures.abstention import confidence, would_be_wrong
from eval.outcome import Outcome
from eval.preparing import prepare_suite
from eval.run import forget, run
from eval.stages import open_ablated
from eval.systems import ChainSystem
from rag.abstention import Gate, Point
from rag.settings import Settings

MAX_LOST = 0.02
SHARES = (0.0, MAX_LOST, 0.05, 0.1, 0.2, 0.3, 0.5)  # of the answerable questions that the curve's thresholds may lose
GATES = Path(__file__).resolve().parent.parent / "rag" / "abstention.json"


def fit(answerable: Sequence[float], max_lost: float = MAX_LOST) -> float:
    """Return the highest threshold below which at most `max_lost` of the scores lie, to two decimals.

    Example: scores 1, 2, 3, 4 with max_lost 0.25: 2 (refusing 1 loses a quarter).
    """
    scores = sorted(answerable)
    return math.floor(scores[int(len(scores) * max_lost)] * 100) / 100


@dataclass(frozen=True)
class Labelled:
    """A question's confidence, whether the documents answer it, and whether answering it would be wrong."""

    confidence: float
    answerable: bool
    wrong: bool


def labelled(outcomes: Sequence[Outcome]) -> list[Labelled]:
    """Return what the fit needs to know of each question."""
    return [Labelled(confidence(o), o.question.answerable, would_be_wrong(o)) for o in outcomes]


def curve(questions: Sequence[Labelled]) -> tuple[Point, ...]:
    """Return the thresholds that lose ever more of the answerable questions, lowest first, and what each does."""
    scores = [question.confidence for question in questions if question.answerable]
    return tuple(point(questions, threshold) for threshold in sorted({fit(scores, share) for share in SHARES}))


def point(questions: Sequence[Labelled], threshold: float) -> Point:
    """Return what a threshold does. Nothing refused is refused rightly, nothing answered is without risk."""
    answered = [question for question in questions if question.confidence >= threshold]
    refused = [question for question in questions if question.confidence < threshold]
    rightly = sum(not question.answerable for question in refused)
    answerable = sum(question.answerable for question in questions)
    return Point(
        threshold,
        coverage=_share(len(answered), len(questions), 1.0),
        risk=_share(sum(question.wrong for question in answered), len(answered), 0.0),
        precision=_share(rightly, len(refused), 1.0),
        recall=_share(rightly, len(questions) - answerable, 1.0),
        lost=_share(len(refused) - rightly, answerable, 0.0),
    )


def gate_for(reranker: str, questions: Sequence[Labelled], fitted_on: str) -> Gate:
    """Return the gate fitted to the questions."""
    chosen = point(questions, fit([question.confidence for question in questions if question.answerable]))
    return Gate(reranker, chosen.threshold, chosen.precision, chosen.recall, fitted_on, curve(questions))


def write(gate: Gate) -> None:
    """Store a gate in place of the one for the same reranker."""
    others = [other for other in json.loads(GATES.read_text("utf-8")) if other["reranker"] != gate.reranker]
    gates = sorted([*others, asdict(gate)], key=lambda values: str(values["reranker"]))
    GATES.write_text(json.dumps(gates, indent=2) + "\n", "utf-8")


def _share(part: int, whole: int, otherwise: float) -> float:
    return round(part / whole, 3) if whole else otherwise


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
    questions = labelled(outcomes)
    for found in curve(questions):
        print("  ".join(f"{name} {value:.3f}" for name, value in asdict(found).items()))
    if options.write:
        write(gate_for(name, questions, f"{prepared.suite.name}, {len(outcomes)} questions"))
    forget(prepared.suite, identity)


if __name__ == "__main__":
    main()
