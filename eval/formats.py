"""Read suites: our folders, the gold of published sets that is not in our fields, and SQuAD's own file format.

clapnq: `gold_sentences`, as text. HotpotQA: `supporting_facts`, [title, number of the sentence]. QuoteSum: `sources`
inside the question, each with a short answer.
"""

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.suite import GoldSpan, Suite, SuiteDocument, SuiteError, at_line, make_suite, rows_of, text_field

DOCUMENTS, QUESTIONS = "docs.jsonl", "questions.jsonl"


def read_suite(folder: Path, questions: Path | None = None) -> Suite:
    """Read a suite; `questions` names a question file other than the folder's own.

    Raises SuiteError naming the file, the line and what is wrong with it.
    """
    path = questions or folder / QUESTIONS
    rows = list(rows_of(path))
    languages = {row.get("doc_lang") for _, row in rows} or {None}
    documents = documents_inside(row for _, row in rows) or read_documents(folder / DOCUMENTS, languages)
    return make_suite(path.parent.name, documents, rows, path, gold_of)


def read_documents(path: Path, languages: Container[str | None] = (None,)) -> dict[str, SuiteDocument]:
    """Read a suite's documents, only those in some languages unless None is one. Raises SuiteError."""
    documents: dict[str, SuiteDocument] = {}
    for number, row in rows_of(path):
        with at_line(path, number):
            doc_id, text = text_field(row, "doc_id"), text_field(row, "text")
            if doc_id in documents:
                raise SuiteError(f"the id {doc_id!r} is there twice")
            if None not in languages and row.get("lang") not in languages:
                continue
            paragraphs = tuple((int(start), int(end)) for start, end in row.get("paragraphs") or ())
            documents[doc_id] = SuiteDocument(text, paragraphs)
    if not documents:
        raise SuiteError(f"{path}: a suite without documents")
    return documents


def documents_inside(rows: Iterable[Mapping[str, Any]]) -> dict[str, SuiteDocument]:
    """Return the documents that stand inside the questions (QuoteSum); none if they stand in a file of their own."""
    return {_source_id(source): SuiteDocument(source["text"]) for row in rows for source in row.get("sources") or ()}


def gold_of(row: Mapping[str, Any], documents: Mapping[str, SuiteDocument]) -> Iterator[GoldSpan]:
    """Yield the gold spans of a question of clapnq, HotpotQA or QuoteSum."""
    for alternative in row.get("gold_sentences") or ():
        for sentence in [alternative] if isinstance(alternative, str) else alternative:
            for doc_id in row["gold_doc_ids"]:
                yield from _found(str(doc_id), sentence, documents)
    for title, number in row.get("supporting_facts") or ():
        if title in documents and number < len(documents[title].sentences):
            yield GoldSpan(title, *documents[title].sentences[number])
    for source in row.get("sources") or ():
        if source["short"]:
            yield from _found(_source_id(source), source["short"], documents)


def read_squad(path: Path) -> Suite:
    """Read a file in the format of SQuAD 2.0 (Rajpurkar et al. 2018), one document an article. Raises SuiteError."""
    try:
        articles = json.loads(path.read_text("utf-8"))["data"]
        documents: dict[str, SuiteDocument] = {}
        rows: list[tuple[int, dict[str, Any]]] = []
        for article in articles:
            contexts = [paragraph["context"] for paragraph in article["paragraphs"]]
            starts = [sum(len(c) + 2 for c in contexts[:n]) for n in range(len(contexts))]
            places = tuple((start, start + len(c)) for start, c in zip(starts, contexts, strict=True))
            documents[article["title"]] = SuiteDocument("\n\n".join(contexts), places)
            for number, paragraph in enumerate(article["paragraphs"]):
                for asked in paragraph["qas"]:
                    row = _squad_row(article["title"], number, starts[number], asked)
                    rows.append((len(rows) + 1, row))
    except OSError as error:
        raise SuiteError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise SuiteError(f"{path}: not a SQuAD file ({error})") from error
    except KeyError as error:
        raise SuiteError(f"{path}: not a SQuAD file: no field {error}") from error
    return make_suite(path.stem, documents, rows, path)


def _squad_row(title: str, paragraph: int, start: int, asked: Mapping[str, Any]) -> dict[str, Any]:
    answers = asked["answers"]
    return {
        "qid": asked["id"],
        "question": asked["question"],
        "answerable": not asked.get("is_impossible", False),
        "answers": list(dict.fromkeys(answer["text"] for answer in answers)),
        "gold_doc_ids": [title],
        "gold_paragraphs": [paragraph],
        "gold_spans": [
            {
                "doc_id": title,
                "start": start + a["answer_start"],
                "end": start + a["answer_start"] + len(a["text"]),
                "quote": a["text"],
            }
            for a in answers
        ],
    }


def _source_id(source: Mapping[str, Any]) -> str:
    return f"{source['title']}: {source['text'][:60]}"


def _found(doc_id: str, quote: str, documents: Mapping[str, SuiteDocument]) -> Iterator[GoldSpan]:
    start = documents[doc_id].text.find(quote)
    if start >= 0:
        yield GoldSpan(doc_id, start, start + len(quote))
