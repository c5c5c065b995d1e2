"""Time search among many chunks, and changes: the index that `corpus.py` makes, or a larger one.

    python benchmarks/scale.py DATA FOLDER -n 10000 100000 1000000

Makes an index of each size in FOLDER (kept for the next time; a million chunks take 8 GB and a quarter of an hour) and
prints a column for each: opening, search with real questions, recall@10 against comparing every vector, memory, then a
thousand chunks more, a thousand less. Questions are encoded before the clock runs, except for "encoding".
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from cold_start import machine
from corpus import DOCUMENT_CHUNKS, Pool, fill, read_pool, read_questions

from index.encoders import question_encoder
from index.encoding import Vectors
from index.lexical import LexicalView
from index.mending import mend_views
from index.recall import recall
from index.search import Searcher
from index.snapshot import Snapshot
from index.store import Store
from index.vectors import VectorView
from index.views import open_view
from rag.assemble import index_meta
from rag.settings import Settings

QUESTIONS = 200
DEPTH = 50
CHANGED = 1_000
FILTERED = 50


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def p50_p95(work: Callable[[int], object], times: int) -> str:
    """Return the median and 95th percentile of the milliseconds of `work(0)`, `work(1)`, ..., after one uncounted."""
    work(0)
    taken = [timed(partial(work, n)) * 1000 for n in range(times)]
    return f"{np.percentile(taken, 50):.1f} / {np.percentile(taken, 95):.1f}"


def resident() -> int:
    """Return the bytes of memory that this process holds, files that are mapped among them."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def opening(folder: Path) -> dict[str, str]:
    """Return how long it takes to open the views, and what they hold in memory after a hundred searches."""
    store = Store(folder)
    result: dict[str, str] = {}
    draw = np.random.default_rng(0)
    with store.snapshot() as snapshot:
        for kind in (VectorView, LexicalView):
            started, before = time.perf_counter(), resident()
            view = open_view(kind, store, snapshot)
            result[f"open {kind.name}, s"] = f"{time.perf_counter() - started:.3f}"
            if isinstance(view, VectorView):
                for query in draw.standard_normal((300, snapshot.dimension), np.float32):
                    view.search(snapshot, query / np.linalg.norm(query), 10)
                result["FAISS, bytes of memory a vector"] = f"{(resident() - before) / len(view):.0f}"
    return result


def searching(store: Store, questions: Sequence[str], vectors: Vectors) -> dict[str, str]:
    """Return the milliseconds of each part of a search, and recall@10."""
    searcher = Searcher(store, question_encoder())
    result = {"encoding a question, ms": p50_p95(lambda n: searcher.encoder.encode([questions[n]]), len(questions))}
    with store.snapshot() as snapshot:
        dense, lexical = open_view(VectorView, store, snapshot), open_view(LexicalView, store, snapshot)
        result["vectors, ms"] = p50_p95(lambda n: dense.search(snapshot, vectors[n], DEPTH), len(questions))
        result["words, ms"] = p50_p95(lambda n: lexical.search(questions[n], DEPTH), len(questions))
        result["recall@10"] = f"{recall(snapshot, dense, vectors):.3f}"
        for share in (0.1, 0.001):
            result |= filtered(snapshot, dense, lexical, questions, vectors, share)
    result["whole search with fusing, ms"] = p50_p95(lambda n: searcher.search(questions[n], 8), len(questions))
    return result


def filtered(
    snapshot: Snapshot,
    dense: VectorView,
    lexical: LexicalView,
    questions: Sequence[str],
    vectors: Vectors,
    share: float,
) -> dict[str, str]:
    """Return the same with a filter that only a share of the documents meets."""
    documents = snapshot.documents()
    names = {record.name for record in documents[: max(1, round(len(documents) * share))]}
    among = snapshot.chunk_ids(lambda name, _: name in names)
    found = recall(snapshot, dense, vectors[:FILTERED], among=np.array(among))
    return {
        f"- with a filter, {share:.1%}: vectors, ms": p50_p95(
            lambda n: dense.search(snapshot, vectors[n], DEPTH, among), FILTERED
        ),
        f"- with a filter, {share:.1%}: words, ms": p50_p95(
            lambda n: lexical.search(questions[n], DEPTH, among), FILTERED
        ),
        f"- with a filter, {share:.1%}: recall@10": f"{found:.3f}",
    }


def changing(store: Store, add: Callable[[], None]) -> dict[str, str]:
    """Return the seconds that it takes to add chunks and to remove them again, and to remove as many from all over."""

    def drop(names: Sequence[str]) -> None:
        with store.transaction(index_meta(Settings(index=store.folder))) as transaction:
            for name in names:
                transaction.forget(name)
        mend_views(store)

    with store.snapshot() as snapshot:
        before = [record.name for record in snapshot.documents()]
    count = CHANGED // DOCUMENT_CHUNKS
    result = {f"add {CHANGED:,} chunks, s": f"{timed(add):.2f}"}
    with store.snapshot() as snapshot:
        added = sorted({record.name for record in snapshot.documents()} - set(before))
    middle = before[len(before) // 2 :][:count]
    result[f"delete the {CHANGED:,}, s"] = f"{timed(lambda: drop(added)):.2f}"
    result[f"delete {CHANGED:,} neighbours in the middle, s"] = f"{timed(lambda: drop(middle)):.2f}"
    scattered = [name for name in before if name not in set(middle)][:: len(before) // count][:count]
    result[f"delete {CHANGED:,} from all over, s"] = f"{timed(lambda: drop(scattered)):.2f}"
    return result


def measured(
    data: Path, folder: Path, pool: Pool, questions: Sequence[str], vectors: Vectors, count: int
) -> dict[str, str]:
    """Return all that is measured of an index of so many chunks, which is made if it is not there."""
    store = Store(folder / f"{count}" / ".rag")
    result = {} if store.path.exists() else {"made, s": f"{timed(lambda: fill(store, pool, count)):.0f}"}
    for name, pattern in (("database", "store.sqlite3"), ("FAISS", "vectors*/*"), ("tantivy", "lexical/*")):
        size = sum(path.stat().st_size for path in store.folder.rglob(pattern) if path.is_file())
        result[f"{name}, MB"] = f"{size / 1e6:.0f}"
    command = [sys.executable, __file__, str(data), str(store.folder), "--opening"]
    result |= json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    result |= searching(store, questions, vectors)
    return result | changing(store, lambda: fill(store, pool, CHANGED, seed=1, first=900_000))


def main() -> None:
    """Make the indexes that are not there yet, and print the table."""
    parser = argparse.ArgumentParser(description="Time search and changes among many chunks.")
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-n", "--chunks", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--opening", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.opening:  # in a process of its own, whose memory holds nothing else
        print(json.dumps(opening(arguments.folder)))
        return
    print(machine())
    encoder = question_encoder()
    pool = read_pool(arguments.data, arguments.folder, encoder)
    questions = read_questions(arguments.data)[:: len(read_questions(arguments.data)) // QUESTIONS][:QUESTIONS]
    vectors = np.concatenate([encoder.encode([question]) for question in questions])
    for count in arguments.chunks:
        print(f"\n{count:,} chunks")
        for name, value in measured(arguments.data, arguments.folder, pool, questions, vectors, count).items():
            print(f"  {name:<44}{value:>16}", flush=True)


if __name__ == "__main__":
    main()
