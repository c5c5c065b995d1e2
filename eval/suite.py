"""An evaluation suite: documents, questions on them, and where the answers stand.

`make_suite` checks and puts together what `eval/formats.py` reads. docs/evaluation.md describes every field of a row.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from index.errors import RagError
from index.parsing import Block
from index.parsing.plain import blocks as plain_blocks
from index.sentences import split_sentences
from rag.conversation import Turn, standalone

TODO = "TODO"  # a question of a starter file that nobody has written yet


class SuiteError(RagError):
    """A suite's file is missing or not of this form."""


@dataclass(frozen=True)
class Place:
    """A stretch of a document, `text[start:end]`."""

    doc_id: str
    start: int
    end: int


@dataclass(frozen=True)
class SuiteQuestion:
    """A question, whether the documents answer it, and what is known of the answer.

    `answers` are strings of which any one is right. `gold` says where the answer stands: each element is one part of
    it, given as the places of which any one will do; one part is enough, or with `needs_all` every part. `kind` groups
    questions in the report; `rewrite` is the question as a person made it stand alone; `candidates` are documents that
    the question comes with; `planted` is what an attack in them wants to be said.
    """

    qid: str
    question: str
    answerable: bool
    kind: str = ""
    answers: tuple[str, ...] = ()
    gold: tuple[tuple[Place, ...], ...] = ()
    needs_all: bool = False
    gold_paragraphs: tuple[tuple[str, int], ...] = ()
    gold_doc_ids: tuple[str, ...] = ()
    history: tuple[Turn, ...] = ()
    rewrite: str | None = None
    candidates: tuple[str, ...] = ()
    planted: tuple[str, ...] = ()

    @property
    def gold_spans(self) -> list[Place]:
        """Return all places of the answer."""
        return [place for part in self.gold for place in part]


@dataclass(frozen=True)
class SuiteDocument:
    """A document's text and its title, if it has one.

    And where the suite's paragraphs and its own sentences are, if it has them; its parsed blocks.
    """

    text: str
    paragraphs: tuple[tuple[int, int], ...] = ()
    own_sentences: tuple[tuple[int, int], ...] = ()
    blocks: tuple[Block, ...] | None = None
    title: str = ""

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """Return where its sentences are, split as the index does it."""
        blocks = plain_blocks(self.text) if self.blocks is None else self.blocks
        return [sentence for block in blocks for sentence in split_sentences(self.text, block.start, block.end)]


@dataclass(frozen=True)
class Suite:
    """Documents by id and questions on them; `key` identifies the whole content; `unwritten` counts TODO questions."""

    name: str
    documents: Mapping[str, SuiteDocument]
    questions: tuple[SuiteQuestion, ...]
    key: str
    unwritten: int = 0


Rows = Sequence[tuple[int, dict[str, Any]]]


def make_suite(
    name: str,
    documents: Mapping[str, SuiteDocument],
    rows: Rows,
    path: Path,
    gold: Sequence[Sequence[Place]] = (),
) -> Suite:
    """Put a suite together from documents and the numbered rows of a question file. Raises SuiteError naming the line.

    `gold` holds further places for each row, found by whoever knows the set's own fields.
    """
    questions: dict[str, SuiteQuestion] = {}
    languages: dict[str, object] = {}
    unwritten = 0
    for at, (number, row) in enumerate(rows):
        with at_line(path, number):
            if str(row.get("question", "")).startswith(TODO):
                unwritten += 1
                continue
            question = _question(row, documents, gold[at] if gold else ())
            language = row.get("lang")
            if languages.get(question.qid, language) != language:
                question = replace(question, qid=f"{question.qid}@{language}")  # one question in several languages
            if question.qid in questions:
                raise SuiteError(f"the id {question.qid!r} is there twice")
            questions[question.qid] = question
            languages[question.qid] = language
    if not questions:
        raise SuiteError(f"{path}: no questions" + (" but TODO ones: write them first" if unwritten else ""))
    digest = hashlib.sha256(repr(list(documents.items())).encode("utf-8", "replace"))
    digest.update(repr(list(questions.values())).encode("utf-8", "replace"))
    return Suite(name, documents, tuple(questions.values()), digest.hexdigest(), unwritten)


def rows_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a JSONL file with their line numbers. Raises SuiteError."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SuiteError(f"cannot read {path}: {reason}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            with at_line(path, number):
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise SuiteError(f"not JSON ({error})") from error
                if not isinstance(row, dict):
                    raise SuiteError("not a JSON object")
                yield number, row


def turns(history: Sequence[Mapping[str, str]]) -> tuple[Turn, ...]:
    """Return the turns of a conversation given as messages; what each searched for is worked out as the chat would."""
    found: list[Turn] = []
    for message in history:
        text = text_field(message, "text")
        if message["role"] == "user":
            found.append(Turn(text, standalone(text, found)))
        elif found:
            found[-1] = Turn(found[-1].question, found[-1].searched, (text,))
    return tuple(found)


def _question(row: dict[str, Any], documents: Mapping[str, SuiteDocument], more: Sequence[Place]) -> SuiteQuestion:
    gold_doc_ids, candidates = _ids(row, "gold_doc_ids", documents), _ids(row, "candidate_doc_ids", documents)
    answerable, needs_all = row.get("answerable", True), row.get("needs_all", False)
    for name, value in (("answerable", answerable), ("needs_all", needs_all)):
        if not isinstance(value, bool):
            raise SuiteError(f"the field {name!r} is neither true nor false")
    answers = row.get("answers") or ()
    answers = [answers] if isinstance(answers, str) else answers
    parts = [tuple(_places(value, documents)) for value in _list(row, "gold_spans")] if answerable else []
    parts += [(place,) for place in more] if answerable else []
    paragraphs = _list(row, "gold_paragraphs")
    for n in paragraphs:
        if not gold_doc_ids or not 0 <= n < len(documents[gold_doc_ids[0]].paragraphs):
            raise SuiteError(f"the field 'gold_paragraphs' names a paragraph that is not there: {n}")
    return SuiteQuestion(
        qid=text_field(row, "qid"),
        question=text_field(row, "question"),
        answerable=answerable,
        kind=str(row.get("kind") or row.get("answerability") or row.get("lang") or ""),
        answers=tuple(str(answer) for answer in answers if str(answer).strip()),
        gold=tuple(dict.fromkeys(part for part in parts if part)),
        needs_all=needs_all,
        gold_paragraphs=tuple((gold_doc_ids[0], n) for n in paragraphs),
        gold_doc_ids=gold_doc_ids,
        history=turns(_list(row, "history")),
        rewrite=text_field(row, "rewrite") if row.get("rewrite") is not None else None,
        candidates=candidates,
        planted=tuple(map(str, _list(row, "planted"))),
    )


def _ids(row: Mapping[str, Any], name: str, documents: Mapping[str, SuiteDocument]) -> tuple[str, ...]:
    ids = tuple(str(doc_id) for doc_id in _list(row, name))
    for doc_id in ids:
        if doc_id not in documents:
            raise SuiteError(f"the field {name!r} names no document of the suite: {doc_id!r}")
    return ids


def _list(row: Mapping[str, Any], name: str) -> list[Any]:
    value = row.get(name) or []
    if not isinstance(value, list):
        raise SuiteError(f"the field {name!r} is no list")
    return value


def _places(value: Any, documents: Mapping[str, SuiteDocument]) -> Iterator[Place]:
    """Yield the place of a gold span; one that is given by its quote alone may stand wherever the quote does."""
    if not isinstance(value, Mapping):
        raise SuiteError("a gold span is no JSON object")
    doc_id, quote = str(value.get("doc_id", "")), value.get("quote")
    if doc_id not in documents:
        raise SuiteError(f"a gold span is in no document: {doc_id!r}")
    text = documents[doc_id].text
    if "start" in value:
        start, end = value["start"], value.get("end")
        if not isinstance(start, int) or not isinstance(end, int):
            raise SuiteError("'start' and 'end' of a gold span are whole numbers")
        if start == end:
            return  # an answer that a translation lost
        if not 0 <= start < end <= len(text):
            raise SuiteError(f"the gold span {start}-{end} is outside its document {doc_id!r}")
        if quote is not None and text[start:end] != quote:
            raise SuiteError(f"the gold span {start}-{end} of {doc_id!r} is {text[start:end]!r}, not {quote!r}")
        yield Place(doc_id, start, end)
        return
    if not quote or not isinstance(quote, str):
        raise SuiteError("a gold span has neither 'start' and 'end' nor a 'quote'")
    start = text.find(quote)
    if start < 0:
        raise SuiteError(f"the quote {quote!r} is not in {doc_id!r}")
    while start >= 0:
        yield Place(doc_id, start, start + len(quote))
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
