"""What grows with the number of chunks: time and size of indexing, a search, an answer; and what one change costs.

    python benchmarks/growth.py DATA FOLDER -n 12500 25000 50000 100000 200000 --plot docs/growth.png

Indexes as `corpus.py` makes them: storing and both views, without the encoder, whose time is the same for every chunk.
The last lines compare one changed document among many with that document alone, in a folder of files.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
from cold_start import machine
from corpus import Pool, fill, read_pool, read_questions
from one_change import edit, first_run, whole_run, write_documents

from index.encoders import question_encoder
from index.store import Store
from rag.assemble import open_chain
from rag.settings import Settings

DOCUMENTS = 10_000
EDITS = 5


@dataclass(frozen=True)
class Row:
    """One size: seconds to make, bytes on disk, median milliseconds of a search and of a whole answer."""

    chunks: int
    seconds: float
    size: int
    search: float
    answer: float


def row(folder: Path, pool: Pool, questions: Sequence[str], chunks: int) -> Row:
    """Make an index of so many chunks and ask it questions that it was not asked before."""
    store = Store(folder / f"growth-{chunks}")
    started = time.perf_counter()
    fill(store, pool, chunks)
    seconds = time.perf_counter() - started
    size = sum(path.stat().st_size for path in store.folder.rglob("*") if path.is_file())
    chain = open_chain(Settings(index=store.folder))
    chain.invoke(questions[0])
    answers = [_milliseconds(partial(chain.invoke, question)) for question in questions[1:]]
    searches = [_milliseconds(partial(chain.searcher.search, question, 8)) for question in questions]
    shutil.rmtree(store.folder)
    return Row(chunks, seconds, size, statistics.median(searches), statistics.median(answers))


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def one_change(documents: int) -> tuple[float, float]:
    """Return the median seconds of `rag index` after one edit among many, and of one for that document alone."""
    with tempfile.TemporaryDirectory() as home:
        folder, index = Path(home, "documents"), Path(home, ".rag")
        write_documents(folder, documents)
        first_run(folder, index)
        whole_run(folder, index)  # uncounted: it leaves the program in the page cache
        changed, alone = [], []
        for number in range(EDITS):
            edit(folder, number)
            changed.append(whole_run(folder, index))
            one = Path(home, f"one-{number}")
            write_documents(one, 1)
            alone.append(whole_run(one, Path(home, f"own-{number}")))
        return statistics.median(changed), statistics.median(alone)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw the four curves, each as a multiple of its first value, over the number of chunks."""
    figure, axes = plt.subplots(figsize=(6, 3.6))
    chunks = [r.chunks for r in rows]
    axes.plot(chunks, [c / chunks[0] for c in chunks], color="0.8", label="as many times as chunks")
    for label, values in (
        ("time to store and make the views", [r.seconds for r in rows]),
        ("size on disk", [r.size for r in rows]),
        ("a search", [r.search for r in rows]),
        ("an answer", [r.answer for r in rows]),
    ):
        axes.plot(chunks, [value / values[0] for value in values], marker="o", label=label)
    axes.set(xscale="log", yscale="log", xlabel="chunks", ylabel=f"times its value at {chunks[0]:,}")
    axes.set_xticks(chunks, [f"{c:,}" for c in chunks])
    axes.minorticks_off()
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print the table, and draw it if asked."""
    parser = argparse.ArgumentParser(description="Measure what grows with the number of chunks.")
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-n", "--chunks", type=int, nargs="+", default=[12_500, 25_000, 50_000, 100_000])
    parser.add_argument("-q", "--questions", type=int, default=40, help="asked of each index [%(default)s]")
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    print(machine())
    pool = read_pool(arguments.data, arguments.folder, question_encoder())
    asked = read_questions(arguments.data)
    questions = asked[:: len(asked) // arguments.questions][: arguments.questions]
    rows = []
    print(f"{'chunks':>9}{'seconds':>9}{'MB':>7}{'search, ms':>12}{'answer, ms':>12}")
    for count in arguments.chunks:
        rows.append(found := row(arguments.folder, pool, questions, count))
        print(
            f"{count:>9,}{found.seconds:>9.1f}{found.size / 1e6:>7.0f}{found.search:>12.1f}{found.answer:>12.0f}",
            flush=True,
        )
    changed, alone = one_change(DOCUMENTS)
    print(f"one change among {DOCUMENTS:,} documents {changed:.3f} s, that document alone {alone:.3f} s")
    if arguments.plot:
        draw(rows, arguments.plot)


if __name__ == "__main__":
    main()
