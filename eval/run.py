"""Put a suite's questions to a system, one after another, and keep each answer as soon as it is there.

A run that is stopped goes on where it was: finished questions stand in a file that belongs to the suite, the settings
and the code. `forget` removes it, once what was made of the answers is safe.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from eval.outcome import Asked, Outcome
from eval.preparing import cache_folder
from eval.suite import Suite, SuiteQuestion
from eval.systems import System
from index.errors import QuestionError, RagError

ADAPTER = TypeAdapter(Asked)


def ask(system: System, question: SuiteQuestion) -> Asked:
    """Ask one question. What goes wrong with it is what became of it; what is wrong with the index stops the run."""
    try:
        return system.ask(question)
    except QuestionError as error:
        return Asked(question.qid, None, error=str(error))
    except RagError:
        raise
    except Exception as error:
        return Asked(question.qid, None, error=f"{type(error).__name__}: {error}")


def run(suite: Suite, system: System, identity: object = None) -> list[Outcome]:
    """Return what became of every question of the suite, in its order.

    `identity` is whatever the answers depend on beside the suite; a stopped run of the same is gone on with. Without
    one, nothing is kept.
    """
    from tqdm import tqdm

    path = run_file(suite, identity) if identity is not None else None
    done = {asked.qid: asked for asked in _finished(path)} if path else {}
    for question in tqdm(suite.questions, disable=None, unit=" questions", desc=suite.name):
        if question.qid not in done:
            done[question.qid] = ask(system, question)
            if path:
                # subtle: one write for a line, and a line's end before it, so that neither a stop in the middle nor
                # another run of the same can spoil more than its own line.
                with path.open("ab") as file:
                    file.write(b"\n" + json.dumps(asdict(done[question.qid])).encode("ascii") + b"\n")
    return [Outcome(suite, question, done[question.qid]) for question in suite.questions]


def run_file(suite: Suite, identity: object) -> Path:
    """Return where the answers of an unfinished run are kept."""
    key = hashlib.sha256(repr((suite.key, identity)).encode("utf-8", "replace")).hexdigest()[:24]
    folder = cache_folder() / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{key}.jsonl"


def forget(suite: Suite, identity: object) -> None:
    """Remove what is kept of a run."""
    run_file(suite, identity).unlink(missing_ok=True)


def _finished(path: Path) -> Iterator[Asked]:
    """Yield the answers of a stopped run; a line that was cut off by the stop is left out."""
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            yield ADAPTER.validate_json(line)
        except ValueError:
            continue
