"""Cut the power: make what a disk may hold after it, from the journal of what a process did.

The model is that of the file systems people use. Data is safe once its file was fsynced; of other writes any may be
there, be there in part (sectors of 512 bytes), or be zeros in a file that has its new length already. Names (creations,
renames, deletions) are kept in order up to some moment ("ordered", as ext4 and XFS do: an fsync of anything makes all
names before it safe), or each for itself unless its folder was fsynced ("strict", what POSIX promises).

subtle: a stamp says that files are unchanged by their size and times, so every file it names must be safe before the
stamp is (see index/stamps.py). After a real power cut a file may have the right times and the wrong content; that
cannot be made here, since times are the kernel's, so the order itself is checked.
"""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from torture.kills import made
from torture.oracle import check, check_done
from torture.shim import Fault, arm, mark
from torture.trials import Tally, in_child, scratch
from torture.worlds import Kind, World

SECTOR = 512
STAMPS = ("vectors.json", "lexical.json")
DONE = "done"


@dataclass
class Operation:
    """One line of the journal."""

    what: str
    path: str
    other: str
    at: int
    data: bytes


@dataclass
class File:
    """What a file holds for the process (`now`), and what is on the disk for certain (`safe`)."""

    now: bytearray = field(default_factory=bytearray)
    safe: bytes = b""
    pending: list[Operation] = field(default_factory=list)

    def apply(self, operation: Operation) -> None:
        """Write or cut, in memory."""
        self.pending.append(operation)
        _apply(self.now, operation)

    def sync(self) -> None:
        """Make what was written safe."""
        self.safe = bytes(self.now)
        self.pending.clear()

    def after_the_cut(self, random_: random.Random) -> bytes:
        """Return what the disk holds: what is safe, and of the rest what chance left of it."""
        kept = bytearray(self.safe)
        for operation in self.pending:
            chance = random_.random()
            if chance < 0.4:
                _apply(kept, operation)
            elif chance < 0.6 and operation.what == "write":
                _apply(kept, _part_of(operation, random_))
            elif chance < 0.8 and operation.what == "write":
                zeros = bytes(len(operation.data))
                _apply(kept, Operation("write", operation.path, "", operation.at, zeros))
        return bytes(kept)


@dataclass
class Disk:
    """Names and files, as the process left them, and the changes of names that may still be lost."""

    strict: bool
    names: dict[str, File]
    safe_names: dict[str, File]
    pending: list[Operation] = field(default_factory=list)
    created: dict[int, File] = field(default_factory=dict)
    done: bool = False

    def run(self, operation: Operation) -> None:
        """Follow one operation of the process."""
        what, path = operation.what, operation.path
        if what == "mark":
            self.done = True
        elif what == "write" or (what == "truncate" and path in self.names):
            self.names[path].apply(operation)
        elif what == "sync":
            self._sync(path)
        else:
            if what == "rename" and Path(operation.other).name in STAMPS:
                self._check_stamp(path, Path(operation.other).parent)
            if what == "create":
                self.created[id(operation)] = File()
            self.pending.append(operation)
            self._rename(self.names, operation)

    def after_the_cut(self, random_: random.Random) -> dict[str, bytes]:
        """Return what a disk may hold, by path."""
        names = dict(self.safe_names)
        kept = self.pending[: random_.randint(0, len(self.pending))]
        if self.strict:
            kept = [operation for operation in self.pending if random_.random() < 0.5]
        for operation in kept:
            self._rename(names, operation)
        return {path: file.after_the_cut(random_) for path, file in names.items()}

    def _sync(self, path: str) -> None:
        file = self.names.get(path)
        if file is not None:
            file.sync()
        last = {o.path: n for n, o in enumerate(self.pending) if not self.strict or self._is_made_safe(o, path, file)}
        # subtle: what was done to the same name before is safe with it, or it would be done after it.
        safe = [operation for n, operation in enumerate(self.pending) if n <= last.get(operation.path, -1)]
        for operation in safe:
            self._rename(self.safe_names, operation)
        self.pending = [operation for operation in self.pending if operation not in safe]

    def _is_made_safe(self, operation: Operation, path: str, file: File | None) -> bool:
        """Say whether an fsync of a path makes a change of names safe: that of its folder, or its own creation."""
        own = operation.what == "create" and file is not None and self.created[id(operation)] is file
        return own or path in (str(Path(operation.path).parent), str(Path(operation.other or operation.path).parent))

    def _rename(self, names: dict[str, File], operation: Operation) -> None:
        if operation.what == "create":
            names[operation.path] = self.created[id(operation)]
        elif operation.what == "unlink":
            names.pop(operation.path, None)
        elif operation.what == "rename":
            for path in [p for p in names if p == operation.path or p.startswith(f"{operation.path}/")]:
                names[operation.other + path.removeprefix(operation.path)] = names.pop(path)

    def _check_stamp(self, path: str, folder: Path) -> None:
        for name in json.loads(bytes(self.names[path].now))["files"]:
            file = self.names[str(folder / name)]
            assert not file.pending, f"the stamp {path} names {name}, which is not safe yet"


def cut_power(kind: Kind, trials: int, random_: random.Random) -> Tally:
    """Do the thing once with a journal, then cut the power at so many places of it."""
    tally, began = Tally(f"power cut: {kind.name}"), time.monotonic()
    with scratch() as name:
        folder = Path(name)
        before = made(kind, folder)
        start = {str(path): path.read_bytes() for path in files_below(before.folder)}
        end = in_child(partial(_recorded, kind, before, folder / "journal"))
        assert end.code == 0, end.said
        operations = list(read_journal(folder / "journal"))
        _follow(operations, start, before.folder)
        for number in range(trials):
            # Often at the very end: what was acknowledged must stay.
            at = len(operations) if number % 5 == 0 else random_.randint(0, len(operations))
            disk = disk_at(operations[:at], start, strict=number % 2 == 1)
            world = _written(disk.after_the_cut(random_), before.folder, folder / str(number))
            found = in_child(partial(check_done if disk.done else check, world, kind))
            how = f"at {at} of {len(operations)} operations, {'strict' if disk.strict else 'ordered'}"
            said = found.said.strip().splitlines()[-1:] or [str(found.code)]
            tally.add("after it was done" if disk.done else "before", f"{how}: {said[0]}" if found.code else "")
            world.remove()
    tally.seconds = time.monotonic() - began
    return tally


def _recorded(kind: Kind, world: World, journal: Path) -> None:
    arm(world.folder, 0, Fault.NOTHING, journal=journal)
    kind.do(world)
    mark(DONE)


def disk_at(operations: list[Operation], start: dict[str, bytes], *, strict: bool) -> Disk:
    """Return the disk after some operations."""
    files = {path: File(bytearray(data), data) for path, data in start.items()}
    disk = Disk(strict, files, dict(files))
    for operation in operations:
        disk.run(operation)
    return disk


def _follow(operations: list[Operation], start: dict[str, bytes], folder: Path) -> None:
    """Check the journal itself: following it leads to the files that are there."""
    disk = disk_at(operations, start, strict=False)
    followed = {path: bytes(file.now) for path, file in disk.names.items() if is_told(Path(path))}
    there = {str(path): path.read_bytes() for path in files_below(folder)}
    assert followed == there, sorted(followed.items() ^ there.items())[:3]


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files that the journal tells all of."""
    return (path for path in folder.rglob("*") if path.is_file() and is_told(path))


def is_told(path: Path) -> bool:
    """Say whether the journal tells all of a file: SQLite writes -shm through mapped memory, and makes it again."""
    return not path.name.endswith("-shm") and not path.name.startswith(".")


def _written(files: dict[str, bytes], old: Path, new: Path) -> World:
    for path, data in files.items():
        copy = new / Path(path).relative_to(old)
        if is_told(copy):
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(data)
    new.mkdir(exist_ok=True)
    return World(new)


def read_journal(path: Path) -> Iterator[Operation]:
    """Yield what shim.c wrote."""
    with path.open("rb") as file:
        while line := file.readline():
            what, name, other, at, length = line.decode("utf-8", "surrogateescape").rstrip("\n").split("\t")
            yield Operation(what, name, other, int(at), file.read(int(length)) if what == "write" else b"")


def _apply(data: bytearray, operation: Operation) -> None:
    if operation.what == "truncate":
        del data[operation.at :]
        data.extend(bytes(operation.at - len(data)))
        return
    data.extend(bytes(max(0, operation.at - len(data))))
    data[operation.at : operation.at + len(operation.data)] = operation.data


def _part_of(operation: Operation, random_: random.Random) -> Operation:
    whole = len(operation.data) // SECTOR
    return Operation("write", operation.path, "", operation.at, operation.data[: SECTOR * random_.randint(0, whole)])
