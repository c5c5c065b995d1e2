"""An index in a table that is read from a local copy, which follows it.

Reading and searching is the copy's; whoever writes, writes to the table, and the copy takes a step at once. In between,
a thread asks every few seconds for the table's version, and takes a step when it is another one. While the table is not
there, the copy answers, and how old it is is said.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from index.copies import SEEN_SECONDS, CopyStore
from index.copying import Shown, Step, step, unseen
from index.errors import IndexBusyError, IndexDamagedError, RagError
from index.interface import IndexTransaction, Rankings
from index.new_rows import now
from index.reading import IndexSnapshot
from index.schema import IndexMeta

if TYPE_CHECKING:
    from index.lance import LanceStore

PATIENCE = 20.0  # seconds that a writer waits for another process's step
TRY_AGAIN_SECONDS = 0.1

logger = logging.getLogger("rag")


@dataclass(frozen=True)
class Standing:
    """How a copy stands to its table.

    `generation` is what it holds (0: there is none), `seen` when that was last the newest (ISO 8601, "" never),
    `failure` why that is not known now ("" if it is), `is_tried` whether this process has tried to find out.
    """

    generation: int
    seen: str
    failure: str
    is_tried: bool


class CopiedStore:
    """A table, and the copy of it in a folder. Thread-safe.

    The first read brings the copy in step, and from then on it is followed; unless `follow` was called before: then
    nobody waits for the table, and until there is a copy, reading raises IndexMissingError.
    """

    def __init__(self, table: "LanceStore", folder: Path, seconds: float = 5.0, shown: Shown = unseen) -> None:
        self.table = table
        self.copy = CopyStore(folder, table.place)
        self._seconds = seconds
        self._shown = shown
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()
        self._stepping = threading.Lock()
        self._commit = ""  # of the table, that the copy is in step with
        self._asked = 0.0  # when more than the version was last asked for
        self._seen = ""
        self._failure = ""
        self._is_tried = threading.Event()
        self._stop = threading.Event()

    @property
    def folder(self) -> Path:
        """Return the folder that names of documents are relative to the parent of."""
        return self.table.folder

    @property
    def place(self) -> str:
        """Return where the table is."""
        return self.table.place

    @contextmanager
    def snapshot(self) -> Iterator[IndexSnapshot]:
        """Give the generation that the copy holds. Raises IndexMissingError if there is no copy yet."""
        self._begin()
        commit = ""
        try:
            with self.copy.snapshot() as here:
                commit = here.commit
                yield here
        except IndexDamagedError as error:
            self.copy.damaged = commit
            raise IndexDamagedError(
                f"the copy in {self.copy.folder} is damaged, and is made anew: ask again"
            ) from error

    def transaction(self, meta: IndexMeta, *, rebuild: bool = False) -> AbstractContextManager[IndexTransaction]:
        """Give a writer a transaction of the table; `mend` then brings the copy in step."""
        return self.table.transaction(meta, rebuild=rebuild)

    def rankings(self, snapshot: IndexSnapshot) -> Rankings:
        """Open the copy's views."""
        return self.copy.rankings(snapshot)

    def mend(self) -> None:
        """Mend the table, and bring the copy in step, so that whoever wrote sees it."""
        self.table.mend()
        try:
            self.catch_up()
        except RagError as error:  # what was written is in the table, and the copy follows when it can
            self._note(error)

    def mend_meanwhile(self) -> None:
        """Leave it to the end of the run."""

    def catch_up(self) -> None:
        """Bring the copy in step now, after waiting for another process that does. Raises what `step` raises."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._step()
            except IndexBusyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(TRY_AGAIN_SECONDS)
            else:
                return

    def follow(self) -> None:
        """Follow the table from now on, in a thread of its own."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="following", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop following, after the step that is being taken."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def standing(self) -> Standing:
        """Say how the copy stands, without asking the table."""
        held = self.copy.held()
        seen = max(self._seen, held.seen) if held else ""
        return Standing(held.generation if held else 0, seen, self._failure, self._is_tried.is_set())

    def _begin(self) -> None:
        """Bring the copy in step before the first read, and follow the table from then on."""
        with self._beginning:
            if self._thread is not None:
                return
            try:
                self._step()
            except RagError as error:
                if self.copy.held() is None:
                    raise
                self._note(error)
            self._is_tried.set()
            self.follow()

    def _run(self) -> None:
        if self._is_tried.is_set():
            self._stop.wait(self._seconds)  # it has just been done
        while not self._stop.is_set():
            self._look()
            self._is_tried.set()
            self._stop.wait(self._seconds)

    def _look(self) -> None:
        try:
            self._step()
        except RagError as error:
            self._note(error)
        except Exception:  # a thread that ends would let the copy grow old in silence
            logger.exception("the copy in %s could not be brought in step", self.copy.folder)
            self._failure = "something went wrong, and the log says what"

    def _step(self) -> None:
        """Take a step if the table has another version, or if more than that was not asked for a minute.

        The views are made where the step was taken; the first time in any case, since a process may have been killed
        before it made them.
        """
        with self._stepping:
            is_first = not self._commit
            is_due = is_first or self.copy.damaged is not None or time.monotonic() - self._asked > SEEN_SECONDS
            if is_due or not self.table.is_at(self._commit):
                taken = step(self.table, self.copy, shown=self._shown)
                self._asked = time.monotonic()
                if taken.changed or is_first:
                    self.copy.mend()
                self._commit = taken.held.commit
                self._say(taken)
            self.copy.empty_log()
            self._seen = now()
            if self._failure:
                logger.warning("%s is there again, and the copy in %s is in step", self.place, self.copy.folder)
                self._failure = ""

    def _say(self, taken: Step) -> None:
        """Say what is not as usual: that a copy that was there was of no use."""
        if taken.anew and taken.anew != "there was none":
            logger.warning("the copy in %s was made anew: %s", self.copy.folder, taken.anew)

    def _note(self, error: RagError) -> None:
        """Remember why it is not known whether the copy is in step, and warn once. That another steps is no fault."""
        if isinstance(error, IndexBusyError):
            return
        if not self._failure:
            held = self.copy.held()
            old = f"generation {held.generation}, last in step at {held.seen}" if held else "there is none yet"
            logger.warning("%s (the copy in %s: %s)", error, self.copy.folder, old)
        self._failure = str(error)


def standing_of(store: object) -> Standing | None:
    """Return how the copy stands that a store reads from; None for a store without one."""
    return store.standing() if isinstance(store, CopiedStore) else None
