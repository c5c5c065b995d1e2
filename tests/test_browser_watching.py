"""Two people ask and add files on the page while `rag watch` follows a folder that changes all the time."""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from index.store import Store
from tests.browsing import Person, Site, browser, person, serve
from tests.conftest import BOOT, clean_environment

__all__ = ["browser", "person"]

GATES = ("alpha", "beta", "gamma")
ROUNDS = 3
SECONDS = 120


def text(gate: str, version: int) -> str:
    return f"The {gate} gate opens at {version} o'clock. The {gate} gate closes at {version + 12} o'clock.\n"


class Writer(threading.Thread):
    """Somebody who saves one file after another, as editors do."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.version = 0
        self.ended = threading.Event()
        self.save()

    def save(self) -> None:
        self.version += 1
        for gate in GATES:
            (self.folder / f"{gate}.txt~").write_text(text(gate, self.version))
            (self.folder / f"{gate}.txt~").replace(self.folder / f"{gate}.txt")

    def run(self) -> None:
        while not self.ended.wait(1.5):
            self.save()


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Writer:
    folder = tmp_path_factory.mktemp("watched") / "notes"
    folder.mkdir()
    return Writer(folder)


@pytest.fixture(scope="module")
def site(writer: Writer) -> Iterator[Site]:
    home = writer.folder.parent
    with (home / "output").open("wb") as output:
        watching = subprocess.Popen(
            [sys.executable, "-u", "-c", BOOT, "watch", "notes"],
            cwd=home,
            env=clean_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: "3 new" in (home / "output").read_text())
        yield from serve(home, seeds=False)
        assert watching.poll() is None, (home / "output").read_text()
        watching.send_signal(signal.SIGTERM)
        watching.wait(SECONDS)
        assert "Traceback" not in (home / "output").read_text()
    finally:
        watching.kill()
        watching.wait()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def texts(folder: Path) -> dict[str, str]:
    with Store(folder).snapshot() as snapshot:
        return {record.name: snapshot.text(record.id) for record in snapshot.documents()}


def check_answer(answer: dict, uploads: dict[str, str]) -> None:
    """Each quote is what its document said in one version, and each document is there in one version only."""
    versions: dict[str, set[str]] = {}
    places = [(s["document"], s["start"], s["end"], s["quote"]) for s in answer["sources"]]
    places += [(p["document"], p["start"], p["end"], p["text"]) for p in answer["passages"]]
    assert places
    for document, start, end, quote in places:
        if document in uploads:
            assert uploads[document][start:end] == quote
            continue
        gate = Path(document).stem
        opens = re.search(r"opens at (\d+)", quote)
        version = int(opens[1]) if opens else int(re.search(r"closes at (\d+)", quote)[1]) - 12
        assert text(gate, version)[start:end] == quote
        versions.setdefault(document, set()).add(str(version))
    assert all(len(found) == 1 for found in versions.values()), versions


def test_two_people_and_a_watcher_are_in_nobodys_way(person: Callable[..., Person], site: Site, writer: Writer) -> None:
    people = [person(site.address), person(site.address)]
    writer.start()
    uploads = {}
    for number in range(ROUNDS):
        for who, someone in enumerate(people):
            name, said = f"p{who}n{number}.txt", f"Person {who} says that otter {number} sleeps all day.\n"
            assert someone.upload(name, said.encode()) == "indexed"
            uploads[f"uploads/{name}"] = said
            someone.tab("Chat")
            # Both ask at the same time; the other's answer is waited for in its own turn.
            someone.page.fill("#question textarea", f"When does the {GATES[number]} gate open?")
            someone.page.press("#question textarea", "Enter")
        for someone in people:
            expect(someone.page.locator(".turn:not(.live)")).to_have_count(number + 1, timeout=60_000)
    writer.ended.set()
    writer.join()
    expected = {f"notes/{gate}.txt": text(gate, writer.version) for gate in GATES} | uploads
    until(lambda: texts(site.desk.settings.index) == expected)
    for someone in people:
        # What a document said when it was read, and does not say any more, is left out; that is all there may be.
        notes = someone.page.locator(".turn .note").all_inner_texts()
        assert [note for note in notes if not re.fullmatch(r"\d left out: not supported .* any more\.", note)] == []
        assert someone.errors == []
        (talk,) = someone.context.request.get(f"{site.address}api/conversations").json()
        turns = someone.context.request.get(f"{site.address}api/conversations/{talk['id']}").json()
        assert [turn["question"] for turn in turns] == [f"When does the {gate} gate open?" for gate in GATES]
        for turn in turns:
            assert turn["answer"]["claims"] or turn["answer"]["dropped"], turn
            check_answer(turn["answer"], uploads)
        someone.ask("When does the alpha gate open?")
        assert f"opens at {writer.version} o'clock" in someone.last(".sentence")
