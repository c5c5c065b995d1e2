"""Small suites and outcomes with numbers that can be worked out by hand."""

import json
from pathlib import Path

from eval.outcome import Asked, Outcome
from eval.suite import Place, Suite, SuiteDocument, SuiteQuestion
from rag.answer import Answer, Claim, Span, Support, Verdict

TEXT = "Cats sleep all day. Dogs bark at night. Mice eat cheese."
SENTENCES = [(0, 19), (20, 39), (40, 56)]
SUITE = Suite("hand", {"d": SuiteDocument(TEXT)}, (), "key")


def gold(quote: str) -> Place:
    start = TEXT.index(quote)
    return Place("d", start, start + len(quote))


def span(start: int, end: int) -> Span:
    return Span("d", start, end, TEXT[start:end], ())


def answer(*sources: Span, confidence: float | None = 1.0, searched: str = "?") -> Answer:
    return Answer(
        question="?",
        searched=searched,
        language="en",
        verdict=Verdict.ANSWERED if sources else Verdict.NOT_IN_DOCUMENTS,
        claims=tuple(Claim(s.quote, (n,), Support.SUPPORTED, 1.0) for n, s in enumerate(sources, start=1)),
        sources=sources,
        passages=(),
        confidence=confidence,
        threshold=0.0,
        dropped=0,
        model="hand",
        generation=1,
    )


def outcome(
    *cited: int,
    answerable: bool = True,
    quotes: tuple[str, ...] = (),
    answers: tuple[str, ...] = (),
    ungated: tuple[int, ...] | None = None,
    confidence: float | None = 1.0,
    ranking: tuple[Place, ...] = (),
    error: str | None = None,
    seconds: float = 1.0,
    suite: Suite = SUITE,
    **question: object,
) -> Outcome:
    """Return what became of a question when the sentences with these numbers are cited; none is a refusal."""
    sources = tuple(span(*SENTENCES[n]) for n in cited)
    asked = Asked(
        "q",
        None if error else answer(*sources, confidence=confidence),
        sources if ungated is None else tuple(span(*SENTENCES[n]) for n in ungated),
        ranking,
        seconds,
        error,
    )
    made = SuiteQuestion("q", "?", answerable, answers=answers, gold=tuple((gold(q),) for q in quotes), **question)
    return Outcome(suite, made, asked)


def write(folder: Path, docs: list[object], questions: list[object]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, rows in (("docs", docs), ("questions", questions)):
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder
