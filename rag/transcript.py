"""A conversation as Markdown or JSON, with every quote, its file and its place."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from rag.answer import Writing
from rag.phrases import phrases
from rag.render import writing_lines

# What Markdown gives a meaning to; a document's text must stay text in whatever shows the file.
MARKDOWN = re.compile(r"[\\`*_\[\]<>!|~&]|^[#+-]|^\d+[.)]")


class Exchange(Protocol):
    """A question, its answer as plain data (None if there is none), and then a note that says why."""

    @property
    def question(self) -> str:
        """Return the question as asked."""

    @property
    def answer(self) -> dict[str, Any] | None:
        """Return `Answer.to_dict()`."""

    @property
    def note(self) -> str:
        """Return why there is no answer."""


def as_json(title: str, turns: Sequence[Exchange]) -> dict[str, Any]:
    """Return the conversation as plain data."""
    entries = [{"question": t.question, "answer": t.answer, "note": t.note} for t in turns]
    return {"title": title, "turns": entries}


def as_markdown(title: str, turns: Sequence[Exchange]) -> str:
    """Return the conversation as Markdown."""
    return "\n".join(_lines(title, turns)) + "\n"


def _lines(title: str, turns: Sequence[Exchange]) -> Iterator[str]:
    yield f"# {_plain(title)}"
    for turn in turns:
        yield from ("", f"## {_plain(turn.question)}", "")
        answer = turn.answer
        if answer is None:
            yield _plain(turn.note)
            continue
        if answer["searched"] != answer["question"]:
            yield from (f"{phrases(answer.get('language', 'en')).searched}: {_plain(answer['searched'])}", "")
        if answer.get("where"):
            yield from (f"{phrases(answer.get('language', 'en')).only} {_plain(answer['where'])}", "")
        if not answer["claims"]:
            yield phrases(answer.get("language", "en")).not_in_documents
        words = phrases(answer.get("language", "en"))
        doubts = {"partly": f" ({words.partly})", "unsupported": f" ({words.unsupported})"}
        for claim in answer["claims"]:
            marks = "".join(f"[{n}]" for n in claim["citations"])
            yield f"{_plain(claim['text'])} {marks}{doubts.get(claim.get('support', ''), '')}"
        if answer.get("writing"):
            yield from (f"\n{_plain(line)}" for line in writing_lines(Writing(**answer["writing"]), words))
        for number, source in enumerate(answer["sources"], start=1):
            heading = " > ".join(source["heading"])
            page = f"{source['place']}, " if source.get("place") else ""
            place = f"{source['document']}, {page}characters {source['start']}-{source['end']}"
            yield from ("", f"{number}. {_plain(place)}" + (f", under “{_plain(heading)}”" if heading else ""))
            yield f"   > {_plain(source['quote'])}"


def _plain(text: str) -> str:
    return MARKDOWN.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", " ".join(text.split()))
