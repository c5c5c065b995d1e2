"""An Answer, hits and reports as text for a terminal.

A document must not be able to drive the terminal: control characters are shown as a replacement character, never sent.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence, Set

from index.report import BuildReport
from index.search import Hit
from rag.answer import Answer, Claim, Passage, Span, Support, Verdict, Writing
from rag.kinds import Kind
from rag.phrases import Phrases, phrases

# C0 and C1 control characters but tab and newline; and the marks that turn the writing direction.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SHOWN_CHARACTERS = 240
NEAREST = 3  # places that are shown where nothing answers


def harmless(text: str) -> str:
    """Return the text without anything that a terminal would act on."""
    return UNSAFE.sub("\ufffd", text)


def printable(text: str) -> str:
    """Return the text harmless and on one line."""
    return harmless(" ".join(text.split()))


def answer_lines(
    answer: Answer, width: int, *, show_sources: bool = True, show_passages: bool = False
) -> Iterator[str]:
    """Yield the answer, its numbered sources and, if wanted, the passages that were looked at."""
    words = phrases(answer.language)
    yield from head_lines(answer.question, answer.searched, answer.where, words, width)
    if answer.verdict is Verdict.NOT_IN_DOCUMENTS:
        yield words.not_in_documents
        if answer.passages:
            yield from ("", words.nearest)
            yield from _nearest(answer, width)
        return
    if answer.verdict is Verdict.UNDERSPECIFIED:
        yield from (words.which, *(f"{n}. {printable(choice)}" for n, choice in enumerate(answer.choices, start=1)))
        return
    yield from _said(answer, words, width)
    if show_sources:
        yield from ("", words.sources)
        yield from _sources(answer, width)
    if show_passages:
        yield from ("", "Passages")
        yield from passage_lines(answer.passages, width)


def head_lines(question: str, searched: str, where: str, words: Phrases, width: int) -> Iterator[str]:
    """Yield what was searched for and where, if that is not just the question in all documents."""
    if searched != question:
        yield from (*textwrap.wrap(f"{words.searched}: {printable(searched)}", width), "")
    if where:
        yield from (*textwrap.wrap(f"{words.only} {printable(where)}", width), "")


def claim_lines(claim: Claim, sources: Sequence[Span], disputed: Set[int], words: Phrases, width: int) -> list[str]:
    """Return a sentence with its citations; its document where that is `disputed`; marked if it is not supported."""
    marks = "".join(f"[{number}]" for number in claim.citations)
    source = sources[claim.citations[0] - 1] if claim.citations else None
    says = f"{origin(source.document, source.date)}: " if source and disputed & set(claim.citations) else ""
    lead = f"({printable(source.lead.quote)}) " if source and source.lead and claim.text == source.quote else ""
    doubts = {Support.PARTLY: f" ({words.partly})", Support.UNSUPPORTED: f" ({words.unsupported})"}
    text = f"{says}{lead}{printable(claim.text)} {marks}".rstrip()
    return textwrap.wrap(text + doubts.get(claim.support, ""), width)


def _said(answer: Answer, words: Phrases, width: int) -> Iterator[str]:
    """Yield the sentences; where documents disagree, with which one says so."""
    disputed = {number for conflict in answer.conflicts for number in conflict.citations}
    if disputed:
        yield words.disagree
    for claim in answer.claims:
        yield from claim_lines(claim, answer.sources, disputed, words, width)
    if answer.kind in (Kind.LIST, Kind.COMPARISON):
        documents = len({passage.document for passage in answer.passages})
        yield from ("", words.looked_at.format(passages=len(answer.passages), documents=documents))
    if answer.writing:
        yield from ("", *(part for line in writing_lines(answer.writing, words) for part in textwrap.wrap(line, width)))


def writing_lines(writing: Writing, words: Phrases) -> Iterator[str]:
    """Yield what a language model had to do with the answer."""
    if writing.failure:
        yield words.instead.format(why=printable(writing.failure))
    else:
        yield words.written_by.format(model=printable(writing.model))
        if writing.rejected:
            yield words.left_out.format(count=len(writing.rejected))
    if writing.input_tokens is not None:
        cost = "" if writing.cost is None else f", {writing.cost:.4f} $"
        yield f"{writing.input_tokens} + {writing.output_tokens} tokens{cost}"


def origin(document: str, date: str) -> str:
    """Name a document with its date, if it has one."""
    return printable(f"{document} ({date})" if date else document)


def _sources(answer: Answer, width: int) -> Iterator[str]:
    for number, span in enumerate(answer.sources, start=1):
        yield from source_lines(number, span, width)


def source_lines(number: int, span: Span, width: int) -> Iterator[str]:
    """Yield where a quote stands, then the quote."""
    yield f"[{number}] {_where(span)}"
    if span.heading:
        yield from _indented(" > ".join(span.heading), width)
    if span.lead:
        yield from _indented(f"({printable(span.lead.quote)})", width)
    yield from _indented(f"“{printable(span.quote)}”", width)
    if span.short:
        yield from _indented(f"→ {printable(span.short.quote)}", width)


def passage_lines(passages: Sequence[Passage], width: int) -> Iterator[str]:
    """Yield each passage's place and scores, then its beginning."""
    for passage in passages:
        rerank = "" if passage.rerank is None else f"rerank {passage.rerank:.2f}, "
        scores = f"{rerank}{_scores(passage.score, passage.dense, passage.lexical)}"
        yield f"- {_where(passage)} ({scores})"
        yield from _indented(_beginning(passage.text), width)


def _nearest(answer: Answer, width: int) -> Iterator[str]:
    """Yield the sentences that come closest, then the passages that hold none of them: three at most."""
    for span in answer.closest:
        yield f"- {_where(span)}"
        yield from _indented(f"“{printable(span.quote)}”", width)
    others = [passage for passage in answer.passages if not any(map(passage.holds, answer.closest))]
    yield from passage_lines(others[: NEAREST - len(answer.closest)], width)


def _where(place: Span | Passage) -> str:
    parts = [place.document, *([place.place] if place.place else []), f"characters {place.start}-{place.end}"]
    return printable(", ".join(parts))


def report_lines(report: BuildReport, advice: str | None = None) -> Iterator[str]:
    """Yield what a run over some folders did, and which files gave nothing."""
    counts = {"new": report.added, "changed": report.changed, "removed": report.removed}
    moved = f", {len(report.moved)} of them moved" if report.moved else ""
    yield ", ".join(f"{len(names)} {what}" for what, names in counts.items()) + f"{moved}, {report.unchanged} unchanged"
    if report.ignored:
        listed = ", ".join(f"{count} {suffix}" for suffix, count in report.ignored.most_common(8))
        yield f"other formats, not read: {printable(listed)}"
    if advice:
        yield advice
    if report.skipped:
        yield f"skipped {len(report.skipped)}:"
        yield from (f"  {printable(name)}: {reason}" for name, reason in report.skipped)


def hit_lines(hits: Sequence[Hit], width: int) -> Iterator[str]:
    """Yield the hits of a search, best first."""
    for rank, hit in enumerate(hits, start=1):
        place = f"{printable(hit.passage.document)}, characters {hit.passage.chunk.start}-{hit.passage.chunk.end}"
        yield f"{rank}. {place} ({_scores(hit.score, hit.dense, hit.lexical)})"
        yield from _indented(_beginning(hit.passage.text), width)


def _scores(fused: float, dense: float | None, lexical: float | None) -> str:
    parts = [f"fused {fused:.4f}"]
    parts += [] if dense is None else [f"dense {dense:.3f}"]
    parts += [] if lexical is None else [f"lexical {lexical:.2f}"]
    return ", ".join(parts)


def _beginning(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]} ..."


def _indented(text: str, width: int) -> list[str]:
    return textwrap.wrap(printable(text), width, initial_indent="    ", subsequent_indent="    ")
