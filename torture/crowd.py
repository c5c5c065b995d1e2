"""Many at once: two writers and eight readers, in processes and in threads, on one index.

Each writer has a folder of its own and writes the same version number into all its documents before each run, so what a
reader sees tells whether it is one generation: of each folder, one version.
"""

import json
import os
import random
import re
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

from index.build import Builder
from index.doctor import examine
from index.errors import IndexBusyError
from index.search import Searcher
from index.store import Store
from tests.conftest import META, WordEncoder
from torture.trials import PATIENCE, Tally, in_child, scratch, start_child

WRITERS = ("left", "right")
READING_PROCESSES, READING_THREADS = 4, 4
DOCUMENTS = 3
ROUND_PATIENCE = 10  # seconds
SAID = re.compile(r"^(\w+) document (\d+) in version (\d+)\.$")


def crowd(rounds: int, seed: int) -> list[Tally]:
    """Let both writers commit so many times each while the others read."""
    tally, began = Tally("many at once: reads"), time.monotonic()
    writes = Tally("many at once: commits")
    patience = PATIENCE + ROUND_PATIENCE * rounds
    with scratch() as name:
        folder = Path(name)
        end = in_child(partial(_write, folder, WRITERS[0], 1, seed))
        assert end.code == 0, end.said
        (folder / "stop").unlink(missing_ok=True)
        readers = [start_child(partial(_read, folder, f"reads-{n}", 1), patience) for n in range(READING_PROCESSES)]
        readers.append(start_child(partial(_read, folder, "reads-threads", READING_THREADS), patience))
        writers = [start_child(partial(_write, folder, writer, rounds, seed), patience) for writer in WRITERS]
        for pid in writers:
            _, status = os.waitpid(pid, 0)
            writes.add("a writer finished", "" if status == 0 else f"a writer ended with {status}")
        (folder / "stop").touch()
        for pid in readers:
            _, status = os.waitpid(pid, 0)
            if status:
                tally.failures.append(f"a reader ended with {status}")
        for path in sorted(folder.glob("reads-*.json")):
            told = json.loads(path.read_text())
            tally.trials += told["reads"]
            tally.failures += told["failures"]
        for path in sorted(folder.glob("writes-*.json")):
            for outcome, times in json.loads(path.read_text()).items():
                writes.count(outcome, times)
        end = in_child(partial(_check, folder, rounds))
        writes.trials = writes.outcomes["committed"]
        if end.code:
            writes.failures.append(end.said)
    tally.seconds = writes.seconds = time.monotonic() - began
    return [tally, writes]


def _write(folder: Path, writer: str, rounds: int, seed: int) -> None:
    """Write versions 1 to `rounds` of a folder's documents, and index each; wait where the other is writing."""
    draw, counted = random.Random(f"{seed} {writer}"), Counter[str]()
    documents = folder / writer
    documents.mkdir(exist_ok=True)
    for version in range(1, rounds + 1):
        for number in range(DOCUMENTS):
            (documents / f"{number}.txt").write_text(f"{writer} document {number} in version {version}.")
        while True:
            try:
                Builder(Store(folder / ".rag"), META, WordEncoder).build(documents)
            except IndexBusyError:
                counted["refused: another writes"] += 1
                time.sleep(draw.uniform(0, 0.05))
            else:
                counted["committed"] += 1
                break
    (folder / f"writes-{writer}.json").write_text(json.dumps(counted))


def _read(folder: Path, name: str, threads: int) -> None:
    """Search until told to stop, with a searcher that lasts and with new ones; all threads share the lasting one."""
    store = Store(folder / ".rag")
    lasting = Searcher(store, WordEncoder())
    told: dict[str, list[str]] = {"failures": []}
    counts = [0] * threads

    def read(number: int) -> None:
        seen = dict.fromkeys(WRITERS, 0)
        generation = 0
        while not (folder / "stop").exists() and not told["failures"]:
            searcher = lasting if counts[number] % 3 else Searcher(store, WordEncoder())
            found = searcher.search("document version", 50)
            problem = _wrong(found.hits, seen)
            if found.generation < generation:
                problem = f"generation {found.generation} after {generation}"
            generation = found.generation
            if problem:
                told["failures"].append(problem)
            counts[number] += 1

    running = [threading.Thread(target=read, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    (folder / f"{name}.json").write_text(json.dumps({"reads": sum(counts), "failures": told["failures"]}))


def _wrong(hits: list, seen: dict[str, int]) -> str:  # type: ignore[type-arg]
    """Say what is not one generation, or older than what was seen before."""
    versions: dict[str, set[int]] = {writer: set() for writer in WRITERS}
    for hit in hits:
        match = SAID.match(hit.passage.text)
        if match is None or not hit.passage.document.startswith(f"{match[1]}/"):
            return f"{hit.passage.document} says {hit.passage.text!r}"
        versions[match[1]].add(int(match[3]))
    for writer, found in versions.items():
        if len(found) > 1:
            return f"versions {sorted(found)} of {writer} at once"
        if found and min(found) < seen[writer]:
            return f"version {found} of {writer} after {seen[writer]}"
        seen[writer] = max(found, default=seen[writer])
    return "" if len(hits) in (DOCUMENTS, 2 * DOCUMENTS) else f"{len(hits)} hits"


def _check(folder: Path, rounds: int) -> None:
    store = Store(folder / ".rag")
    with store.snapshot() as snapshot:
        texts = {snapshot.text(record.id) for record in snapshot.documents()}
    assert texts == {f"{w} document {n} in version {rounds}." for w in WRITERS for n in range(DOCUMENTS)}, texts
    assert all(check.ok for check in examine(store, WordEncoder))
