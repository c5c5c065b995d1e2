"""The same texts, questions and encoder through other libraries, each in an environment of its own.

    make bench-peers DATA=FOLDER          # makes the environments (a few GB, once) and runs this
    python benchmarks/compare_peers.py DATA ENVIRONMENTS -n 1000

Texts are chunks as `corpus.py` makes them, questions are real. They take turns for every step. recall@10 is against
comparing every vector of the encoder (for systems that also search words it says how much those change, not how good it
is). "first" is a new process until its first result; "index" is a whole process.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from cold_start import machine
from corpus import documents, read_pool, read_questions
from peers.systems import SYSTEMS, K
from plain_langchain import MiniLMEmbeddings

from index.encoders import question_encoder
from index.models import ENCODER_FILES

QUESTIONS = 100
OWN = ("txtai", "llamaindex", "lancedb")  # environments; the others are in ours
SCRIPT = Path(__file__).parent / "peers" / "systems.py"


def run(environments: Path, name: str, what: str, given: Path, folder: Path) -> dict[str, object]:
    """Run one system's script, and return what it printed. Raises SystemExit with its stderr if it fails."""
    python = environments / name / "bin" / "python" if name in OWN else Path(sys.executable)
    command = [str(python), str(SCRIPT), name, what, str(given), str(folder), str(ENCODER_FILES.folder())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} {what}: {done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def size(folder: Path) -> float:
    """Return the megabytes of the files of an index, without the documents."""
    files = [path for path in folder.rglob("*") if path.is_file() and "documents" not in path.parts]
    return sum(path.stat().st_size for path in files) / 1e6


def main() -> None:
    """Print a row for each system."""
    parser = argparse.ArgumentParser(description="Other libraries on the same texts.")
    parser.add_argument("data", type=Path)
    parser.add_argument("environments", type=Path)
    parser.add_argument("-n", "--texts", type=int, default=1_000)
    parser.add_argument("--only", nargs="+", default=list(SYSTEMS), choices=SYSTEMS)
    options = parser.parse_args()
    print(machine())
    pool = read_pool(options.data, options.environments, question_encoder())
    texts = [d.parsed.text[c.start : c.end] for d in documents(pool, options.texts) for c in d.chunks]
    asked = read_questions(options.data)
    questions = asked[:: len(asked) // QUESTIONS][:QUESTIONS]
    model = MiniLMEmbeddings().model
    vectors, queries = (model.encode(each, normalize_embeddings=True) for each in (texts, questions))
    exact = [set(np.argsort(-row, kind="stable")[:K].tolist()) for row in queries @ vectors.T]
    columns = ("index, s", "disk, MB", "memory, MB", "first, s", "query p50", "p95, ms", "recall@10")
    print(f"{len(texts):,} texts\n{'':<18}" + "".join(f"{column:>12}" for column in columns))
    with tempfile.TemporaryDirectory() as scratch:
        given = {what: Path(scratch, f"{what}.json") for what in ("index", "ask")}
        given["index"].write_text(json.dumps(texts))
        given["ask"].write_text(json.dumps(questions))
        for name in options.only:
            folder = Path(scratch, name)
            folder.mkdir()
            made = run(options.environments, name, "index", given["index"], folder)
            run(options.environments, name, "ask", given["ask"], folder)  # leaves the program in the page cache
            found = run(options.environments, name, "ask", given["ask"], folder)
            took = np.percentile([1000 * seconds for seconds in found["seconds"]], [50, 95])
            results = [len(set(ids) & best) / K for ids, best in zip(found["results"], exact, strict=True)]
            row = (made["all"], size(folder), found["megabytes"], found["first"], *took, np.mean(results))
            print(f"{name:<18}" + "".join(f"{value:>12.2f}" for value in row), flush=True)


if __name__ == "__main__":
    main()
