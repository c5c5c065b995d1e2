"""Time a local copy that follows a table: the first copy, a step, and search in the copy and in the table.

    python benchmarks/following.py INDEX DATA FOLDER

INDEX is a local index that `corpus.py` made; it is copied to a bucket of a SeaweedFS that runs in FOLDER, if it is not
there; with --no-s3 to FOLDER/table.lance. Prints the seconds of a first copy (rows, then views), of a look when nothing
has changed, of a step with 1,000 changed passages (50 documents put again), and of search with real questions, encoded
before the clock runs.
"""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import islice
from typing import TypeVar

from scale import p50_p95, timed
from tables import copy_to, given

from index.copies import CopyStore
from index.copying import step
from index.interface import IndexStore
from index.lance import LanceStore
from index.search import Searcher
from tests.object_storage import object_storage

CHANGED_DOCUMENTS = 50  # of twenty chunks
LOOKS = 10

Result = TypeVar("Result")


def said(what: str, work: Callable[[], Result]) -> Result:
    """Do it, and print how long it took."""
    began = time.monotonic()
    result = work()
    print(f"  {what}: {time.monotonic() - began:.2f} s", flush=True)
    return result


def change(table: LanceStore) -> None:
    """Put documents of the middle of the table again, with a word more."""
    from dataclasses import replace

    with table.snapshot() as snapshot:
        ids = sorted(snapshot.checksums())
        middle = len(ids) // 2
        found = list(islice(snapshot.whole_documents(), middle, middle + CHANGED_DOCUMENTS))
        meta = snapshot.meta
    with table.transaction(meta) as transaction:
        for document in found:
            parsed = replace(document.parsed, text=f"{document.parsed.text} Changed.")
            transaction.put(replace(document, parsed=parsed))
    table.mend()


def main() -> None:
    """Measure following."""
    local, folder, questions, encoder, on_s3 = given("Time a copy that follows a table.")

    def search(name: str, store: IndexStore) -> None:
        searcher = Searcher(store, encoder)
        print(f"  {name}, first search: {timed(lambda: searcher.search(questions[-1], 8)) * 1000:.0f} ms")
        print(
            f"  {name}, ms, p50 / p95", p50_p95(lambda n: searcher.search(questions[n], 8), len(questions)), flush=True
        )

    with object_storage(folder) if on_s3 else nullcontext() as server:
        os.environ |= server.environment() if server else {}
        table = LanceStore("s3://docs/table" if server else str(folder / "table.lance"), folder)
        copy_to(local, table)
        with table.snapshot() as snapshot:
            documents, chunks = snapshot.counts()
            commit = snapshot.commit
        print(f"{documents:,} documents, {chunks:,} chunks in {table.place}")
        shutil.rmtree(folder / "copy", ignore_errors=True)
        copy = CopyStore(folder / "copy", table.place)
        said("first copy, rows", lambda: step(table, copy))
        said("first copy, views", copy.mend)
        print("  a look, ms, p50 / p95", p50_p95(lambda _: table.is_at(commit), LOOKS))
        said("change in the table, and mend it", lambda: change(table))
        taken = said("step, rows", lambda: step(table, copy))
        said("step, views", copy.mend)
        print(f"  {taken.added} documents copied, {taken.removed} removed, anew: {taken.anew or 'no'}")
        search("copy", copy)
        search("table", table)
        said("all compared (--verify)", lambda: step(table, copy, verify=True))


if __name__ == "__main__":
    main()
