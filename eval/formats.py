"""Read suites: our folders, the gold of published sets that is not in our fields, and SQuAD's own file format.

clapnq: `gold_sentences`, as text. HotpotQA: `supporting_facts`, [title, number of the document's own sentence].
QuoteSum: `sources` inside the question, each with a short answer.
"""

import json
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.suite import Place, Rows, Suite, SuiteDocument, SuiteError, at_line, make_suite, rows_of, text_field

DOCUMENTS, QUESTIONS = "docs.jsonl", "questions.jsonl"


def read_suite(folder: Path, questions: Path | None = None) -> Suite:
    """Read a suite; `questions` names a question file other than the folder's own.

    Raises SuiteError naming the file, the line and what is wrong with it.
    """
    if folder.is_file():
        raise SuiteError(f"{folder} is a file: a suite is a folder, or a file with --format squad")
    path = questions or folder / QUESTIONS
    rows = list(rows_of(path))
    languages = {row.get("doc_lang") for _, row in rows} or {None}
    documents = _documents_inside(rows, path) or read_documents(folder / DOCUMENTS, languages)
    gold = []
    for number, row in rows:
        with at_line(path, number):
            gold.append(list(_gold_of(row, documents)))
    return make_suite(folder.resolve().name, documents, rows, path, gold)


def read_documents(path: Path, languages: Container[str | None] = (None,)) -> dict[str, SuiteDocument]:
    """Read a suite's documents, only those in some languages unless None is one. Raises SuiteError."""
    documents: dict[str, SuiteDocument] = {}
    for number, row in rows_of(path):
        with at_line(path, number):
            doc_id, text = text_field(row, "doc_id"), _encodable(text_field(row, "text"))
            if doc_id in documents:
                raise SuiteError(f"the id {doc_id!r} is there twice")
            if None not in languages and row.get("lang") not in languages:
                continue
            paragraphs = tuple((int(start), int(end)) for start, end in row.get("paragraphs") or ())
            own = tuple(_found(row.get("sentences") or (), text))
            documents[doc_id] = SuiteDocument(text, paragraphs, own, title=str(row.get("title") or ""))
    if not documents:
        raise SuiteError(f"{path}: a suite without documents")
    return documents


def _documents_inside(rows: Rows, path: Path) -> dict[str, SuiteDocument]:
    """Return the documents that stand inside the questions (QuoteSum); none if they stand in a file of their own."""
    documents = {}
    for number, row in rows:
        with at_line(path, number):
            for source in row.get("sources") or ():
                text = _encodable(text_field(source, "text"))
                documents[_source_id(source)] = SuiteDocument(text, title=text_field(source, "title"))
    return documents


def _gold_of(row: Mapping[str, Any], documents: Mapping[str, SuiteDocument]) -> Iterator[Place]:
    """Yield the gold places of a question of clapnq, HotpotQA or QuoteSum."""
    for alternative in row.get("gold_sentences") or ():
        for sentence in [alternative] if isinstance(alternative, str) else alternative:
            for doc_id in row["gold_doc_ids"]:
                for start, end in _found([sentence], documents[str(doc_id)].text):
                    yield Place(str(doc_id), start, end)
    for title, number in row.get("supporting_facts") or ():
        own = documents[title].own_sentences if title in documents else ()
        if not 0 <= number < len(own):
            raise SuiteError(f"there is no sentence {number} of {title!r}")
        yield Place(title, *own[number])
    for source in row.get("sources") or ():
        for start, end in _found([source["short"]], source["text"]):
            yield Place(_source_id(source), start, end)


def read_squad(path: Path) -> Suite:
    """Read a file in the format of SQuAD 2.0 (Rajpurkar et al. 2018), one document an article. Raises SuiteError."""
    try:
        articles = json.loads(path.read_text("utf-8-sig"))["data"]
        documents: dict[str, SuiteDocument] = {}
        rows: list[tuple[int, dict[str, Any]]] = []
        for article in articles:
            title = article["title"]
            if title in documents:
                raise SuiteError(f"{path}: two articles are called {title!r}")
            contexts = [_encodable(paragraph["context"]) for paragraph in article["paragraphs"]]
            starts = [sum(len(c) + 2 for c in contexts[:n]) for n in range(len(contexts))]
            places = tuple((start, start + len(c)) for start, c in zip(starts, contexts, strict=True))
            documents[title] = SuiteDocument("\n\n".join(contexts), places, title=title)
            for number, paragraph in enumerate(article["paragraphs"]):
                for asked in paragraph["qas"]:
                    rows.append((1, _squad_row(title, number, starts[number], asked)))
    except OSError as error:
        raise SuiteError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
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
    return f"{text_field(source, 'title')}: {text_field(source, 'text')[:60]}"


def _found(quotes: Any, text: str) -> Iterator[tuple[int, int]]:
    """Yield where quotes stand, each behind the one before; one that does not stand there is left out."""
    after = 0
    for quote in quotes:
        start = text.find(quote.strip(), after) if quote.strip() else -1
        if start >= 0:
            after = start + len(quote.strip())
            yield start, after


def _encodable(text: str) -> str:
    """Return the text. Raises ValueError if it holds half of a character, which no file can."""
    text.encode("utf-8")
    return text
