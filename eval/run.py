"""Put a suite's questions to a system, one after another, and keep each answer as soon as it is there.

A run that is stopped goes on where it was: finished questions stand in a file that belongs to the suite, the settings
and the code. It is removed when the run is complete.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from eval.outcome import Asked, Outcome
from eval.preparing import cache_folder
from eval.suite import Suite, SuiteQuestion
from eval.systems import System
from index.errors import RagError

ADAPTER = TypeAdapter(Asked)


def ask(system: System, question: SuiteQuestion) -> Asked:
    """Ask one question. An error of ours is what became of it, and counts as failed."""
    try:
        return system.ask(question)
    except RagError as error:
        return Asked(question.qid, None, error=str(error))


def run(suite: Suite, system: System, identity: object, *, show_progress: bool = True) -> list[Outcome]:
    """Return what became of every question of the suite, in its order.

    `identity` is whatever the answers depend on beside the suite; a stopped run with the same is gone on with.
    """
    from tqdm import tqdm

    key = hashlib.sha256(repr((suite.key, identity)).encode("utf-8", "replace")).hexdigest()[:24]
    path = cache_folder() / "runs" / f"{key}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {asked.qid: asked for asked in _finished(path)}
    hidden = None if show_progress else True  # None: hidden unless it is a terminal
    with path.open("w", encoding="utf-8") as file:
        for question in tqdm(suite.questions, disable=hidden, unit=" questions", desc=suite.name):
            asked = done[question.qid] = done.get(question.qid) or ask(system, question)
            file.write(json.dumps(asdict(asked)) + "\n")
            file.flush()
    path.unlink()
    return [Outcome(suite, question, done[question.qid]) for question in suite.questions]


def _finished(path: Path) -> Iterator[Asked]:
    """Yield the answers of a stopped run; a line that was cut off by the stop is left out."""
    lines: Iterable[str] = path.read_text("utf-8").splitlines() if path.exists() else ()
    for line in lines:
        try:
            yield ADAPTER.validate_json(line)
        except ValueError:
            continue
