"""Time `rag ask` against the plain LangChain script, side by side: seconds of a whole new process, each time.

    python benchmarks/cold_start.py -n 5

"Cold" is the process, not the disk: the round that is not counted leaves the files in the page cache. The commands
take turns, so that whatever else the machine does falls on all of them. Compare within one run, never across runs.
"cores" are the seconds that all cores worked for it, together, which programs beside it change little.
"""

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
SEEDS = HERE.parent / "seeds"
PLAIN = [sys.executable, str(HERE / "plain_langchain.py")]
# subtle: not resolved, since a virtual environment's `python` is a link to a folder that has no `rag`
RAG = [str(Path(sys.executable).with_name("rag"))]
QUESTION = "Why wasn't Ábrego García returned?"
ASK, SCRIPT = "rag ask", "plain script ask"
# `rag ask` exits with 3 for "not in the documents"; that took the same work.
ACCEPTED_CODES = {ASK: (0, 3)}


def clean_environment(bytecode: Path) -> dict[str, str]:
    """Return this environment with the defaults of `rag`, and Python's compiled files in a folder of their own.

    subtle: else a shell that sets PYTHONDONTWRITEBYTECODE, or a package installed without its compiled files, would
    have one side compile in every process and the other not. Here the round that is not counted compiles for both.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "PYTHONPYCACHEPREFIX": str(bytecode)}


def run(command: list[str], environment: dict[str, str], codes: tuple[int, ...] = (0,)) -> tuple[float, float]:
    """Return the wall seconds of a command, and those of all cores. Raises SystemExit with its stderr if it fails."""
    started, used = time.perf_counter(), _used()
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    seconds = time.perf_counter() - started, _used() - used
    if done.returncode not in codes:
        message = done.stderr.decode("utf-8", "replace").strip()
        raise SystemExit(f"exit code {done.returncode} from {' '.join(command)}\n{message}")
    return seconds


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


Seconds = dict[str, list[tuple[float, float]]]


def measure(commands: dict[str, list[str]], environment: dict[str, str], rounds: int) -> Seconds:
    """Run all commands in turn, one round uncounted and then `rounds` that count."""
    seconds: Seconds = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            taken = run(command, environment, ACCEPTED_CODES.get(name, (0,)))
            if number > 0:
                seconds[name].append(taken)
    return seconds


def machine() -> str:
    """Describe the machine without its name: processor, cores, memory, Python, load."""
    processor = _field("/proc/cpuinfo", "model name") or platform.machine()
    memory = _field("/proc/meminfo", "MemTotal")
    size = f"{int(memory.split()[0]) / 2**20:.0f} GiB" if memory else "unknown"
    load = f"{os.getloadavg()[0]:.1f}"
    return f"{processor}, {os.cpu_count()} cores, {size} memory, Python {platform.python_version()}, load {load}"


def _field(path: str, name: str) -> str | None:
    file = Path(path)
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def report(seconds: Seconds) -> str:
    """Return the table, and the ratios of the medians that are compared."""
    lines = [f"{'command':<18}{'min':>8}{'median':>8}{'max':>8}{'cores':>8}  (s)"]
    medians: dict[str, tuple[float, float]] = {}
    for name, taken in seconds.items():
        clock, cores = zip(*taken, strict=True)
        medians[name] = statistics.median(clock), statistics.median(cores)
        lines.append(f"{name:<18}{min(clock):>8.2f}{medians[name][0]:>8.2f}{max(clock):>8.2f}{medians[name][1]:>8.2f}")
    by_clock, by_cores = (ours / theirs for ours, theirs in zip(medians[ASK], medians[SCRIPT], strict=True))
    return "\n".join([*lines, f"{ASK} / {SCRIPT}: {by_clock:.2f} by the clock, {by_cores:.2f} of all cores (medians)"])


def main() -> None:
    """Index the seeds both ways into a temporary folder, time the commands, print the table."""
    parser = argparse.ArgumentParser(description="Time `rag ask` against a plain LangChain script.")
    parser.add_argument("-n", "--rounds", type=int, default=5, help="rounds that count [%(default)s]")
    parser.add_argument("--question", default=QUESTION, help="what to ask [%(default)s]")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error(f"-n is {arguments.rounds}, it must be at least 1")
    print(machine())
    with TemporaryDirectory() as folder:
        ours, plain = str(Path(folder, "rag")), str(Path(folder, "plain"))
        environment = clean_environment(Path(folder, "bytecode"))
        run([*RAG, "index", str(SEEDS), "--index", ours], environment)
        run([*PLAIN, "index", str(SEEDS), plain], environment)
        commands = {
            ASK: [*RAG, "ask", arguments.question, "--index", ours],
            SCRIPT: [*PLAIN, "ask", plain, arguments.question],
            "rag search": [*RAG, "search", arguments.question, "--index", ours],
            "rag --help": [*RAG, "--help"],
        }
        seconds = measure(commands, environment, arguments.rounds)
    print(f"{arguments.rounds} rounds, a new process each time: {arguments.question}")
    print(report(seconds))


if __name__ == "__main__":
    main()
