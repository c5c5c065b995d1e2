"""An Answer as one text with `[n]`, and where each of these stands, as OpenAI's `url_citation`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from rag.answer import Answer, Verdict
from rag.phrases import phrases


class UrlCitation(BaseModel):
    """`start_index` to `end_index` are the characters of `[n]` in the text; `url` gives the text of the source."""

    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(BaseModel):
    """A citation in a text."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


@dataclass(frozen=True)
class Mark:
    """Where a text cites a source, by its number."""

    start: int
    end: int
    number: int


def said(answer: Answer) -> tuple[str, list[Mark]]:
    """Return the sentences, one a line, each with its `[n]`, and where these stand; or why there are none."""
    words = phrases(answer.language)
    if answer.verdict is Verdict.UNDERSPECIFIED:
        return "\n".join([words.which, *(f"{n}. {choice}" for n, choice in enumerate(answer.choices, start=1))]), []
    if not answer.claims:
        return words.not_in_documents, []
    text, marks = "", list[Mark]()
    if answer.conflicts:
        text = f"{words.disagree}\n"
    for claim in answer.claims:
        # A line is a sentence: one that was broken in its document is put together.
        text += f"{' '.join(claim.text.split())} "
        for number in claim.citations:
            mark = f"[{number}]"
            marks.append(Mark(len(text), len(text) + len(mark), number))
            text += mark
        text += "\n"
    return text.rstrip("\n"), marks


def annotations(answer: Answer, marks: Sequence[Mark], ids: Mapping[str, int], documents: str) -> list[Annotation]:
    """Return the marks as annotations; `documents` is the address below which a document's text is, by its id."""
    found: list[Annotation] = []
    for mark in marks:
        source = answer.sources[mark.number - 1]
        title = ", ".join(part for part in (source.document, source.place) if part)
        url = f"{documents}/{ids.get(source.document, 0)}/text?start={source.start}&end={source.end}"
        citation = UrlCitation(start_index=mark.start, end_index=mark.end, title=title, url=url)
        found.append(Annotation(url_citation=citation))
    return found
