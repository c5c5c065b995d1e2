"""Time indexing against what its encoder alone takes, and against sentence-transformers, on the same texts.

    python benchmarks/throughput.py DATA -r 5

DATA is a folder with `*/docs.jsonl` (see corpus.py). In each round other articles are taken, and the three take turns:
`rag index` of the articles as files (parsing, chunking, encoding, storing, both views), the encoder alone on the very
chunks that this gave, and `SentenceTransformer.encode` with its defaults on the same chunks. Seconds are of the clock,
and of all cores together, which say more where other programs run beside.
"""

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from cold_start import machine
from plain_langchain import MiniLMEmbeddings

from index.encoding_onnx import OnnxEncoder
from index.store import Store
from rag.indexing import index_folders
from rag.settings import Settings

CHARACTERS = 120_000  # of the texts of a round


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds by the clock that something takes, and those of all cores, child processes among them."""
    started, used = time.perf_counter(), _used()
    work()
    return time.perf_counter() - started, _used() - used


def _used() -> float:
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def rounds_of(texts: Iterator[str]) -> Iterator[list[str]]:
    """Yield as many texts as make a round, again and again."""
    taken: list[str] = []
    for text in texts:
        taken.append(text[:CHARACTERS])
        if sum(map(len, taken)) >= CHARACTERS:
            yield taken
            taken = []


def articles(data: Path) -> Iterator[str]:
    """Yield the texts of the English articles."""
    for path in sorted(data.glob("*/docs.jsonl")):
        for record in map(json.loads, path.read_text("utf-8").splitlines()):
            if record.get("lang") == "en":
                yield record["text"]


def one_round(texts: list[str], encoder: OnnxEncoder, plain: MiniLMEmbeddings) -> list[tuple[float, float]]:
    """Return the seconds of indexing, of the encoder alone, and of sentence-transformers, and their cores' seconds."""
    with TemporaryDirectory() as home:
        folder, settings = Path(home, "documents"), Settings(index=Path(home, ".rag"))
        folder.mkdir()
        for number, text in enumerate(texts):
            (folder / f"{number}.txt").write_text(text, "utf-8")
        taken = [seconds(lambda: index_folders(settings, [folder]))]
        with Store(settings.index).snapshot() as snapshot:
            chunks = [text for _, text in snapshot.indexed_texts(1, 2**62)]
    found: list[np.ndarray] = []
    taken.append(seconds(lambda: found.append(encoder.encode(chunks))))
    taken.append(
        seconds(lambda: found.append(plain.model.encode(chunks, normalize_embeddings=True, show_progress_bar=False)))
    )
    print(f"{len(chunks)} chunks, least cosine of ours and theirs {(found[0] * found[1]).sum(axis=1).min():.6f}")
    return taken


def main() -> None:
    """Run the rounds and print both ratios of each."""
    parser = argparse.ArgumentParser(description="Time indexing against its encoder alone.")
    parser.add_argument("data", type=Path)
    parser.add_argument("-r", "--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(machine())
    encoder, plain = OnnxEncoder(), MiniLMEmbeddings()
    texts = islice(rounds_of(articles(arguments.data)), arguments.rounds)
    rounds = [one_round(taken, encoder, plain) for taken in texts]
    for which, unit in enumerate(("by the clock", "of all cores")):
        print(f"seconds {unit:<14}{'rag index':>12}{'encoder':>12}{'theirs':>12}{'of encoder':>12}{'of theirs':>12}")
        for taken in rounds:
            ours, alone, theirs = (one[which] for one in taken)
            print(f"{'':<22}{ours:>12.2f}{alone:>12.2f}{theirs:>12.2f}{alone / ours:>12.2f}{theirs / ours:>12.2f}")
        medians = [statistics.median(t[a][which] / t[0][which] for t in rounds) for a in (1, 2)]
        print(f"{'median':<58}{medians[0]:>12.2f}{medians[1]:>12.2f}")


if __name__ == "__main__":
    main()
