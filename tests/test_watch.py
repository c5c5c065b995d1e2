"""`rag watch`: what it looks at, and what a person sees of it. Processes of their own, without a network."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from index.build import Builder
from index.documents import discover_part
from index.ignoring import EVERYTHING, Rules
from index.report import BuildReport
from index.store import Store
from rag.watching import change_lines, list_changed
from tests.conftest import BOOT, META, WordEncoder, build, clean_environment, searcher
from tests.test_build import names

SECONDS = 60


class Watching:
    """A running `rag watch notes`, and what it has printed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.output = home / "output"
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-c", BOOT, "watch", "notes", "--exclude", "drafts/"],
                cwd=home,
                env=clean_environment(),
                stdout=file,
                stderr=subprocess.STDOUT,
                preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            )

    def wait_for(self, *lines: str) -> None:
        """Wait until these lines were printed, in any order, behind the time of day."""
        deadline = time.monotonic() + SECONDS
        while not set(lines) <= {line[9:] for line in self.output.read_text().splitlines()}:
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, (lines, self.output.read_text())
            time.sleep(0.05)


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    (tmp_path / "notes" / "sub").mkdir(parents=True)
    (tmp_path / "notes" / "lease.txt").write_text("The lease ends on 3 May 2031.")
    (tmp_path / "notes" / "sub" / "dogs.txt").write_text("Dogs bark.")
    found = Watching(tmp_path)
    try:
        found.wait_for("2 new, 0 changed, 0 removed, 0 unchanged")
        yield found
    finally:
        found.process.kill()
        found.process.wait()


def test_every_kind_of_change_is_followed_and_ctrl_c_ends_quietly(watching: Watching) -> None:
    notes = watching.home / "notes"
    (notes / "new~").write_text("The lease ends never.")
    (notes / "new~").replace(notes / "lease.txt")  # how editors save
    watching.wait_for("changed notes/lease.txt")
    (notes / "sub" / "dogs.txt").rename(notes / "hounds.txt")
    watching.wait_for("moved notes/sub/dogs.txt to notes/hounds.txt")
    with (notes / "half.txt").open("w") as file:
        file.write("The first half")
        file.flush()
        watching.wait_for("new notes/half.txt")
        file.write(" and the zebra half.")
    watching.wait_for("changed notes/half.txt")
    (notes / "drafts").mkdir()
    (notes / "drafts" / "a.txt").write_text("A draft.")
    (notes / "letters").mkdir()
    (notes / "letters" / "b.txt").write_text("A letter.")
    watching.wait_for("new notes/letters/b.txt")
    (notes / "half.txt").write_bytes(b"\0")
    watching.wait_for("removed notes/half.txt", "skipped notes/half.txt: binary, not text")
    (notes / ".ragignore").write_text("hounds.txt\n")
    watching.wait_for("removed notes/hounds.txt")
    assert names(Store(watching.home / ".rag")) == ["notes/lease.txt", "notes/letters/b.txt"]
    watching.process.send_signal(signal.SIGINT)
    assert watching.process.wait(SECONDS) == 0
    assert "Traceback" not in watching.output.read_text()
    assert "stopped" not in watching.output.read_text()


def test_a_folder_that_vanishes_loses_nothing_and_is_followed_when_it_is_back(watching: Watching) -> None:
    notes = watching.home / "notes"
    notes.rename(watching.home / "away")
    watching.wait_for("waiting for notes: nothing is there, what is indexed stays")
    notes.mkdir()  # as if its disk were not mounted
    time.sleep(1.5)
    assert len(names(Store(watching.home / ".rag"))) == 2
    notes.rmdir()
    (watching.home / "away" / "lease.txt").write_text("It ended while nobody looked.")
    (watching.home / "away").rename(notes)
    watching.wait_for("0 new, 1 changed, 0 removed, 1 unchanged")
    (notes / "sub" / "dogs.txt").unlink()
    watching.wait_for("removed notes/sub/dogs.txt")


def look(
    store: Store,
    folder: Path,
    *changed: Path,
) -> BuildReport:
    tops, listing = list_changed(changed, [folder], store.folder, EVERYTHING)
    return Builder(store, META, WordEncoder).build(*tops, listing=listing, may_be_empty=True)


def test_only_what_changed_is_looked_at(store: Store, folder: Path) -> None:
    build(store, folder)
    (folder / "lease.txt").write_text("Changed.")
    (folder / "cats.md").unlink()
    assert look(store, folder, folder / "lease.txt").changed == ["docs/lease.txt"]
    assert "docs/cats.md" in names(store)
    report = look(store, folder, folder / "cats.md")
    assert (report.removed, report.unchanged) == (["docs/cats.md"], 0)
    assert searcher(store).search("cats sleep", 9).hits[0].passage.document == "docs/sub/dogs.txt"


def test_what_a_full_pass_would_not_find_is_not_found(store: Store, folder: Path) -> None:
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "a.txt").write_text("Hidden.")
    (folder / "sub" / ".ragignore").write_text("dogs.txt\n")
    rules = Rules(exclude=("lease*",))
    for path in ("loop/cats.md", ".hidden/a.txt", "sub/dogs.txt", "sub", "lease.txt", "gone.txt", "loop"):
        assert discover_part(folder / path, folder, store.folder, rules).files == [], path
    found = discover_part(folder / "cats.md", folder, store.folder, rules).files
    assert [source.name for source in found] == ["docs/cats.md"]


def test_a_line_for_each_change() -> None:
    report = BuildReport(added=["a", "c"], changed=["d"], removed=["b"], moved=[("b", "a")], skipped=[("e", "empty")])
    assert list(change_lines(report)) == ["moved b to a", "new c", "changed d", "skipped e: empty"]
