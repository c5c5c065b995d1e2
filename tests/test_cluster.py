"""Files that are loaded on a Ray cluster (of this machine) make the very index that they make without one."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import ray

from index.build import Builder
from index.cluster import LOCAL, ClusterLoading, Worker, WorkerSettings
from index.encoders import document_encoder
from index.encoding import DEFAULT_ENCODER, encoder_identity
from index.lance import LanceStore
from index.migration import contents
from index.report import BuildReport
from index.schema import IndexMeta
from tests.conftest import assert_one_line_error, clean_environment, rag
from tests.fragile import FragileWorker
from torture.hosts import wait_until

META = IndexMeta(encoder_identity(DEFAULT_ENCODER), 200, 1)


@pytest.fixture(scope="module", autouse=True)
def end_of_the_cluster() -> Iterator[None]:
    yield
    ray.shutdown()


def build(place: Path, folder: Path, worker: type[Worker] | None, **options: bool) -> tuple[BuildReport, LanceStore]:
    """Index a folder with a kind of worker, or without a cluster if it is None."""
    store = LanceStore(str(place), folder.parent / ".rag")
    load = worker and ClusterLoading(LOCAL, WorkerSettings(DEFAULT_ENCODER, META, 10, None), worker)
    return Builder(store, META, document_encoder, load=load).build(folder, **options), store


@pytest.fixture
def documents(folder: Path) -> Path:
    """Return a folder with documents of several formats, an attachment, and a file that cannot be read."""
    for number in range(20):
        (folder / f"{number:02}.txt").write_text(f"Flat {number} is let until {number + 1} May 2031.")
    (folder / "mail.eml").write_text(
        'From: a@example.org\nSubject: Offer\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="x"\n\n'
        "--x\nContent-Type: text/plain\n\nSee the file.\n"
        '--x\nContent-Type: text/plain\nContent-Disposition: attachment; filename="offer.txt"\n\nWe offer 70 euros.\n'
        "--x--\n"
    )
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    return folder


def test_the_same_index_comes_of_it(documents: Path, tmp_path: Path) -> None:
    alone, here = build(tmp_path / "alone.lance", documents, None)
    report, there = build(tmp_path / "cluster.lance", documents, Worker)
    assert (sorted(report.added), report.skipped) == (sorted(alone.added), alone.skipped)
    assert "docs/mail.eml/offer.txt" in report.added
    assert report.encoded == alone.encoded
    with here.snapshot() as one, there.snapshot() as other:
        named = ({d.name: d for d in snapshot.whole_documents()} for snapshot in (one, other))
        for mine, theirs in zip(*(dict(sorted(found.items())).values() for found in named), strict=True):
            assert (mine.name, mine.parsed, mine.chunks) == (theirs.name, theirs.parsed, theirs.chunks)
            assert abs(mine.vectors - theirs.vectors).max() < 1e-5
        columns = ["name", "kind", "exact", "folded"]
        words = (sorted(map(str, s.dataset.to_table(columns=columns).to_pylist())) for s in (one, other))
        assert next(words) == next(words)
    (documents / "00.txt").write_text("Flat 0 is free.")
    (documents / "01.txt").unlink()
    again, _ = build(tmp_path / "cluster.lance", documents, Worker)
    assert (again.changed, again.removed, again.encoded) == (["docs/00.txt"], ["docs/01.txt"], 1)
    assert again.unchanged == len(alone.added) - 2


def test_a_worker_that_dies_costs_nothing_and_a_poisoned_file_is_named(documents: Path, tmp_path: Path) -> None:
    (documents / "05-once.txt").write_text("The worker dies on it once.")
    (documents / "06-poison.txt").write_text("Every worker dies on it.")
    (documents / "07-fault.txt").write_text("Every worker fails on it.")
    report, store = build(tmp_path / "cluster.lance", documents, FragileWorker)
    assert (documents / "05-once.died").exists()
    assert sorted((name, why) for name, why in report.skipped if "worker" in why) == [
        ("docs/06-poison.txt", "every worker that read it died: its memory may not have been enough"),
        ("docs/07-fault.txt", "its worker failed: ZeroDivisionError: division by zero"),
    ]
    bad = {name for name, why in report.skipped if "worker" in why}
    alone, here = build(tmp_path / "alone.lance", documents, None)
    with here.snapshot() as one, store.snapshot() as other:
        assert contents(one).checksums.keys() - contents(other).checksums.keys() == bad
        assert len(contents(other).checksums) == other.counts()[0], "nothing is there twice"
    assert len(alone.added) == len(report.added) + len(bad)


def test_workers_of_another_version_are_refused(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Exception, match="has version"):
        Worker(WorkerSettings(DEFAULT_ENCODER, META, 10, None), "0.0")


def test_the_command_says_what_is_missing(documents: Path, tmp_path: Path) -> None:
    assert_one_line_error(rag("index", "docs", "--ray", "local", cwd=tmp_path), 1, "--ray is for a table", "--to")
    gone = rag("index", "docs", "--to", "i.lance", "--ray", "127.0.0.1:1", cwd=tmp_path)
    assert_one_line_error(gone, 1, "no Ray cluster at 127.0.0.1:1")


def test_who_stops_it_leaves_nothing_running(documents: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rag", "index", "docs", "--to", "i.lance", "--ray", "local"]
    started = subprocess.Popen(command, cwd=tmp_path, env=clean_environment(), stderr=subprocess.PIPE, text=True)
    wait_until("Ray", lambda: len(processes_in(tmp_path)) > 1, 60)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=60)
    assert (started.returncode, "Traceback" in said) == (130, False), said
    assert said.splitlines()[-1].startswith("rag: stopped")
    assert wait_until("the end of all", lambda: not processes_in(tmp_path), 5) < 5


def processes_in(folder: Path) -> list[int]:
    """Return the processes whose working directory is a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == folder:
                found.append(int(process.name))
    return found


def test_the_command_indexes_on_a_cluster(documents: Path, tmp_path: Path) -> None:
    done = rag("index", "docs", "--to", "i.lance", "--ray", "local", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "docs/19.txt" in done.stdout
    assert "Ray" not in done.stderr
    asked = rag("ask", "Until when is flat 7 let?", "--index", "i.lance", cwd=tmp_path)
    assert "8 May 2031" in asked.stdout, asked.stderr
