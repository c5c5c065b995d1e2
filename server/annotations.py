"""An Answer as one text with `[n]`, and where each of these stands, as OpenAI's `url_citation`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel

from index.languages import language_of
from rag.answer import Answer, Claim, Span, Verdict
from rag.phrases import Phrases, phrases
from rag.render import claim_lines
from rag.stages import Step

ONE_LINE = 10**9  # characters: a sentence is not wrapped


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
class Line:
    """A line of a reply. `cited` are the sources of its `[n]`, and where in the line each of these begins."""

    text: str
    cited: tuple[tuple[int, int, Span], ...] = ()  # (start, number, source)


@dataclass
class CitedText:
    """A reply that grows line by line. `documents` is the address below which a document's text is, by its id.

    `collection` is that of the documents, "" if it need not be named.
    """

    documents: str
    ids: Mapping[str, int]
    collection: str = ""
    text: str = ""
    annotations: list[Annotation] = field(default_factory=list)

    def add(self, line: Line) -> str:
        """Add a line, and return what that adds to the text."""
        piece = f"\n{line.text}" if self.text else line.text
        begin = len(self.text) + len(piece) - len(line.text)
        for start, number, source in line.cited:
            title = ", ".join(part for part in (source.document, source.place) if part)
            which = f"&collection={quote(self.collection)}" if self.collection else ""
            part = f"text?start={source.start}&end={source.end}{which}"
            url = f"{self.documents}/{self.ids.get(source.document, 0)}/{part}"
            end = begin + start + len(f"[{number}]")
            cited = UrlCitation(start_index=begin + start, end_index=end, title=title, url=url)
            self.annotations.append(Annotation(url_citation=cited))
        self.text += piece
        return piece


def lines_of(answer: Answer) -> list[Line]:
    """Return the sentences, one a line, each with its `[n]`; or why there are none."""
    words = phrases(answer.language)
    if answer.verdict is Verdict.UNDERSPECIFIED:
        return [Line(words.which), *(Line(f"{n}. {choice}") for n, choice in enumerate(answer.choices, start=1))]
    if not answer.claims:
        return [Line(words.not_in_documents)]
    disputed = {number for conflict in answer.conflicts for number in conflict.citations}
    lines: list[Line] = []
    for claim in answer.claims:
        if disputed & set(claim.citations) and Line(words.disagree) not in lines:
            lines.append(Line(words.disagree))
        lines.append(_line(claim, answer.sources, disputed, words))
    return lines


def growing(steps: Iterable[Step], question: str, keep: Callable[[Answer], object]) -> Iterator[Line]:
    """Yield each line as soon as its sentence is checked; hand the Answer to `keep`.

    What was sent cannot be taken back. If a language model fails after its first sentences, a line says so, and the
    answer of the documents' own sentences follows.
    """
    sent: list[Line] = []
    for step in steps:
        if step.answer is None:
            words = phrases(language_of(question) or "en")
            lines = [_line(claim, step.sources, set(), words) for claim in step.claims]
        else:
            keep(step.answer)
            lines = lines_of(step.answer)
        if lines[: len(sent)] != sent:
            assert step.answer is not None, "sentences are only added until then"
            why = step.answer.writing.failure if step.answer.writing else ""
            yield Line(phrases(step.answer.language).instead.format(why=why))
            sent = []
        yield from lines[len(sent) :]
        sent = lines


def _line(claim: Claim, sources: Sequence[Span], disputed: set[int], words: Phrases) -> Line:
    (text,) = claim_lines(claim, sources, disputed, words, ONE_LINE)
    marks = [f"[{number}]" for number in claim.citations]
    # subtle: the marks are the last brackets of a line, whatever the sentence itself has.
    start = text.rindex("".join(marks))
    starts = [start + len("".join(marks[:i])) for i in range(len(marks))]
    return Line(text, tuple((at, n, sources[n - 1]) for at, n in zip(starts, claim.citations, strict=True)))
