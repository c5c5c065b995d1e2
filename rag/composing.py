"""Put an Answer together from a draft: the model's checked sentences, or the reader's, verified against the store."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from index.languages import language_of
from index.reading import IndexSnapshot
from rag.answer import Answer, Claim, Conflict, Span, Support, Verdict, Writing
from rag.stages import Draft, Written
from rag.verification import conflicts_of, passage_of, verified

EXTRACTIVE = "extractive"
DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True)
class _Said:
    """The sentences of an answer, numbered sources and all."""

    claims: tuple[Claim, ...]
    sources: tuple[Span, ...]
    conflicts: tuple[Conflict, ...]


def composed(draft: Draft, snapshot: IndexSnapshot, model: str) -> Answer:
    """Return the answer, without its timings. `model` is the language model's name, "" without one.

    If none of the model's sentences is supported, or it failed, the answer is the reader's, and `writing` says so.
    """
    asked, reading = draft.question, draft.reading
    kept = verified(asked.searched, asked.kind, reading.evidence, snapshot)
    written = draft.written if draft.written and _is_used(draft.written) else None
    said = _with_conflicts(written, draft, kept) if written else _extracted(draft, kept)
    verdict = Verdict.ANSWERED if said.claims else Verdict.NOT_IN_DOCUMENTS
    record = _record(draft, model)
    return Answer(
        question=asked.text,
        searched=asked.searched,
        language=language_of(asked.text) or DEFAULT_LANGUAGE,
        kind=asked.kind,
        verdict=Verdict.UNDERSPECIFIED if draft.choices and not kept else verdict,
        claims=said.claims,
        sources=said.sources,
        conflicts=said.conflicts,
        choices=() if kept else draft.choices,
        where=asked.where.text if asked.where else "",
        passages=tuple(passage_of(ranked, snapshot) for ranked in draft.hits),
        confidence=reading.confidence,
        threshold=draft.judge.gate.threshold,
        dropped=len(record.rejected) if written and record else len(reading.evidence) - len(kept),
        model=model if written else f"{EXTRACTIVE}/{draft.judge.reranker.name}",
        generation=draft.generation,
        writing=record,
        closest=() if said.claims else _closest(draft, snapshot),
    )


def _closest(draft: Draft, snapshot: IndexSnapshot) -> tuple[Span, ...]:
    asked = draft.question
    return tuple(span for _, span in verified(asked.searched, asked.kind, draft.closest, snapshot).values())


def _is_used(written: Written) -> bool:
    return not written.record.failure and any(claim.support is Support.SUPPORTED for claim in written.claims)


def _record(draft: Draft, model: str) -> Writing | None:
    """Return what the language model had to do with the answer; None if it was not asked."""
    use = draft.question.use
    if not draft.written:
        was_asked = use.failure or use.input_tokens is not None
        counted = (use.failure, use.input_tokens, use.output_tokens, use.cost)
        return Writing(model, 0, (), {}, *counted) if was_asked else None
    record = draft.written.record
    if record.failure or _is_used(draft.written):
        return record
    if not record.sentences:
        return replace(record, failure=f"{model} found no answer in the passages")
    return replace(record, failure=f"of {record.sentences} sentences by {model} the passages support none")


def _extracted(draft: Draft, kept: Mapping[int, tuple[Claim, Span]]) -> _Said:
    claims = tuple(replace(claim, citations=(n,)) for n, (claim, _) in enumerate(kept.values(), start=1))
    return _Said(claims, tuple(span for _, span in kept.values()), conflicts_of(draft.reading, list(kept)))


def _with_conflicts(written: Written, draft: Draft, kept: Mapping[int, tuple[Claim, Span]]) -> _Said:
    """Return the model's sentences, then those that disagree: no model may choose between documents silently."""
    claims, sources = list(written.claims), list(written.sources)
    disputed = sorted({position for pair in draft.reading.conflicts for position in pair[:2]} & kept.keys())
    number = {}
    for position in disputed:
        claim, span = kept[position]
        sources.append(span)
        number[position] = len(sources)
        claims.append(replace(claim, citations=(len(sources),)))
    conflicts = tuple(
        Conflict(about, (number[one], number[other]))
        for one, other, about in draft.reading.conflicts
        if one in number and other in number
    )
    return _Said(tuple(claims), tuple(sources), conflicts)
