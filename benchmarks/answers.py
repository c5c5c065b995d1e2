"""Time warm answers: median and 95th percentile of each stage, in a process that has answered before.

    python benchmarks/answers.py DATA INDEX [INDEX ...] -n 40

The questions are real ones of DATA, each asked once, so that nothing is remembered of it. INDEX is one that corpus.py
or scale.py made. Stages are those of the chain; the cross-encoder's work is in "rerank" and "read".
"""

import argparse
import time
from pathlib import Path

import numpy as np
from cold_start import machine
from corpus import read_questions

from index.store import Store
from rag.assemble import open_chain
from rag.settings import Settings

STAGES = ("retrieve", "rerank", "read", "verify")


def milliseconds(index: Path, questions: list[str]) -> dict[str, list[float]]:
    """Return the milliseconds of each stage and of the whole, for each question but the first."""
    chain = open_chain(Settings(index=index))
    chain.invoke(questions[0])
    taken: dict[str, list[float]] = {stage: [] for stage in (*STAGES, "all", "cores")}
    for question in questions[1:]:
        started, used = time.perf_counter(), time.process_time()
        answer = chain.invoke(question)
        taken["all"].append((time.perf_counter() - started) * 1000)
        taken["cores"].append((time.process_time() - used) * 1000)
        for stage in STAGES:
            taken[stage].append(answer.timings[stage] * 1000)
    return taken


def main() -> None:
    """Print a row for each index."""
    parser = argparse.ArgumentParser(description="Time warm answers, by stage.")
    parser.add_argument("data", type=Path)
    parser.add_argument("indexes", type=Path, nargs="+")
    parser.add_argument("-n", "--questions", type=int, default=40)
    arguments = parser.parse_args()
    print(machine())
    asked = read_questions(arguments.data)
    questions = asked[:: len(asked) // (arguments.questions + 1)][: arguments.questions + 1]
    columns = (*STAGES, "all", "cores")
    print('p50 / p95, ms; "cores": what all cores worked, together')
    print(f"{'chunks':>10}" + "".join(f"{name:>16}" for name in columns))
    for index in arguments.indexes:
        with Store(index).snapshot() as snapshot:
            _, chunks = snapshot.counts()
        taken = milliseconds(index, questions)
        cells = [f"{np.percentile(taken[c], 50):.0f} / {np.percentile(taken[c], 95):.0f}" for c in columns]
        print(f"{chunks:>10,}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
