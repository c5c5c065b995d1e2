"""Time an index of many chunks as a Lance table, in a folder and on an S3 server of this machine.

    python benchmarks/tables.py INDEX DATA FOLDER

INDEX is a local index that `corpus.py` made; it is copied to FOLDER/table.lance and to the bucket of a SeaweedFS that
runs in FOLDER, if they are not there. Prints for each: copying (with the comparison), bytes, search with real questions
(encoded before the clock runs), and recall@10 of the vectors against comparing every one. With --no-s3 only the folder.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from cold_start import machine
from corpus import read_questions
from scale import p50_p95, timed

from index.encoders import question_encoder
from index.encoding import DEFAULT_ENCODER, Vectors
from index.errors import IndexMissingError
from index.filters import DocumentFilter, parse_filter
from index.interface import IndexStore
from index.lance import LanceStore
from index.lance.indexing import approved
from index.lance.rankings import nearest
from index.lance.snapshot import LanceSnapshot
from index.migration import migrate
from index.search import Searcher
from index.store import Store
from tests.object_storage import object_storage

QUESTIONS = 100


class Known:
    """The real encoder's vectors of questions, made before the clock runs."""

    def __init__(self, questions: list[str]) -> None:
        encoder = question_encoder(DEFAULT_ENCODER)
        self.identity = encoder.identity
        self.count_tokens = encoder.count_tokens
        self._vectors = dict(zip(questions, encoder.encode(questions), strict=True))

    def encode(self, texts: list[str]) -> Vectors:
        """Return the vectors, shape (len(texts), 384)."""
        return np.stack([self._vectors[text] for text in texts])


def copy_to(source: Store, table: LanceStore) -> None:
    """Copy the index if it is not there."""
    try:
        with table.snapshot():
            return
    except IndexMissingError:
        print(f"  copied, indexed and compared in {timed(lambda: migrate(source, table)):.0f} s")


def measure(store: IndexStore, questions: list[str], encoder: Known) -> None:
    """Print how long searches take."""
    searcher = Searcher(store, encoder)
    some: DocumentFilter = parse_filter("path:made/*1.txt")  # a tenth of the documents
    print(f"  first search: {timed(lambda: searcher.search(questions[-1], 8)) * 1000:.0f} ms")
    with store.snapshot() as snapshot:
        ranked = store.rankings(snapshot)
        vectors = encoder.encode(questions)
        print("  ms, p50 / p95, of", len(questions), "questions")
        print("  vectors", p50_p95(lambda n: ranked.dense(snapshot, vectors[n], 50), len(questions)))
        print("  words", p50_p95(lambda n: ranked.lexical(questions[n], 50), len(questions)))
        if isinstance(snapshot, LanceSnapshot):
            print("  index of vectors approved:", approved(snapshot.dataset))
            found = wanted = 0
            for vector in vectors[:50]:
                exact = {id_ for id_, _ in nearest(snapshot.dataset, vector, 10, use_index=False)}
                found += len(exact & {id_ for id_, _ in ranked.dense(snapshot, vector, 10)})
                wanted += len(exact)
            print(f"  recall@10 of 50 questions: {found / wanted:.3f}")
    print("  search", p50_p95(lambda n: searcher.search(questions[n], 8), len(questions)))
    print("  search, filtered", p50_p95(lambda n: searcher.search(questions[n], 8, where=some), 30))


def size(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def given(description: str) -> tuple[Store, Path, list[str], Known, bool]:
    """Read the command line; return the index, the folder, questions, their encoder, and whether S3 is wanted."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("index", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--no-s3", action="store_true")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    print(machine(), time.strftime("%Y-%m-%d"))
    questions = read_questions(arguments.data)[:QUESTIONS]
    return Store(arguments.index), arguments.folder, questions, Known(questions), not arguments.no_s3


def main() -> None:
    """Measure the local index and the two tables."""
    local, folder, questions, encoder, on_s3 = given("Time an index as a Lance table.")
    with local.snapshot() as snapshot:
        documents, chunks = snapshot.counts()
    print(f"{documents:,} documents, {chunks:,} chunks")
    print(f"local: {size(local.folder):,} bytes")
    measure(local, questions, encoder)
    print("table in a folder")
    table = LanceStore(str(folder / "table.lance"), folder)
    copy_to(local, table)
    print(f"  {size(folder / 'table.lance'):,} bytes")
    measure(table, questions, encoder)
    if not on_s3:
        return
    with object_storage(folder) as server:
        os.environ |= server.environment()
        print("table on S3 (SeaweedFS on loopback)")
        remote = LanceStore("s3://docs/table", folder)
        copy_to(local, remote)
        measure(remote, questions, encoder)


if __name__ == "__main__":
    main()
