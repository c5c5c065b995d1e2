"""Readers beside a writer in another process: every answer is of one generation."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, build, clean_environment, searcher
from tests.places import PLACES, open_place

ROUNDS = 8
WRITER = """
import sys
from pathlib import Path
from tests.conftest import build
from tests.places import open_place
store, folder = open_place(sys.argv[1], Path(sys.argv[2]).parent), Path(sys.argv[2])
for number in range(2, int(sys.argv[3]) + 2):
    for name in "abc":
        (folder / f"{name}.txt").write_text(f"Version {number} of zebra {name}.")
    build(store, folder)
"""


@pytest.mark.parametrize("place", PLACES)
def test_a_reader_never_sees_two_generations(tmp_path: Path, place: str) -> None:
    store, folder = open_place(place, tmp_path), tmp_path / "docs"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.txt").write_text(f"Version 1 of zebra {name}.")
    build(store, folder)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, place, str(folder), str(ROUNDS)],
        cwd=ROOT,
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    seen: list[int] = []
    lasting = searcher(store)
    while writer.poll() is None:
        for reader in (lasting, searcher(store)):
            results = reader.search("zebra version", 10)
            versions = {int(n) for hit in results.hits for n in re.findall(r"Version (\d+)", hit.passage.text)}
            assert versions == {results.generation}
            assert len(results.hits) == 3
            seen.append(results.generation)
    assert writer.wait() == 0, writer.stderr.read() if writer.stderr else ""
    assert seen == sorted(seen)
    assert lasting.search("zebra", 1).generation == ROUNDS + 1
