"""Check a sentence of the extractive reader against the text it cites. What fails is dropped, never repaired.

The extractive reader's sentences are their quotes, so support is identity: the quote stands at its place in the
document as stored, and the sentence says exactly what its quotes say. The check is made against the store, not against
what the reader was handed, so an error anywhere between the two shows here.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from index.chunking import Sentence
from index.reading import IndexSnapshot
from index.records import StoredChunk
from rag.answer import Claim, Conflict, Passage, Span, Stretch, Support
from rag.candidates import RankedHit
from rag.highlighting import short_answer
from rag.kinds import Kind
from rag.reading import Evidence, Reading

TextOf = Callable[[str], str | None]


def verify(claim: Claim, sources: tuple[Span, ...], text_of: TextOf) -> Support:
    """Return how far the cited spans support the sentence. `text_of` gives a document's stored text by its name."""
    spans = [sources[number - 1] for number in claim.citations if 1 <= number <= len(sources)]
    if not spans or len(spans) < len(claim.citations):
        return Support.UNSUPPORTED
    if not all(stands_in(span, text_of) for span in spans):
        return Support.UNSUPPORTED
    quoted = " ".join(span.quote for span in spans)
    return Support.SUPPORTED if claim.text == quoted else Support.UNSUPPORTED


def stands_in(span: Span, text_of: TextOf) -> bool:
    """Say whether the quote, and what is shown with it, stands where the span says."""
    text = text_of(span.document)
    return text is not None and all(text[s.start : s.end] == s.quote for s in (span, span.lead, span.short) if s)


def verified(
    question: str, kind: Kind, evidence: Sequence[Evidence], snapshot: IndexSnapshot
) -> dict[int, tuple[Claim, Span]]:
    """Return the claim and span of each piece of evidence that is supported, by its position.

    A claim cites source 1 until it is numbered. A lead that is itself evidence, just before, is not repeated.
    """
    kept: dict[int, tuple[Claim, Span]] = {}
    for position, piece in enumerate(evidence):
        span = span_of(piece, snapshot)
        part = short_answer(question, kind, span.quote)
        if part:
            short = Stretch(span.start + part[0], span.start + part[1], span.quote[part[0] : part[1]])
            span = replace(span, short=short)
        before = evidence[position - 1] if position else None
        if before and span.lead and before.place == (span.document, span.lead.start):
            span = replace(span, lead=None)
        claim = Claim(span.quote, (1,), Support.UNSUPPORTED, piece.score)
        claim = replace(claim, support=verify(claim, (span,), snapshot.text_of))
        if claim.support is Support.SUPPORTED:
            kept[position] = claim, span
    return kept


def conflicts_of(reading: Reading, kept: Sequence[int]) -> tuple[Conflict, ...]:
    """Return the conflicts whose two sentences are both kept, with the numbers that these have then."""
    number = {position: n for n, position in enumerate(kept, start=1)}
    return tuple(
        Conflict(about, (number[one], number[other]))
        for one, other, about in reading.conflicts
        if one in number and other in number
    )


def passage_of(ranked: RankedHit, snapshot: IndexSnapshot) -> Passage:
    """Return a hit as the answer shows it."""
    hit, chunk = ranked.hit, ranked.hit.passage.chunk
    return Passage(
        document=hit.passage.document,
        start=chunk.start,
        end=chunk.end,
        text=hit.passage.text,
        heading=chunk.heading,
        place=snapshot.place_of(hit.passage.document_id, chunk.start, chunk.end),
        score=hit.score,
        dense=hit.dense,
        lexical=hit.lexical,
        rerank=ranked.score if math.isfinite(ranked.score) else None,
    )


def span_of(piece: Evidence, snapshot: IndexSnapshot) -> Span:
    """Return where a piece of evidence stands, with its quote."""
    stored, quote = piece.passage, _stretch(piece.passage, piece.sentence)
    return Span(
        stored.document,
        quote.start,
        quote.end,
        quote.quote,
        stored.chunk.heading,
        snapshot.place_of(stored.document_id, quote.start, quote.end),
        snapshot.date_of(stored.document_id),
        _stretch(stored, piece.lead) if piece.lead else None,
    )


def _stretch(stored: StoredChunk, sentence: Sentence) -> Stretch:
    first = stored.chunk.start
    return Stretch(sentence.start, sentence.end, stored.text[sentence.start - first : sentence.end - first])
