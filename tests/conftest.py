"""Small real parts for the tests: an encoder and a reranker of derivable numbers, and a way to run `rag`."""

import os
import re
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from index.build import Builder, BuildReport
from index.errors import IndexBusyError
from index.interface import IndexStore
from index.models import go_offline
from index.schema import IndexMeta
from index.search import Searcher
from tests.places import PLACES, open_place

go_offline()

pytest_plugins = ["tests.postgres", "tests.serving"]

# A slow machine is no failure: timings live in benchmarks/.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

ROOT = Path(__file__).resolve().parent.parent
SEED = ROOT / "seeds" / "000_0c576dfd192f1797.txt"


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


class WordEncoder:
    """Each word is one of 64 directions; a text is the sum of its words, scaled to length 1."""

    identity = "words@64"
    dimension = 64

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), 64), np.float32)
        for row, text in enumerate(texts):
            for word in words(text):
                vectors[row, zlib.crc32(word.encode()) % 64] += 1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(words(text)) for text in texts]


class WordReranker:
    """A text scores the number of distinct question words that it holds, minus 2."""

    name = "words"
    scale = 1.0
    clear = 5.0

    def score(self, question: str, texts: Sequence[str]) -> np.ndarray:
        return np.array([len(set(words(question)) & set(words(text))) - 2 for text in texts], np.float32)


META = IndexMeta(WordEncoder.identity, chunk_size=40, chunk_overlap=1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    if "store" in metafunc.fixturenames and "everywhere" in marks and "local" not in marks:
        metafunc.parametrize("store", PLACES, indirect=True)
    if "database" in metafunc.fixturenames and "databases" in marks:
        metafunc.parametrize("database", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with three small documents."""
    documents = tmp_path / "docs"
    (documents / "sub").mkdir(parents=True)
    (documents / "lease.txt").write_text("The lease\n\nThe lease ends on 3 May 2031. The rent is 900 euros.\n")
    (documents / "cats.md").write_text("# Cats\n\nCats sleep all day.\n\n## Food\n\nThey eat fish and mice.\n")
    (documents / "sub" / "dogs.txt").write_text("Dogs bark at night. Dogs chase cats.\n")
    return documents


@pytest.fixture
def store(tmp_path: Path, request: pytest.FixtureRequest) -> IndexStore:
    """Return an empty index: a local one, or one after the other where the tests run everywhere."""
    return open_place(getattr(request, "param", "local"), tmp_path)


def build(store: IndexStore, folder: Path, meta: IndexMeta = META, **options: object) -> BuildReport:
    return Builder(store, meta, WordEncoder).build(folder, **options)


def searcher(store: IndexStore) -> Searcher:
    return Searcher(store, WordEncoder())


# What a person's `rag` does, in a process of its own with all sockets but loopback closed.
BOOT = """
import sys, pytest_socket
pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
sys.argv[0] = "rag"
from rag.__main__ import main
main()
"""


def clean_environment() -> dict[str, str]:
    """Return the environment without settings of ours or of Python's, so that a developer's do not matter."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAG_", "PYTHON"))}
    return {**kept, "PYTHONPATH": str(ROOT)}


def rag(
    *arguments: str, cwd: Path, stdin: bytes | None = None, boot: str = BOOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line; output is decoded as UTF-8."""
    finished = subprocess.run(
        [sys.executable, "-c", boot, *arguments],
        cwd=cwd,
        env={**clean_environment(), **environment},
        input=stdin if stdin is not None else b"",
        capture_output=True,
        timeout=120,
        check=False,
    )
    return subprocess.CompletedProcess(
        finished.args, finished.returncode, finished.stdout.decode("utf-8"), finished.stderr.decode("utf-8")
    )


def assert_one_line_error(result: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """Check that a command failed as a person should see it: the code, one line on stderr, no traceback."""
    assert result.returncode == code, (result.stdout, result.stderr)
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("rag: ")
    assert result.stderr.count("\n") == 1, result.stderr
    for part in parts:
        assert part in result.stderr


def write_twice_at_once(table: IndexStore) -> None:
    """Commit while another transaction is open: the later commit, which removes the cats, must be refused."""

    def write_meanwhile() -> None:
        with table.transaction(META) as late:
            late.remove("docs/cats.md")
            with table.transaction(META) as early:
                early.remove("docs/lease.txt")

    with pytest.raises(IndexBusyError, match="another process wrote"):
        write_meanwhile()
