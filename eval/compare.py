"""What changed from one report to another, measure by measure and question by question."""

import json
from collections.abc import Iterator, Mapping
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np

from eval.measures import MEASURES, paired_test
from eval.report import VERSION
from index.errors import RagError

SHOWN = 200


class ReportError(RagError):
    """A file is not a report, or two reports cannot be compared."""


def read_report(path: Path) -> dict[str, Any]:
    """Read a report. Raises ReportError."""
    try:
        report = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ReportError(f"{path}: not a report ({error})") from error
    if not isinstance(report, dict) or "version" not in report or "questions" not in report:
        raise ReportError(f"{path}: not a report of `rag eval --json`")
    if report["version"] != VERSION:
        raise ReportError(f"{path}: a report of another version ({report['version']}, this is {VERSION})")
    return report


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the differences of the measures, with the p-value of a paired test, and the questions that changed.

    Only questions that both reports have are compared. Raises ReportError if there are none.
    """
    old = {q["qid"]: q for q in before["questions"]}
    new = {q["qid"]: q for q in after["questions"]}
    both = [qid for qid in old if qid in new and old[qid]["question"] == new[qid]["question"]]
    if not both:
        raise ReportError("the two reports have no question in common")
    measures = {}
    for name, measure in MEASURES.items():
        pairs = [
            (old[qid]["measures"][name], new[qid]["measures"][name])
            for qid in both
            if name in old[qid]["measures"] and name in new[qid]["measures"]
        ]
        rows = [row for row, _ in pairs], [row for _, row in pairs]
        values = [measure.total(np.array(side, np.float64)) if side else nan for side in rows]
        if not any(map(isnan, values)):
            measures[name] = {
                "before": values[0],
                "after": values[1],
                "difference": values[1] - values[0],
                "p": paired_test(measure, *rows),
                "n": len(pairs),
            }
    changed = [
        {
            "qid": qid,
            "question": new[qid]["question"],
            "right": [old[qid]["right"], new[qid]["right"]],
            "before": _said(old[qid]),
            "after": _said(new[qid]),
        }
        for qid in both
        if _said(old[qid]) != _said(new[qid])
    ]
    return {
        "before": before.get("commit"),
        "after": after.get("commit"),
        "questions": len(both),
        "not_in_both": len(old.keys() ^ new.keys()) + len(old.keys() & new.keys()) - len(both),
        "measures": measures,
        "changed": changed,
    }


def comparison_lines(comparison: Mapping[str, Any]) -> Iterator[str]:
    """Yield the comparison as lines of text: what got worse first."""
    left_out = comparison["not_in_both"]
    yield f"{comparison['questions']} questions in both" + (f", {left_out} in one only" if left_out else "")
    yield ""
    yield f"{'measure':<30}{'before':>8}{'after':>8}{'change':>9}{'p':>8}{'n':>6}"
    for name, found in comparison["measures"].items():
        yield (
            f"{name:<30}{found['before']:>8.3f}{found['after']:>8.3f}{found['difference']:>+9.3f}"
            f"{found['p']:>8.3f}{found['n']:>6}"
        )
    titles = {
        (True, False): "WORSE",
        (False, True): "BETTER",
        (False, False): "still wrong",
        (True, True): "still right",
    }
    for key, title in titles.items():
        for question in comparison["changed"]:
            if tuple(question["right"]) == key:
                yield ""
                yield f"{title}: {question['question']} ({question['qid']})"
                yield f"  - {question['before'][:SHOWN]}"
                yield f"  + {question['after'][:SHOWN]}"


def _said(question: Mapping[str, Any]) -> str:
    if question["error"]:
        return f"error: {question['error']}"
    if question["refused"]:
        return "not in the documents"
    return " ".join(claim["text"] for claim in question["answer"]["claims"])
