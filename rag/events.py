"""Events: what happened, for whoever listens: one for each answer, each run of indexing, each failure.

Nobody listens by default, and then nothing is made of them; listeners.py says who may. An event has named fields and
nothing else: no settings, no environment, no text of a document, and a question only for a log that is told to keep it.
"""

import logging
from collections import Counter
from dataclasses import dataclass, field

from index.report import BuildReport
from rag.answer import Answer

# subtle: not below "rag", whose warnings are for people.
logger = logging.getLogger("checkable_rag.events")
logger.propagate = False


@dataclass(frozen=True)
class Event:
    """Something that happened. `values` are numbers and short words; `seconds` by stage, in their order."""

    name: str
    values: dict[str, object]
    seconds: dict[str, float] = field(default_factory=dict)
    question: str | None = None


def answered(answer: Answer) -> None:
    """Say that a question was answered, or not."""
    values: dict[str, object] = {
        "verdict": str(answer.verdict),
        "generation": answer.generation,
        "passages": len(answer.passages),
        "sentences": len(answer.claims),
        "sources": len(answer.sources),
        "dropped": answer.dropped,
        "language": answer.language,
        "kind": str(answer.kind),
    }
    writing = answer.writing
    if writing is not None:
        # subtle: not the failure's own words, which are a provider's and may repeat a key
        values |= {"model": writing.model, "model_failed": bool(writing.failure), "rejected": len(writing.rejected)}
        values |= {"input_tokens": writing.input_tokens, "output_tokens": writing.output_tokens}
    _say(Event("answer", values, answer.timings, answer.question))


def indexed(report: BuildReport, generation: int, seconds: float) -> None:
    """Say what a run of indexing did."""
    counts = Counter({name: len(getattr(report, name)) for name in ("added", "changed", "removed", "skipped")})
    _say(Event("index", {**counts, "encoded": report.encoded, "generation": generation}, {"index": round(seconds, 4)}))


def failed(error: BaseException) -> None:
    """Say that a command failed. Only the kind of error: its words may name files, or repeat a key."""
    _say(Event("failure", {"error": type(error).__name__}))


def _say(event: Event) -> None:
    if logger.isEnabledFor(logging.INFO):
        logger.info(event.name, extra={"event": event})
