"""Read an evaluation suite: a folder with `docs.jsonl` and `questions.jsonl`.

docs: doc_id, text. questions: qid, question, answerable, gold_spans [{doc_id, start, end}] into the text. Fields that
are not named here are left alone.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import RagError


class SuiteError(RagError):
    """A suite's file is missing or not of this form."""


@dataclass(frozen=True)
class GoldSpan:
    """Where an answer stands: `text[start:end]` of a document."""

    doc_id: str
    start: int
    end: int


@dataclass(frozen=True)
class SuiteQuestion:
    """A question, whether the documents answer it, and where."""

    qid: str
    question: str
    answerable: bool
    gold_spans: tuple[GoldSpan, ...]


@dataclass(frozen=True)
class Suite:
    """Documents (text by id) and questions on them."""

    documents: dict[str, str]
    questions: tuple[SuiteQuestion, ...]


def read_suite(folder: Path) -> Suite:
    """Read a suite. Raises SuiteError naming the file, the line and what is wrong with it."""
    documents = {str(row["doc_id"]): str(row["text"]) for row in _rows(folder / "docs.jsonl", ("doc_id", "text"))}
    questions = []
    for row in _rows(folder / "questions.jsonl", ("qid", "question", "answerable", "gold_spans")):
        spans = tuple(GoldSpan(str(s["doc_id"]), s["start"], s["end"]) for s in row["gold_spans"] or ())
        for span in spans:
            if span.doc_id not in documents or not 0 <= span.start < span.end <= len(documents[span.doc_id]):
                raise SuiteError(f"{folder / 'questions.jsonl'}: question {row['qid']} has a span outside its document")
        questions.append(SuiteQuestion(str(row["qid"]), row["question"], bool(row["answerable"]), spans))
    return Suite(documents, tuple(questions))


def _rows(path: Path, fields: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"cannot read {path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise SuiteError(f"{path}, line {number}: not JSON ({error})") from error
        missing = [field for field in fields if field not in row]
        if missing:
            raise SuiteError(f"{path}, line {number}: no field {missing[0]!r}")
        yield row
