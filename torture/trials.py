"""Run something in a forked process and say how it ended; count trials and failures."""

import json
import os
import platform
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path

PATIENCE = 120  # seconds; what takes longer hangs


@dataclass(frozen=True)
class End:
    """How a process ended: its exit status or minus its signal, and what it said."""

    code: int
    said: str


@dataclass
class Tally:
    """What came of the trials of one kind."""

    name: str
    trials: int = 0
    seconds: float = 0.0
    outcomes: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def count(self, outcome: str, times: int = 1) -> None:
        """Count an outcome without a trial of its own."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + times

    def add(self, outcome: str, failure: str = "") -> None:
        """Count a trial; `failure` says what does not hold and how to see it again."""
        self.trials += 1
        self.count(outcome)
        if failure:
            self.failures.append(failure)
            print(f"FAILED {self.name}: {failure}", file=sys.stderr, flush=True)


def scratch() -> AbstractContextManager[str]:
    """Give a folder for worlds that goes afterwards: in memory if there is such a place, since fsync takes time."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="torture-", dir=memory if os.access(memory, os.W_OK) else None)


def in_child(work: Callable[[], object], patience: int = PATIENCE) -> End:
    """Do `work` in a fork of this process. What it prints is kept; an error is 1 and its traceback."""
    sys.stdout.flush()
    with tempfile.TemporaryFile() as said:
        pid = os.fork()
        if not pid:
            _be_child(work, said.fileno(), patience)
        _, status = os.waitpid(pid, 0)
        said.seek(0)
        return End(os.waitstatus_to_exitcode(status), said.read().decode("utf-8", "replace"))


def start_child(work: Callable[[], object], patience: int = PATIENCE) -> int:
    """Begin `work` in a fork of this process; return its pid. What it prints is lost."""
    pid = os.fork()
    if not pid:
        _be_child(work, os.open(os.devnull, os.O_WRONLY), patience)
    return pid


def _be_child(work: Callable[[], object], output: int, patience: int) -> None:
    code = 1
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        signal.alarm(patience)
        work()
        sys.stdout.flush()
        code = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        os._exit(code)


def show(tallies: list[Tally]) -> None:
    """Print what came of it."""
    for tally in tallies:
        outcomes = ", ".join(f"{count} {name}" for name, count in sorted(tally.outcomes.items()))
        counts = f"{tally.trials:>7} trials  {len(tally.failures)} failed  {tally.seconds:.0f} s"
        print(f"{tally.name:<28}{counts}  {outcomes}", flush=True)


def write(tallies: list[Tally], seed: int, path: Path) -> None:
    """Write what came of it, when, and where, as JSON."""
    result = {
        "date": time.strftime("%Y-%m-%d"),
        "seed": seed,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "kinds": [asdict(tally) for tally in tallies],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


def row(path: Path) -> str:
    """Return the line of docs/reliability.md for a file that `write` wrote: name, trials, failures, outcomes."""
    result = json.loads(path.read_text("utf-8"))
    outcomes: dict[str, int] = {}
    for kind in result["kinds"]:
        for name, count in kind["outcomes"].items():
            outcomes[name] = outcomes.get(name, 0) + count
    said = "; ".join(f"{count:,} {name}" for name, count in sorted(outcomes.items(), key=lambda pair: -pair[1]))
    trials = sum(kind["trials"] for kind in result["kinds"])
    failed = sum(len(kind["failures"]) for kind in result["kinds"])
    when = f"seed {result['seed']}, {result['date']}"
    return f"| {path.stem} | {len(result['kinds'])} | {trials:,} | {failed} | {said} | {when} |"
