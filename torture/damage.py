"""Damage every file of an index, each in every way, then ask, examine and mend it.

What is damaged must be found: mended without a word from the store, or refused with the command that mends. An answer
that is given all the same must be true: the document's own text, under the score that it has.
"""

import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from index.doctor import examine
from index.errors import RagError
from index.search import Searcher
from index.store import DATABASE
from tests.conftest import WordEncoder
from torture.oracle import BrokenPromiseError, is_found, texts_in
from torture.trials import Tally, in_child, scratch
from torture.worlds import AFTER, AS_LARGE, BEFORE, Texts, World, limits

OWNERS = "conversations."  # no part of the index
NOT_OURS = "not an index of this program"


def damage(trials: int, random_: random.Random) -> list[Tally]:
    """Damage so many files in each way, of an index with few chunks and of one that is kept as one with many."""
    tallies = []
    with scratch() as name:
        for size, values in (("small", {}), ("large", AS_LARGE)):
            folder = Path(name) / size
            end = in_child(partial(_made, folder, values))
            assert end.code == 0, end.said
            for way in WAYS:
                tally, began = Tally(f"damaged: {way}, {size} index"), time.monotonic()
                for number in range(trials):
                    world = World(folder / ("closed", "open")[number % 2]).clone(folder / str(number))
                    paths = sorted(p for p in (world.folder / ".rag").rglob("*") if _is_ours(p))
                    path = _drawn(paths, world.folder / ".rag", random_)
                    if not WAYS[way](path, folder / "older" / path.relative_to(world.folder), random_):
                        tally.add("nothing to damage")
                        world.remove()
                        continue
                    end = in_child(partial(_endure, world, values))
                    outcome = end.said.strip().splitlines()[-1] if end.said else "hung or crashed"
                    name_ = path.relative_to(world.folder / ".rag")
                    tally.add(
                        "failed" if end.code else outcome, f"{name_}, trial {number}: {outcome}" if end.code else ""
                    )
                    world.remove()
                tally.seconds = time.monotonic() - began
                tallies.append(tally)
    return tallies


def _made(folder: Path, values: dict[str, int]) -> None:
    """Make an older copy of an index, one whose log holds the last commit since someone reads, and one without."""
    with limits(values):
        world = World(folder / "making")
        world.write(BEFORE)
        world.build()
        world.clone(folder / "older")
        world.write(AFTER)
        with world.store.snapshot():
            world.build()
            world.clone(folder / "open")
        world.build()  # empties the log, now that nobody reads
        world.clone(folder / "closed")


def _endure(world: World, values: dict[str, int]) -> None:
    """Ask, examine, mend, and check that it is whole. Prints what came of it."""
    with limits(values):
        said = _asked(world)
        found = _examined(world)
        if said == "incomplete" and not found:
            raise BrokenPromiseError("a document is not found, and nobody says why")
        try:
            world.build()
            mended = "by rag index"
        except RagError as error:
            if NOT_OURS in str(error) and "--index" in str(error):
                print("refused: another program's database")
                return
            if "--rebuild" not in str(error):
                raise BrokenPromiseError(f"no command that mends: {error}") from error
            mended = ""
        if not mended or any("--rebuild" in mend for mend in _examined(world)):
            world.build(rebuild=True)
            mended = "by --rebuild"
        for aside in world.store.set_aside():
            aside.unlink()
        left = [check.detail for check in examine(world.store, WordEncoder) if not check.ok]
        if left or texts_in(world.store) != AFTER or _asked(world) != "complete":
            raise BrokenPromiseError(f"mended {mended}, it is not whole: {left}")
        print(f"{said}, {'found' if found else 'no harm'}, mended {mended}")


def _asked(world: World) -> str:
    """Search for every document: all found, some, or refused. Raises BrokenPromiseError for anything untrue."""
    searcher = Searcher(world.store, WordEncoder())
    complete = True
    try:
        texts = texts_in(world.store)
        truths: list[Texts] = [truth for truth in (AFTER, BEFORE) if texts.items() <= truth.items()]
        if not truths:
            raise BrokenPromiseError("a text that no document has")
        for name, said in truths[0].items():
            try:
                is_found(searcher, name, said, truths[0])
            except BrokenPromiseError as error:
                if "does not find" not in str(error):
                    raise
                complete = False
    except RagError:
        return "refused"
    return "complete" if complete else "incomplete"


def _examined(world: World) -> list[str]:
    """Return the commands that mend what the doctor finds."""
    try:
        return [check.mend for check in examine(world.store, WordEncoder) if not check.ok]
    except RagError as error:
        return [str(error)]


def _is_ours(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(OWNERS)


def _drawn(paths: list[Path], folder: Path, random_: random.Random) -> Path:
    """Draw a file: the database in one of two trials, else each view's files as often as the other's."""
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(path.relative_to(folder).parts[0], []).append(path)
    if random_.random() < 0.5:
        return random_.choice([path for path in paths if path.name in (DATABASE, f"{DATABASE}-wal")])
    return random_.choice(groups[random_.choice(sorted(groups))])


def _flip(path: Path, older: Path, random_: random.Random) -> bool:
    data = bytearray(path.read_bytes())
    if data:
        data[random_.randrange(len(data))] ^= 1 << random_.randrange(8)
        path.write_bytes(data)
    return bool(data)


def _zeros(path: Path, older: Path, random_: random.Random) -> bool:
    data = bytearray(path.read_bytes())
    at = random_.randrange(0, max(1, len(data)), 512)
    data[at : at + 4096] = bytes(len(data[at : at + 4096]))
    path.write_bytes(data)
    return bool(data)


def _truncate(path: Path, older: Path, random_: random.Random) -> bool:
    data = path.read_bytes()
    path.write_bytes(data[: random_.randrange(len(data))] if data else data)
    return bool(data)


def _empty(path: Path, older: Path, random_: random.Random) -> bool:
    path.write_bytes(b"")
    return True


def _missing(path: Path, older: Path, random_: random.Random) -> bool:
    path.unlink()
    return True


def _foreign(path: Path, older: Path, random_: random.Random) -> bool:
    path.unlink()
    if random_.random() < 0.5:
        path.write_bytes(random_.randbytes(random_.randint(1, 20_000)))
        return True
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE theirs (x)")
    database.commit()
    database.close()
    return True


def _older(path: Path, older: Path, random_: random.Random) -> bool:
    if not older.exists():
        return False
    shutil.copy2(older, path)
    return True


WAYS: dict[str, Callable[[Path, Path, random.Random], bool]] = {
    "flip": _flip,
    "zeros": _zeros,
    "truncate": _truncate,
    "empty": _empty,
    "missing": _missing,
    "foreign": _foreign,
    "older": _older,
}
