"""Check a sentence against the text it cites. What fails is dropped, never repaired.

The extractive reader's sentences are their quotes, so support is identity: the quote stands at its place in the
document as stored, and the sentence says exactly what its quotes say. The check is made against the store, not against
what the reader was handed, so an error anywhere between the two shows here.
"""

from collections.abc import Callable

from rag.answer import Claim, Span, Support

TextOf = Callable[[str], str | None]


def verify(claim: Claim, sources: tuple[Span, ...], text_of: TextOf) -> Support:
    """Return how far the cited spans support the sentence. `text_of` gives a document's stored text by its name."""
    spans = [sources[number - 1] for number in claim.citations if 1 <= number <= len(sources)]
    if not spans or len(spans) < len(claim.citations):
        return Support.UNSUPPORTED
    for span in spans:
        text = text_of(span.document)
        if text is None or text[span.start : span.end] != span.quote:
            return Support.UNSUPPORTED
    quoted = " ".join(span.quote for span in spans)
    return Support.SUPPORTED if claim.text == quoted else Support.UNSUPPORTED
