"""How often the support check is wrong: claims that people know to be right or wrong, each with its passage.

`claims.jsonl` has one object a line: `passage`, `right_answer`, `hallucinated_answer` (HaluEval QA, Li et al. 2023).
Each answer is checked as if a language model had written it and cited the passage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.suite import SuiteError, at_line, rows_of, text_field
from index.chunking import Chunk, Sentence
from index.parsing.plain import blocks as plain_blocks
from index.records import StoredChunk
from index.search import Hit
from index.sentences import split_sentences
from rag.candidates import RankedHit
from rag.support import MIN_COVERAGE, supported_by

FILE = "claims.jsonl"
CURVE = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # shares of content words, of which MIN_COVERAGE is the one in use


@dataclass(frozen=True)
class LabelledClaim:
    """A claim, the passage that it is about, and whether the passage says it."""

    text: str
    passage: RankedHit
    is_right: bool


def passage_hit(text: str, name: str = "passage.txt") -> RankedHit:
    """Return a text as the one chunk of a document that a search has found."""
    sentences = [
        Sentence(start, end)
        for block in plain_blocks(text)
        for start, end in split_sentences(text, block.start, block.end)
    ]
    stored = StoredChunk(1, "claims", 1, name, text, Chunk(0, len(text), (), tuple(sentences)))
    return RankedHit(Hit(stored, 1.0, None, None), 1.0)


def read_claims(path: Path) -> list[LabelledClaim]:
    """Read a file of claims. Raises SuiteError naming the line and what is wrong with it."""
    claims = []
    for number, row in rows_of(path):
        with at_line(path, number):
            passage = passage_hit(text_field(row, "passage"))
            claims.append(LabelledClaim(text_field(row, "right_answer"), passage, is_right=True))
            claims.append(LabelledClaim(text_field(row, "hallucinated_answer"), passage, is_right=False))
    if not claims:
        raise SuiteError(f"{path}: no claims")
    return claims


def claims_report(path: Path, limit: int | None = None) -> dict[str, Any]:
    """Return how many right and wrong claims the check keeps, for several strictnesses."""
    claims = read_claims(path)[: 2 * limit if limit else None]
    return {
        "suite": path.resolve().parent.name,
        "claims": len(claims),
        "minimum_in_use": MIN_COVERAGE,
        "curve": [_point(claims, minimum) for minimum in CURVE],
    }


def _point(claims: Sequence[LabelledClaim], minimum: float) -> dict[str, float]:
    kept: dict[bool, list[bool]] = {True: [], False: []}
    for claim in claims:
        kept[claim.is_right].append(supported_by(claim.text, (1,), [claim.passage], minimum).is_supported)
    right, wrong = (sum(kept[label]) / len(kept[label]) for label in (True, False))
    return {"minimum": minimum, "right_kept": right, "wrong_kept": wrong, "balanced_accuracy": (right + 1 - wrong) / 2}


def claims_lines(report: dict[str, Any]) -> list[str]:
    """Return the curve as lines of text; the strictness in use is marked."""
    lines = [f"{report['suite']}: {report['claims']} claims", ""]
    lines += [f"{'words that must stand there':<30}{'right kept':>12}{'wrong kept':>12}{'balanced accuracy':>20}"]
    for point in report["curve"]:
        mark = "  in use" if point["minimum"] == report["minimum_in_use"] else ""
        kept = f"{point['right_kept']:>12.3f}{point['wrong_kept']:>12.3f}{point['balanced_accuracy']:>20.3f}"
        lines.append(f"{point['minimum']:<30.1f}{kept}{mark}")
    return lines
