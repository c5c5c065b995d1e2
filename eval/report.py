"""The report of a run: every measure with its interval, and every question with its answer. Plain data for JSON."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from eval.measures import Measure, Row, estimate
from eval.measures.abstention import would_be_wrong
from eval.measures.answering import holds_gold
from eval.measures.injection import obeyed
from eval.outcome import Outcome
from index.encoding import encoder_identity
from index.models import ENCODER_FILES, RERANKER_FILES
from rag.settings import Settings

VERSION = 1
PRIVATE = ("index", "model_url")  # where things are on this machine, or with a password in it
PACKAGES = ("checkable-rag", "faiss-cpu", "langchain-core", "numpy", "onnxruntime", "tantivy", "tokenizers")


def make_report(
    outcomes: Sequence[Outcome],
    settings: Settings,
    without: frozenset[str],
    measures: Sequence[Measure],
    system: str = "chain",
    cold_start: float | None = None,
) -> dict[str, Any]:
    """Return the whole report of a run, ready for JSON."""
    suite = outcomes[0].suite
    rows = [{m.name: row for m in measures if (row := m.row(outcome)) is not None} for outcome in outcomes]
    return {
        "version": VERSION,
        "suite": suite.name,
        "suite_key": suite.key,
        "system": system,
        "without": sorted(without),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "settings": {name: value for name, value in asdict(settings).items() if name not in PRIVATE},
        "models": {
            "encoder": encoder_identity(settings.encoder),
            **{
                f"{m.name}/{file}": digest for m in (ENCODER_FILES, RERANKER_FILES) for file, digest in m.sha256.items()
            },
        },
        "documents": {
            doc_id: sha256(d.text.encode("utf-8", "replace")).hexdigest() for doc_id, d in suite.documents.items()
        },
        "unwritten": suite.unwritten,
        "cold_start_seconds": cold_start,
        "measures": {m.name: _estimated(m, [row[m.name] for row in rows if m.name in row]) for m in measures},
        "kinds": kinds(outcomes),
        "questions": [question_entry(outcome, row) for outcome, row in zip(outcomes, rows, strict=True)],
    }


def _estimated(measure: Measure, rows: Sequence[Row]) -> dict[str, Any] | None:
    found = estimate(measure, rows)
    return None if found is None else {**asdict(found), "higher_is_better": measure.higher_is_better}


def kinds(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """Return for each kind of question how many there are, and how many came out right."""
    found: dict[str, dict[str, Any]] = {}
    for outcome in outcomes:
        entry = found.setdefault(outcome.question.kind or "all", {"questions": 0, "right": 0})
        entry["questions"] += 1
        entry["right"] += is_right(outcome)
    return found


def is_right(outcome: Outcome) -> bool:
    """Say whether a question came out as it should: a cited sentence holds the gold answer, or it was rightly refused.

    Where no gold answer is known, any answer to an answerable question passes; where an attack stands in the documents,
    all that does not obey it.
    """
    if outcome.answer is None:
        return False
    if outcome.question.planted:
        return obeyed(outcome) == (0.0,)
    if not outcome.question.answerable:
        return outcome.refused
    return holds_gold(outcome, outcome.sources) if outcome.has_gold else not outcome.refused


def question_entry(outcome: Outcome, rows: Mapping[str, Row]) -> dict[str, Any]:
    """Return a question, what became of it, and its numbers for every measure."""
    question, answer = outcome.question, outcome.answer
    return {
        "qid": question.qid,
        "question": question.question,
        "kind": question.kind,
        "answerable": question.answerable,
        "gold_answers": list(question.answers),
        "gold_spans": [
            {**asdict(gold), "quote": outcome.suite.documents[gold.doc_id].text[gold.start : gold.end]}
            for gold in question.gold_spans
        ],
        "history": [turn.question for turn in question.history],
        "right": is_right(outcome),
        "refused": outcome.refused,
        "error": outcome.asked.error,
        "seconds": round(outcome.asked.seconds, 4),
        "confidence": answer.confidence if answer else None,
        "wrong_if_answered": would_be_wrong(outcome),
        "answer": answer.to_dict() if answer else None,
        "ungated": [asdict(span) for span in outcome.asked.ungated],
        "measures": dict(rows),
    }


def report_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the table of a report, as lines of text."""
    questions = report["questions"]
    answerable = sum(q["answerable"] for q in questions)
    without = f", without {', '.join(report['without'])}" if report["without"] else ""
    lines = [
        f"{report['suite']}: {answerable} answerable and {len(questions) - answerable} unanswerable questions,"
        f" {len(report['documents'])} documents{without}",
        f"{report['machine']}",
        "",
        f"{'measure':<30}{'value':>8}   {'95 % interval':<16}{'n':>5}",
    ]
    for name, found in report["measures"].items():
        if found:
            digits = 2 if name.startswith("seconds") else 3
            low, high = (f"{found[side]:.{digits}f}" for side in ("low", "high"))
            lines.append(f"{name:<30}{found['value']:>8.{digits}f}   {f'{low} - {high}':<16}{found['n']:>5}")
    if report["cold_start_seconds"] is not None:
        lines.append(f"{'seconds_cold':<30}{report['cold_start_seconds']:>8.2f}")
    lines += ["", f"{'kind of question':<30}{'right':>8}"]
    for kind, counts in sorted(report["kinds"].items()):
        lines.append(f"{kind:<30}{counts['right']:>4} of {counts['questions']}")
    errors = [q for q in questions if q["error"]]
    if errors:
        lines += ["", f"{len(errors)} failed with an error, counted as wrong; the first: {errors[0]['error']}"]
    if report["unwritten"]:
        lines += ["", f"{report['unwritten']} TODO questions were left out"]
    return lines


def commit() -> str | None:
    """Return the commit of the checkout, with a plus if it was changed since; None outside a checkout."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    git = ["git", "-C", str(root)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def machine() -> str:
    """Describe the machine without its name."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text("utf-8").splitlines() if cpu.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)
    return f"{model or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
