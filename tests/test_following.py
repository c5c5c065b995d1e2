"""A table that is read from a copy which follows it: beside writers, without the table, behind a server."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from index.copies import CopyStore
from index.errors import IndexDamagedError, IndexMissingError
from index.following import CopiedStore
from index.lance import LanceStore
from rag.abstention import Gate
from rag.assemble import open_store, open_to_ask
from rag.chain import Chain
from rag.settings import SettingError, Settings
from server.app import create_app
from tests.conftest import META, ROOT, WordReranker, build, clean_environment, searcher
from tests.serving import BROWSER, delete, listed, upload
from ui import desk as desk_module
from ui.desk import Desk

SECONDS = 0.05
PATIENCE = 60


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what comes soon."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(SECONDS)


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[CopiedStore]:
    table = LanceStore(str(tmp_path / "index.lance"), tmp_path / ".rag")
    store = CopiedStore(table, tmp_path / "copy", SECONDS)
    yield store
    store.stop()


def names(store: CopiedStore) -> list[str]:
    with store.snapshot() as snapshot:
        return [record.name for record in snapshot.documents()]


def test_the_first_read_brings_the_copy_in_step_and_then_it_follows(copied: CopiedStore, folder: Path) -> None:
    with pytest.raises(IndexMissingError, match=r"no index at .*index\.lance"):
        names(copied)
    build(copied.table, folder)
    lasting = searcher(copied)
    assert lasting.search("lease", 1).hits[0].passage.document == "docs/lease.txt"
    (folder / "lease.txt").unlink()
    (folder / "new.txt").write_text("A new lease.")
    build(copied.table, folder)
    until(lambda: "docs/new.txt" in names(copied))
    assert {hit.passage.document for hit in lasting.search("lease", 9).hits} & {"docs/new.txt", "docs/lease.txt"} == {
        "docs/new.txt"
    }


def test_nobody_waits_for_a_first_copy_that_is_made_in_the_background(copied: CopiedStore, folder: Path) -> None:
    copied.follow()
    until(lambda: copied.standing().is_tried)
    with pytest.raises(IndexMissingError, match="there is no copy of"):
        names(copied)
    build(copied.table, folder)
    until(lambda: copied.standing().generation == 1)
    assert len(names(copied)) == 3


def test_who_writes_writes_to_the_table_and_sees_it_at_once(copied: CopiedStore, folder: Path) -> None:
    copied._seconds = 3600  # not by the thread
    build(copied.table, folder)
    assert len(names(copied)) == 3
    (folder / "new.txt").write_text("Quite new.")
    assert build(copied, folder).added == ["docs/new.txt"]
    assert "docs/new.txt" in names(copied)
    with copied.table.snapshot() as there:
        assert there.counts()[0] == 4


def test_without_the_table_the_copy_answers_and_says_once_how_old_it_is(
    copied: CopiedStore, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build(copied.table, folder)
    question = searcher(copied)
    before = question.search("When does the lease end?", 5)
    shutil.move(copied.place, f"{copied.place}-away")
    until(lambda: "no index at" in copied.standing().failure)
    for _ in range(5):
        copied._look()
    assert question.search("When does the lease end?", 5) == before
    (warning,) = caplog.messages
    assert "generation 1, last in step at 20" in warning
    standing = copied.standing()
    assert (standing.generation, bool(standing.seen)) == (1, True)
    shutil.move(f"{copied.place}-away", copied.place)
    until(lambda: not copied.standing().failure)
    assert "is there again" in caplog.messages[-1]
    (folder / "new.txt").write_text("Quite new.")
    build(copied.table, folder)
    until(lambda: "docs/new.txt" in names(copied))


def test_without_the_table_a_process_that_starts_answers_from_the_copy(copied: CopiedStore, folder: Path) -> None:
    build(copied.table, folder)
    names(copied)
    shutil.move(copied.place, f"{copied.place}-away")
    later = CopiedStore(LanceStore(copied.place, copied.folder), copied.copy.folder, 3600)
    assert len(names(later)) == 3
    assert "no index at" in later.standing().failure
    later.stop()


def test_damage_that_a_reader_meets_is_mended(copied: CopiedStore, folder: Path) -> None:
    build(copied.table, folder)
    question = searcher(copied)
    question.search("lease", 1)
    connection = sqlite3.connect(copied.copy.path)
    connection.execute("UPDATE documents SET text = replace(text, '900', '100')")
    connection.commit()
    connection.close()
    with pytest.raises(IndexDamagedError, match="is made anew: ask again"):
        question.search("lease rent", 5)
    until(lambda: copied.copy.damaged is None and copied.standing().generation == 1)
    assert "900 euros" in question.search("lease rent", 1).hits[0].passage.text


FOLLOWER = """
import sys, time
from pathlib import Path
from index.following import CopiedStore
from index.lance import LanceStore
from tests.conftest import searcher
store = CopiedStore(LanceStore(sys.argv[1], Path(".")), Path(sys.argv[2]), 0.05)
store.follow()
deadline = time.monotonic() + 60
while store.standing().generation < int(sys.argv[3]) and time.monotonic() < deadline:
    time.sleep(0.02)
print(store.standing().generation, store.standing().failure)
"""
ROUNDS = 6


def test_two_processes_follow_one_copy_and_a_reader_never_sees_two_generations(tmp_path: Path) -> None:
    table = LanceStore(str(tmp_path / "index.lance"), tmp_path / ".rag")
    (tmp_path / "docs").mkdir()

    def write(version: int) -> None:
        for name in "abc":
            (tmp_path / "docs" / f"{name}.txt").write_text(f"Version {version} of zebra {name}.")
        build(table, tmp_path / "docs")

    write(1)
    copy = CopyStore(tmp_path / "copy", table.place)
    followers = [
        subprocess.Popen(
            [sys.executable, "-c", FOLLOWER, table.place, str(copy.folder), str(ROUNDS)],
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    until(lambda: copy.held() is not None)
    lasting, seen = searcher(copy), []
    for version in range(2, ROUNDS + 1):
        write(version)
        for reader in (lasting, searcher(copy)):
            results = reader.search("zebra version", 10)
            versions = {int(n) for hit in results.hits for n in re.findall(r"Version (\d+)", hit.passage.text)}
            assert (versions, len(results.hits)) == ({results.generation}, 3)
            seen.append(results.generation)
    ends = [follower.communicate(timeout=PATIENCE) for follower in followers]
    assert [said.strip() for said, _ in ends] == [str(ROUNDS)] * 2, ends
    assert seen == sorted(seen)
    assert lasting.search("zebra", 1).generation == ROUNDS


def test_a_server_asks_the_copy_and_is_ready_when_there_is_one(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.of({"index": str(tmp_path / "index.lance"), "copy": tmp_path / "copy", "copy_seconds": 0.1})
    store = open_to_ask(settings)
    assert isinstance(store, CopiedStore)
    assert isinstance(open_store(settings), LanceStore), "who indexes writes to the table"
    monkeypatch.chdir(tmp_path)
    chain = Chain(searcher(store), WordReranker(), Gate("words", 0.0, None, None, "by hand"), k=5)
    monkeypatch.setattr(desk_module, "index_meta", lambda settings: META)
    monkeypatch.setattr(desk_module, "open_chain", lambda settings: chain)
    desk = Desk(settings)
    app = create_app(desk, with_page=False)
    with TestClient(app, base_url="http://127.0.0.1", cookies={"rag_browser": BROWSER}) as client:
        desk.chain()
        until(lambda: "IndexMissing" in client.get("/readyz").json().get("detail", ""))
        assert client.get("/readyz").status_code == 503
        build(store.table, folder)
        until(lambda: client.get("/readyz").status_code == 200)
        state = client.get("/readyz").json()
        assert (state["status"], state["copied"]["generation"]) == ("ready", 1)
        assert state["copied"]["in_step"] >= "2026"
        assert "rag_copy_age_seconds" in client.get("/metrics").text
        store._stop.set()  # from here on only who writes brings the copy in step
        assert upload(client, "zebra.txt", b"The zebra is striped.")[0] == 200
        assert "uploads/zebra.txt" in listed(client)
        answer = client.post("/api/ask", json={"question": "What is the zebra?"}).json()
        assert answer["sources"][0]["document"] == "uploads/zebra.txt"
        assert delete(client, "uploads/zebra.txt").status_code == 200
        assert "uploads/zebra.txt" not in listed(client)
        os.rename(store.place, f"{store.place}-away")
        store._look()
        state = client.get("/readyz")
        assert (state.status_code, state.json()["copied"]["generation"]) == (200, 3)
    store.stop()


def test_a_copy_is_of_a_table_and_lies_in_a_folder() -> None:
    assert Settings.of({"index": ".rag", "copy": Path("copy")}).copy is None, "a local index needs none"
    for place in ("s3://bucket/copy", "copy.lance"):
        with pytest.raises(SettingError, match="must be a folder of this machine"):
            Settings.of({"index": "s3://bucket/notes", "copy": Path(place)})
