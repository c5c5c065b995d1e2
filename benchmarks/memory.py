"""Measure the memory of indexing while the text grows: `rag index` without the model, on files of real sentences.

    python benchmarks/memory.py DATA FOLDER -m 25 100 400

Files of about 250 kB are made in FOLDER (sentences of real articles, put together anew). Each run is a process of its
own that lists, parses, chunks, stores and makes both views as `rag index` does, with the real tokenizer; only vectors
are drawn at random (to make the real ones takes a minute for every 700 kB here, and the encoder's memory does not
depend on how much there is). Prints the most memory that was resident (getrusage) before the views are made and at the
end, and that of the process that parses.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from cold_start import machine
from corpus import Pool, documents, read_pool

from index.build import Builder
from index.encoders import question_encoder
from index.encoding import DEFAULT_ENCODER, Vectors
from index.store import Store
from rag.assemble import index_meta
from rag.settings import Settings

FILE_DOCUMENTS = 20
MEGABYTE = 1e6


class WithoutModel:
    """The real encoder, but for its vectors, which are random."""

    def __init__(self) -> None:
        real = question_encoder(DEFAULT_ENCODER)
        self.identity = real.identity
        self.count_tokens = real.count_tokens
        self._draw = np.random.default_rng(0)

    def encode(self, texts: list[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), 384)."""
        vectors = self._draw.standard_normal((len(texts), 384), np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class WatchedStore(Store):
    """A store that notes how much memory it took until the views are made."""

    peak = 0.0

    def mend(self) -> None:
        """Make the views."""
        self.peak = peak(resource.RUSAGE_SELF)
        super().mend()


def peak(who: int) -> float:
    """Return the most megabytes that were resident, of this process or of the largest of its children."""
    return resource.getrusage(who).ru_maxrss * 1024 / MEGABYTE


def make_files(pool: Pool, folder: Path, megabytes: float) -> None:
    """Write files of so many megabytes together."""
    folder.mkdir()
    size = 0
    made = documents(pool, 10**9)
    for number in count():
        text = "\n\n".join(document.parsed.text for document in islice(made, FILE_DOCUMENTS))
        (folder / f"{number:06}.txt").write_text(text, "utf-8")
        size += len(text)
        if size >= megabytes * MEGABYTE:
            return


def index(folder: Path) -> None:
    """Index the files, and print what it took as one line of JSON."""
    store = WatchedStore(folder / ".rag")
    started = time.perf_counter()
    report = Builder(store, index_meta(Settings(index=store.folder)), WithoutModel).build(folder / "texts")
    seconds = time.perf_counter() - started
    own, parsing = peak(resource.RUSAGE_SELF), peak(resource.RUSAGE_CHILDREN)
    print(json.dumps([len(report.added), report.encoded, seconds, store.peak, own, parsing]))


def main() -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description="Measure the memory of indexing.")
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-m", "--megabytes", type=float, nargs="+", default=[25, 100, 400])
    parser.add_argument("--index", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.index:
        index(arguments.folder)
        return
    print(machine())
    pool = read_pool(arguments.data, arguments.folder, question_encoder(DEFAULT_ENCODER))
    print("text, MB   files    chunks  seconds  before views, MB  in all, MB  parser, MB")
    for megabytes in arguments.megabytes:
        with TemporaryDirectory(dir=arguments.folder) as made:
            make_files(pool, Path(made, "texts"), megabytes)
            command = [sys.executable, __file__, arguments.data, made, "--index"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        files, chunks, seconds, before, whole, parsing = json.loads(done.stdout)
        cells = f"{seconds:>9.0f}{before:>18.0f}{whole:>12.0f}{parsing:>12.0f}"
        print(f"{megabytes:>8.0f}{files:>8,}{chunks:>10,}{cells}", flush=True)


if __name__ == "__main__":
    main()
