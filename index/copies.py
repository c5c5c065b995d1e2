"""A local copy of an index that lies elsewhere: a local index like any other, in a folder of its own.

What it holds, and of what, stands in its database (`Held`). Only steps write to it (copying.py); where it is damaged it
is made anew, since all of it is where it is from.
"""

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from index.errors import IndexDamagedError, IndexMissingError, IndexOutdatedError, RagError, StorageError
from index.new_rows import now
from index.reading import IndexSnapshot
from index.store import BUSY_SECONDS, MARK, Store

SEEN_SECONDS = 60.0  # so often it is written down that the copy is in step


@dataclass(frozen=True)
class Held:
    """What a copy holds: of which index, its commit and generation there, and when that was last seen to be the newest.

    `seen` is ISO 8601, to the minute or so.
    """

    of: str
    commit: str
    generation: int
    seen: str

    @classmethod
    def read(cls, written: str) -> "Held | None":
        """Return what a copy's database says, None if it says nothing that can be read."""
        try:
            held = cls(**json.loads(written))
        except (TypeError, ValueError):
            return None
        return held if isinstance(held.generation, int) else None

    def written(self) -> str:
        """Return it as it stands in the database."""
        return json.dumps(asdict(self))

    @classmethod
    def at(cls, place: str, there: IndexSnapshot) -> "Held":
        """Return that a copy is in step, now, with a generation of the index at a place."""
        return cls(place, there.commit, there.generation, now())

    @property
    def is_old(self) -> bool:
        """Say whether it is time to write down again that the copy is in step."""
        return datetime.now(UTC) - datetime.fromisoformat(self.seen) > timedelta(seconds=SEEN_SECONDS)


class CopyStore(Store):
    """The local index that is a copy of the one at `of`. `damaged` is the commit in which a reader met damage."""

    is_copy = True

    def __init__(self, folder: Path, of: str) -> None:
        super().__init__(folder)
        self.of = of
        self.damaged: str | None = None

    def held(self) -> Held | None:
        """Return what the copy holds; None if there is none that can be used."""
        try:
            with self.snapshot() as here:
                held = Held.read(here.copied)
                return held if held and held.generation == here.generation else None
        except (IndexMissingError, IndexDamagedError, IndexOutdatedError):
            return None

    def make_folder(self) -> None:
        """Make the folder, marked as a copy's, so that nothing else is ever replaced. Raises StorageError."""
        mark = self.folder / MARK
        if self.path.exists() and not mark.exists():
            raise StorageError(f"{self.folder} holds an index that is no copy: name another folder for the copy")
        super().make_folder()
        with self._translated():
            if not mark.exists():
                mark.write_text(
                    f"A copy of {self.of}, which `rag` replaces as it likes: index there, not here.\n", "utf-8"
                )

    def empty_log(self) -> None:
        """Try again what a reader was in the way of: what was removed leaves the disk."""
        log = Path(f"{self.path}-wal")
        if not log.exists() or not log.stat().st_size:
            return
        with self.locked_if_free() as locked, self._translated():
            if locked:
                with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
                    self._empty_log(connection)

    def _set_damaged_aside(self) -> None:
        """Remove a database that cannot be used; what it held is where it is from. The caller holds the lock."""
        try:
            with self.snapshot() as here:
                if here.commit != self.damaged:
                    self.damaged = None  # another process has made it anew
                    return
        except IndexMissingError:
            if self.damaged is None:
                return
        except (IndexDamagedError, IndexOutdatedError):
            pass
        for suffix in ("-wal", "-shm", ""):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        self.damaged = None

    def _missing(self) -> RagError:
        return IndexMissingError(f"there is no copy of {self.of} in {self.folder} yet: `rag follow` makes it")

    def _damaged(self, what: str) -> IndexDamagedError:
        message = f"the copy in {self.folder} is damaged ({what}): `rag follow --verify` makes it anew"
        return IndexDamagedError(message, what)
