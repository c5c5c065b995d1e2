"""In step with folders: what is looked at, what is encoded, what is left out, what fails, what is committed when."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index.build import Builder, list_folders
from index.documents import SETTLED_NS, SourceFile
from index.errors import NoDocumentsError, PatternError
from index.ignoring import Rules
from index.interface import IndexStore
from index.parsing import Parser
from index.report import BuildReport
from index.store import Store
from tests.conftest import META, WordEncoder, build, searcher
from tests.test_build import names, texts

pytestmark = pytest.mark.everywhere


class Counting(WordEncoder):
    """Remembers the texts that were encoded."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.texts += texts
        return super().encode(texts)


def counted(store: IndexStore, *folders: Path, **options: object) -> tuple[BuildReport, list[str]]:
    encoder = Counting()
    report = Builder(store, META, lambda: encoder).build(*folders, **options)
    return report, encoder.texts


def settle(folder: Path) -> None:
    """Make all files old enough for their times to be trusted."""
    deadline = time.time_ns() + SETTLED_NS + 500_000_000
    for path in folder.rglob("*"):
        os.utime(path, ns=(time.time_ns() - 10**12,) * 2)
    while time.time_ns() < deadline:
        time.sleep(0.05)


def listed(folder: Path, store: IndexStore, rules: Rules) -> list[str]:
    return [source.name for source in list_folders([folder], store.folder, rules).files]


# What is looked at


def test_a_file_with_the_same_times_and_size_is_not_read_again(
    store: IndexStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(folder)
    build(store, folder)
    read: list[str] = []
    inner = SourceFile.read
    monkeypatch.setattr(SourceFile, "read", lambda source: (read.append(source.name), inner(source))[1])
    (folder / "cats.md").write_text("# Cats\n\nCats swim.\n")
    report = build(store, folder)
    assert (read, report.changed, report.unchanged) == (["docs/cats.md"], ["docs/cats.md"], 2)
    read.clear()
    assert build(store, folder, verify=True).unchanged == 3
    assert len(read) == 3


def test_a_file_that_was_just_written_is_not_trusted(store: IndexStore, folder: Path) -> None:
    path = folder / "lease.txt"
    build(store, folder)
    before = path.stat()
    path.write_text(path.read_text().replace("2031", "2032"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert build(store, folder).changed == ["docs/lease.txt"], "same size, same time of its content, another text"


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_jumps_hides_no_change(
    store: IndexStore, folder: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """The clock is set back, or on, while a file is written, and its content changes with size and time kept."""
    real = time.time_ns
    monkeypatch.setattr("index.documents.time.time_ns", lambda: real() + hours * 3_600 * 10**9)
    path = folder / "lease.txt"
    build(store, folder)
    before = path.stat()
    path.write_text(path.read_text().replace("2031", "2032"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    monkeypatch.undo()
    assert build(store, folder).changed == ["docs/lease.txt"]
    with store.snapshot() as snapshot:
        assert snapshot.generation == 2


def test_a_touched_file_makes_no_generation(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    (folder / "lease.txt").touch()
    assert build(store, folder).unchanged == 3
    with store.snapshot() as snapshot:
        assert snapshot.generation == 1


# What is encoded


def test_a_moved_file_is_not_encoded_again(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    (folder / "lease.txt").rename(folder / "sub" / "contract.txt")
    report, encoded = counted(store, folder)
    assert (report.moved, encoded) == ([("docs/lease.txt", "docs/sub/contract.txt")], [])
    assert (report.added, report.removed) == (["docs/sub/contract.txt"], ["docs/lease.txt"])
    assert searcher(store).search("rent", 1).hits[0].passage.document == "docs/sub/contract.txt"


def test_copies_are_encoded_once_and_found_once(store: IndexStore, folder: Path) -> None:
    for name in ("one.txt", "two.txt", "sub/three.txt"):
        (folder / name).write_text("A walrus swims.")
    report, encoded = counted(store, folder)
    assert encoded.count("A walrus swims.") == 1
    assert report.encoded == len(encoded)
    assert [h.passage.document for h in searcher(store).search("walrus", 9).hits if "walrus" in h.passage.text] == [
        "docs/one.txt"
    ]
    (folder / "one.txt").unlink()
    assert counted(store, folder)[1] == []
    assert searcher(store).search("walrus", 1).hits[0].passage.document == "docs/two.txt"


def test_only_the_changed_part_of_a_document_is_encoded(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    (folder / "cats.md").write_text("# Cats\n\nCats sleep all day.\n\n## Food\n\nThey eat birds.\n")
    report, encoded = counted(store, folder)
    assert report.changed == ["docs/cats.md"]
    assert len(encoded) == 1
    assert "birds" in encoded[0]


def test_a_rebuild_encodes_every_text_again_but_once(store: IndexStore, folder: Path) -> None:
    (folder / "copy.txt").write_text((folder / "lease.txt").read_text())
    first = counted(store, folder)[1]
    assert sorted(counted(store, folder, rebuild=True)[1]) == sorted(first)


# What is left out


def test_patterns_and_ragignore_leave_files_out(store: IndexStore, folder: Path) -> None:
    assert listed(folder, store, Rules(exclude=("sub/",))) == ["docs/cats.md", "docs/lease.txt"]
    assert listed(folder, store, Rules(include=("*.txt",))) == ["docs/lease.txt", "docs/sub/dogs.txt"]
    assert listed(folder, store, Rules(include=("*.txt",), exclude=("/lease*",))) == ["docs/sub/dogs.txt"]
    (folder / ".ragignore").write_text("# comment\n*.txt\n")
    assert listed(folder, store, Rules()) == ["docs/cats.md"]
    (folder / "sub" / ".ragignore").write_text("!dogs.txt\n")
    assert listed(folder, store, Rules()) == ["docs/cats.md", "docs/sub/dogs.txt"], "a deeper file overrules"
    (folder / ".ragignore").write_text("sub/\n")
    assert listed(folder, store, Rules()) == ["docs/cats.md", "docs/lease.txt"], "but not for a folder left out"


def test_what_is_left_out_later_is_removed(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    (folder / ".ragignore").write_text("lease.txt\n")
    assert build(store, folder).removed == ["docs/lease.txt"]


def test_a_pattern_that_makes_no_sense_is_named(store: IndexStore, folder: Path) -> None:
    (folder / ".ragignore").write_text("*.tmp\n!\n")
    with pytest.raises(PatternError, match=r"\.ragignore: the pattern '!'"):
        list_folders([folder], store.folder)
    with pytest.raises(PatternError, match="--exclude"):
        list_folders([folder / "sub"], store.folder, Rules(exclude=("!",)))


def test_several_folders_in_one_run(store: IndexStore, folder: Path) -> None:
    other = folder.parent / "other"
    other.mkdir()
    (other / "a.txt").write_text("Other.")
    report = build(store, folder, META)
    report = Builder(store, META, WordEncoder).build(folder, other, folder / "sub")
    assert (report.added, report.unchanged) == (["other/a.txt"], 3)
    (other / "a.txt").unlink()
    with pytest.raises(NoDocumentsError, match="other"):
        Builder(store, META, WordEncoder).build(folder, other)
    assert "other/a.txt" in names(store), "an emptied folder may just not be mounted"


# What fails


def failed(store: IndexStore) -> dict[str, str]:
    with store.snapshot() as snapshot:
        return {file.name: file.reason for file in snapshot.files().values() if file.reason}


def test_a_failure_stays_visible_and_is_tried_again_when_the_file_changes(
    store: IndexStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "bad.txt").write_bytes(b"\0")
    build(store, folder)
    parsed: list[str] = []
    inner = Parser.parse
    monkeypatch.setattr(Parser, "parse", lambda self, name, *rest: (parsed.append(name), inner(self, name, *rest))[1])
    report = build(store, folder)
    assert (parsed, report.skipped) == ([], [("docs/bad.txt", "binary, not text")])
    assert failed(store) == {"docs/bad.txt": "binary, not text"}
    build(store, folder, retry_failed=True)
    assert parsed == ["docs/bad.txt"]
    (folder / "bad.txt").write_text("Good now.")
    assert build(store, folder).added == ["docs/bad.txt"]
    assert failed(store) == {}


def test_a_failure_goes_with_its_file(store: IndexStore, folder: Path) -> None:
    (folder / "bad.txt").write_bytes(b"\0")
    build(store, folder)
    (folder / "bad.txt").unlink()
    build(store, folder)
    assert failed(store) == {}


def test_a_good_file_that_turns_unreadable_is_not_served_any_more(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    (folder / "lease.txt").write_bytes(b"\0")
    assert build(store, folder).removed == ["docs/lease.txt"]
    assert "docs/lease.txt" in failed(store)
    assert all("lease" not in hit.passage.document for hit in searcher(store).search("lease", 9).hits)


def test_a_file_that_grew_too_large_is_not_served_any_more(
    store: IndexStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store, folder)
    monkeypatch.setattr("index.documents.MAX_FILE_BYTES", 100)
    (folder / "lease.txt").write_text("x" * 101)
    assert build(store, folder).removed == ["docs/lease.txt"]
    assert failed(store) == {"docs/lease.txt": "larger than 100 bytes (101)"}


def test_a_file_that_cannot_be_read_for_a_while_stays_and_is_named(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    (folder / "lease.txt").rename(folder / "kept")
    os.mkfifo(folder / "lease.txt")
    assert build(store, folder).removed == []
    assert failed(store) == {"docs/lease.txt": "not a regular file"}
    (folder / "lease.txt").unlink()
    (folder / "kept").rename(folder / "lease.txt")
    assert build(store, folder).unchanged == 3
    assert failed(store) == {}


# What is committed when


class StopsLater(WordEncoder):
    """As if Ctrl-C came while the third batch is encoded."""

    calls = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.calls += 1
        if self.calls == 3:
            raise KeyboardInterrupt
        return super().encode(texts)


def test_a_stopped_run_keeps_what_was_committed_and_goes_on_from_there(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    (folder / "cats.md").unlink()
    for number in range(700):
        (folder / f"n{number:03}.txt").write_text(f"Number {number}.")
    stopping = StopsLater()
    with pytest.raises(KeyboardInterrupt):
        Builder(store, META, lambda: stopping, commit_seconds=0).build(folder)
    kept = set(names(store))
    # Batches of 256 documents: two were finished, and what is gone is removed with the last only.
    assert len(kept) == 3 + 2 * 256
    assert "docs/cats.md" in kept
    assert len(searcher(store).search("number", 50).hits) == 50
    report, encoded = counted(store, folder)
    assert (len(report.added), len(encoded), report.removed) == (700 - 512, 700 - 512, ["docs/cats.md"])
    assert texts(store)["docs/n699.txt"] == "Number 699."


@pytest.mark.local
def test_each_commit_is_a_generation_with_its_views(
    store: IndexStore, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(600):
        (folder / f"n{number:03}.txt").write_text(f"Number {number}.")
    Builder(store, META, WordEncoder, commit_seconds=0).build(folder)
    with store.snapshot() as snapshot:
        assert snapshot.generation == 3
    assert caplog.text == ""
    quick = Store(store.folder.parent / "quick" / ".rag")
    build(quick, folder)
    with quick.snapshot() as snapshot:
        assert snapshot.generation == 1, "a short run is one generation"
