"""Indexes of every format that was released stay readable. The files are never made again.

tests/released/format-N.ragindex is what `rag export` wrote with format N: two documents, the tests' encoder.
"""

import shutil
import zipfile
from pathlib import Path

import pytest

from index.archive import read_archive
from index.doctor import examine
from index.schema import FORMAT_VERSION
from index.store import DATABASE, Store
from tests.conftest import ROOT, WordEncoder, searcher

RELEASED = sorted((ROOT / "tests" / "released").glob("format-*.ragindex"))


def test_the_format_in_use_has_its_file() -> None:
    assert f"format-{FORMAT_VERSION}.ragindex" in {path.name for path in RELEASED}


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
@pytest.mark.parametrize("way", ["imported", "opened"])
def test_an_index_of_a_released_format_answers(store: Store, path: Path, way: str) -> None:
    if way == "imported":
        read_archive(store, path, {}, force=False)
    else:
        store.folder.mkdir()
        with zipfile.ZipFile(path) as archive, archive.open(DATABASE) as kept, store.path.open("wb") as file:
            shutil.copyfileobj(kept, file)
    found = searcher(store).search("When does the lease end?", 1).hits[0]
    assert (found.passage.document, "3 May 2031" in found.passage.text) == ("docs/lease.txt", True)
    assert all(check.ok for check in examine(store, WordEncoder))
