"""An evaluation suite: documents, questions on them, and where the answers stand.

A suite is a folder with `docs.jsonl` (doc_id, text) and `questions.jsonl` (qid, question, answerable, and what is known
of the answer: gold_spans, gold_paragraphs, gold_doc_ids, answers, history). Only the first three fields are needed.
docs/evaluation.md describes every field.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from index.errors import RagError
from index.sentences import split_sentences
from rag.conversation import Turn, standalone

TODO = "TODO"  # a question of a starter file that nobody has written yet


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
    """A question, whether the documents answer it, and what is known of the answer.

    `answers` are strings of which any one is right; `kind` groups questions in the report; `rewrite` is the question as
    a person made it stand alone; `candidates` are documents that the question comes with.
    """

    qid: str
    question: str
    answerable: bool
    kind: str = ""
    answers: tuple[str, ...] = ()
    gold_spans: tuple[GoldSpan, ...] = ()
    gold_paragraphs: tuple[tuple[str, int], ...] = ()
    gold_doc_ids: tuple[str, ...] = ()
    history: tuple[Turn, ...] = ()
    rewrite: str | None = None
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class SuiteDocument:
    """A document's text, and where its paragraphs are, if the suite ranks paragraphs."""

    text: str
    paragraphs: tuple[tuple[int, int], ...] = ()

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """Return where its sentences are, each line being a paragraph of its own."""
        found, start = [], 0
        for line in self.text.split("\n"):
            found += split_sentences(self.text, start, start + len(line))
            start += len(line) + 1
        return found


@dataclass(frozen=True)
class Suite:
    """Documents by id and questions on them; `key` identifies the whole content; `unwritten` counts TODO questions."""

    name: str
    documents: Mapping[str, SuiteDocument]
    questions: tuple[SuiteQuestion, ...]
    key: str
    unwritten: int = 0


Gold = Callable[[Mapping[str, Any], Mapping[str, SuiteDocument]], Iterator[GoldSpan]]


def make_suite(
    name: str,
    documents: Mapping[str, SuiteDocument],
    rows: list[tuple[int, dict[str, Any]]],
    path: Path,
    more_gold: Gold = lambda row, documents: iter(()),
) -> Suite:
    """Put a suite together from documents and the rows of a question file. Raises SuiteError naming the line."""
    questions: dict[str, SuiteQuestion] = {}
    unwritten = 0
    for number, row in rows:
        with at_line(path, number):
            if str(row.get("question", "")).startswith(TODO):
                unwritten += 1
                continue
            question = _question(row, documents, more_gold)
            if question.qid in questions and row.get("lang"):
                # The same question in several languages.
                question = replace(question, qid=f"{question.qid}@{row['lang']}")
            if question.qid in questions:
                raise SuiteError(f"the id {question.qid!r} is there twice")
            questions[question.qid] = question
    if not questions:
        raise SuiteError(f"{path}: no questions" + (" but TODO ones: write them first" if unwritten else ""))
    digest = hashlib.sha256(repr(sorted(documents.items())).encode("utf-8", "replace"))
    digest.update(repr(list(questions.values())).encode("utf-8", "replace"))
    return Suite(name, documents, tuple(questions.values()), digest.hexdigest(), unwritten)


def rows_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a JSONL file with their line numbers. Raises SuiteError."""
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SuiteError(f"cannot read {path}: {reason}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            with at_line(path, number):
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise SuiteError(f"not JSON ({error})") from error
                if not isinstance(row, dict):
                    raise SuiteError("not a JSON object")
                yield number, row


def turns(history: list[Mapping[str, str]]) -> tuple[Turn, ...]:
    """Return the turns of a conversation given as messages; what each searched for is worked out as the chat would."""
    found: list[Turn] = []
    for message in history:
        if message["role"] == "user":
            found.append(Turn(message["text"], standalone(message["text"], found), ""))
        elif found:
            found[-1] = Turn(found[-1].question, found[-1].searched, message["text"])
    return tuple(found)


def _question(row: dict[str, Any], documents: Mapping[str, SuiteDocument], more_gold: Gold) -> SuiteQuestion:
    gold_doc_ids = tuple(str(doc_id) for doc_id in row.get("gold_doc_ids") or ())
    unknown = [d for d in (*gold_doc_ids, *(row.get("candidate_doc_ids") or ())) if str(d) not in documents]
    if unknown:
        raise SuiteError(f"no document {unknown[0]!r}")
    answerable = row.get("answerable", True)
    if not isinstance(answerable, bool):
        raise SuiteError("the field 'answerable' is neither true nor false")
    spans = [span for value in row.get("gold_spans") or () for span in _spans(value, documents)]
    return SuiteQuestion(
        qid=text_field(row, "qid"),
        question=text_field(row, "question"),
        answerable=answerable,
        kind=str(row.get("kind") or row.get("answerability") or row.get("lang") or ""),
        answers=tuple(str(answer) for answer in row.get("answers") or () if str(answer).strip()),
        gold_spans=tuple(dict.fromkeys([*spans, *more_gold(row, documents)])) if answerable else (),
        gold_paragraphs=tuple((doc, int(n)) for doc in gold_doc_ids[:1] for n in row.get("gold_paragraphs") or ()),
        gold_doc_ids=gold_doc_ids,
        history=turns(row.get("history") or []),
        rewrite=row.get("rewrite"),
        candidates=tuple(str(doc_id) for doc_id in row.get("candidate_doc_ids") or ()),
    )


def _spans(value: Mapping[str, Any], documents: Mapping[str, SuiteDocument]) -> Iterator[GoldSpan]:
    """Yield a gold span; one that is given by its quote alone stands wherever the quote does."""
    doc_id, quote = str(value.get("doc_id", "")), value.get("quote")
    if doc_id not in documents:
        raise SuiteError(f"a gold span is in no document: {doc_id!r}")
    text = documents[doc_id].text
    if "start" in value:
        start, end = int(value["start"]), int(value["end"])
        if start == end:
            return  # an answer that a translation lost
        if not 0 <= start < end <= len(text):
            raise SuiteError(f"the gold span {start}-{end} is outside its document {doc_id!r}")
        if quote is not None and text[start:end] != quote:
            raise SuiteError(f"the gold span {start}-{end} of {doc_id!r} is {text[start:end]!r}, not {quote!r}")
        yield GoldSpan(doc_id, start, end)
        return
    if not quote:
        raise SuiteError("a gold span has neither 'start' and 'end' nor a 'quote'")
    start = text.find(quote)
    if start < 0:
        raise SuiteError(f"the quote {quote!r} is not in {doc_id!r}")
    while start >= 0:
        yield GoldSpan(doc_id, start, start + len(quote))
        start = text.find(quote, start + 1)


def text_field(row: Mapping[str, Any], name: str) -> str:
    """Return a field that must be there and hold text; an id may be a number. Raises SuiteError."""
    if name not in row:
        raise SuiteError(f"no field {name!r}")
    value = row[name]
    if isinstance(value, int) and name.endswith("id"):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise SuiteError(f"the field {name!r} is no text")
    return value


@contextmanager
def at_line(path: Path, number: int) -> Iterator[None]:
    """Put the file and the line in front of whatever is wrong with a row."""
    try:
        yield
    except KeyError as error:
        raise SuiteError(f"{path}, line {number}: no field {error}") from error
    except (SuiteError, TypeError, ValueError, AttributeError) as error:
        raise SuiteError(f"{path}, line {number}: {error}") from error
