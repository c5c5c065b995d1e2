"""What one changed document costs among many: the whole `rag index` after one edit, and where its time goes.

    python benchmarks/one_change.py -n 10000

Makes small documents in a temporary folder, indexes them once with vectors drawn at random (what an encoder gives does
not matter here, and takes an hour), then edits one and indexes again with the real encoder, several times: as a person
does, in a new process each time, and once more inside this process with the stages timed.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from inspect import getattr_static, isfunction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from index.build import Builder
from index.encoding import DEFAULT_ENCODER, Vectors, encoder_identity
from index.store import Store
from rag.assemble import index_meta
from rag.settings import Settings

WORDS = 3_000
SENTENCES = 4
# Where each stage's work is done: stage, module, name of the function or of the class and its method.
STAGES = (
    ("listing", "rag.indexing", "list_folders"),
    ("reading", "index.documents", "SourceFile.read"),
    ("hashing", "index.loading", "content_hash"),
    ("loading the model", "rag.indexing", "document_encoder"),
    ("views", "index.store", "Store.mend"),
    ("  FAISS", "index.vectors", "VectorView.write"),
    ("  tantivy", "index.lexical", "LexicalView.write"),
    ("  hashes of their files", "index.stamps", "Seal.of"),
)


def write_documents(folder: Path, count: int) -> None:
    """Write documents of a few sentences of made-up words, a hundred in a folder, with the times of yesterday."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 9))) for _ in range(WORDS)]
    yesterday = time.time() - 86_400
    for number in range(count):
        path = folder / f"{number // 100:03}" / f"{number:05}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        sentences = (" ".join(draw.choices(words, k=12)).capitalize() + "." for _ in range(SENTENCES))
        path.write_text(f"Document {number}. {' '.join(sentences)}\n")
        os.utime(path, (yesterday, yesterday))


def edit(folder: Path, round_: int) -> None:
    """Change one document, another one each round."""
    path = sorted(folder.rglob("*.txt"))[round_ * 37]
    path.write_text(path.read_text() + f"The edit of round {round_} is here.\n")


class RandomEncoder:
    """Unit vectors at random, under the name of the default encoder."""

    def __init__(self) -> None:
        self.identity = encoder_identity(DEFAULT_ENCODER)
        self._draw = np.random.default_rng(0)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), 384)."""
        vectors = self._draw.standard_normal((len(texts), 384), np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of words of each text."""
        return [len(text.split()) for text in texts]


def first_run(folder: Path, index: Path) -> float:
    """Index all documents; return the seconds."""
    started = time.perf_counter()
    Builder(Store(index), index_meta(Settings(index=index)), RandomEncoder).build(folder)
    return time.perf_counter() - started


def whole_run(folder: Path, index: Path) -> float:
    """Return the seconds of `rag index` in a new process."""
    command = [sys.executable, "-m", "rag", "index", str(folder), "--index", str(index)]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def staged_run(folder: Path, index: Path) -> tuple[float, Counter[str]]:
    """Return the seconds of one run inside this process, and of each of its stages."""
    spent: Counter[str] = Counter()
    for stage, module, name in STAGES:
        _time(spent, stage, import_module(module), name)
    from rag.indexing import index_folders

    started = time.perf_counter()
    index_folders(Settings(index=index), [folder])
    return time.perf_counter() - started, spent


def _time(spent: Counter[str], stage: str, holder: Any, name: str) -> None:
    """Put a clock around a function of a module, or a class method ("Class.method"), if it is there."""
    if "." in name:
        class_name, _, name = name.partition(".")
        holder = getattr(holder, class_name)
    if (inner := getattr(holder, name, None)) is None:
        return
    timed = _clock(spent, stage, inner)
    is_method = isinstance(holder, type) and isfunction(getattr_static(holder, name))
    setattr(holder, name, staticmethod(timed) if isinstance(holder, type) and not is_method else timed)


def _clock(spent: Counter[str], stage: str, inner: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return inner(*arguments, **options)
        finally:
            spent[stage] += time.perf_counter() - started

    return timed


def main() -> None:
    """Index, edit, index again, and print the seconds."""
    parser = argparse.ArgumentParser(description="Time `rag index` after one edit among many documents.")
    parser.add_argument("-n", "--documents", type=int, default=10_000, help="how many documents [%(default)s]")
    parser.add_argument("-r", "--rounds", type=int, default=3, help="edits, each a new process [%(default)s]")
    arguments = parser.parse_args()
    with TemporaryDirectory() as home:
        folder, index = Path(home, "documents"), Path(home, ".rag")
        write_documents(folder, arguments.documents)
        first = first_run(folder, index)
        print(f"{arguments.documents:,} documents, first run without an encoder {first:.1f} s")
        print(f"nothing changed: {whole_run(folder, index):.2f} s")
        seconds = []
        for number in range(arguments.rounds):
            edit(folder, number)
            seconds.append(whole_run(folder, index))
        print(f"one edit, a new process: {statistics.median(seconds):.2f} s (median of {arguments.rounds})")
        edit(folder, arguments.rounds)
        whole, spent = staged_run(folder, index)
        print(f"one edit, inside a process that has its modules: {whole:.2f} s, of which")
        for stage, taken in spent.items():
            print(f"  {stage:<28}{taken:>7.3f} s")


if __name__ == "__main__":
    main()
