"""Time what the one writer of a table does for each passage that a cluster has encoded (`rag index --ray`).

    python benchmarks/table_writing.py DATA FOLDER -n 20000

Documents as `corpus.py` makes them, with vectors and words, into a table in FOLDER; microseconds a passage, by the
clock and of the processor, without and with the commit.
"""

import argparse
import shutil
import time
from dataclasses import replace
from pathlib import Path

from cold_start import machine
from corpus import documents, read_pool

from index.encoders import question_encoder
from index.lance import LanceStore
from index.words import words_of
from rag.assemble import index_meta
from rag.settings import Settings


def main() -> None:
    """Write them, and print the times."""
    parser = argparse.ArgumentParser(description="Time the writer of a table.")
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-n", "--chunks", type=int, default=20_000)
    arguments = parser.parse_args()
    print(machine())
    pool = read_pool(arguments.data, arguments.folder, question_encoder())
    made = [
        replace(document, words=[words_of(document.parsed.text, chunk) for chunk in document.chunks])
        for document in documents(pool, arguments.chunks)
    ]
    place = arguments.folder / "writing.lance"
    store = LanceStore(str(place), arguments.folder / ".rag")
    started, used = time.perf_counter(), time.process_time()

    def show(what: str) -> None:
        taken = (time.perf_counter() - started, time.process_time() - used)
        clock, processor = (1e6 * seconds / arguments.chunks for seconds in taken)
        print(f"{what:<16}{clock:>8.0f} by the clock{processor:>8.0f} of the processor, microseconds a passage")

    with store.transaction(index_meta(Settings())) as transaction:
        for document in made:
            transaction.put(document)
        show("put")
    show("with the commit")
    shutil.rmtree(place)


if __name__ == "__main__":
    main()
