"""Keep a view (FAISS, tantivy) in step with the store.

A view is files made from the store, and a stamp beside them: which commit they show, and a seal for each (see
stamps.py). A view is used only if its stamp names the very commit that the reader sees and every file is what was
sealed. Otherwise it catches up or is made again from the store's rows, without encoding anything: on disk if the
writer's lock is free, in memory if another process is writing or the folder is read-only. So a reader never sees a view
of another generation. Where making it in memory would take long, a reader waits for the writer, who is making it too.
"""

import errno
import logging
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol, Self, TypeVar

from index.errors import StorageError
from index.snapshot import Snapshot
from index.stamps import Stamp

MANY_CHUNKS = 20_000  # from here on, a view is not made in a moment
WAIT_SECONDS = 60.0
WAIT_STEP = 0.05
REMOVAL_SECONDS = 2.0

logger = logging.getLogger("rag")


class ViewState(StrEnum):
    """How a view on disk relates to the store."""

    IN_STEP = "in step"
    BEHIND = "behind"
    MISSING = "missing"
    DAMAGED = "damaged"


class Viewed(Protocol):
    """The store that views are made of, as far as they need it."""

    folder: Path

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Give the newest generation."""

    def locked_if_free(self) -> AbstractContextManager[bool]:
        """Hold the writer's lock if it can be had at once; say whether it is held."""

    def is_locked(self) -> bool:
        """Say whether someone else is writing."""


class View(ABC):
    """A view of the store's chunks. Subclasses say how it is made, loaded and carried on."""

    name: ClassVar[str]
    stamp_file: ClassVar[str]
    version: ClassVar[int]  # raised when the same chunks would give other files

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of chunks in it."""

    @classmethod
    @abstractmethod
    def in_memory(cls, snapshot: Snapshot) -> Self:
        """Make the view without touching the disk."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Open the files, whose hashes have been compared."""

    @classmethod
    @abstractmethod
    def write(cls, folder: Path, snapshot: Snapshot, since: int | None, unstamp: Callable[[], None]) -> Self:
        """Write the files: from the changes since a generation if the view can, from all chunks if `since` is None.

        `unstamp` must be called before any file that the stamp covers is touched: late, since until then readers of
        the generation before can use it.
        """

    @classmethod
    @abstractmethod
    def files(cls, folder: Path) -> list[Path]:
        """Return the files that the stamp covers."""


AnyView = TypeVar("AnyView", bound=View)


def open_view(kind: type[AnyView], store: Viewed, snapshot: Snapshot) -> AnyView:
    """Return the view of this snapshot's generation, mended on disk or made in memory if need be."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            view = _view_on_disk(kind, store, snapshot)
        except StorageError:  # tantivy takes a lock even to read, and cannot in a read-only folder
            break
        if view is not None:
            return view
        is_busy = store.is_locked()
        if not is_busy or time.monotonic() > deadline or snapshot.counts()[1] < MANY_CHUNKS:
            break
        time.sleep(WAIT_STEP)
    return kind.in_memory(snapshot)


def _view_on_disk(kind: type[AnyView], store: Viewed, snapshot: Snapshot) -> AnyView | None:
    """Return the view on disk, mended if need be and possible; None if it is not of this generation."""
    state, stamp = view_state(kind, store.folder, snapshot)
    if state is ViewState.IN_STEP:
        view = kind.load(store.folder)
        # subtle: a writer may have replaced the files since they were compared; it takes the stamp away first.
        if Stamp.read(store.folder / kind.stamp_file) == stamp:
            return view
    with store.locked_if_free() as locked:
        if locked and _is_newest(store, snapshot):
            if state is ViewState.DAMAGED:
                logger.warning("the %s files in %s were damaged: made again from the store", kind.name, store.folder)
            try:
                return update_view(kind, store.folder, snapshot)
            except StorageError as error:
                logger.warning("%s; searching without it on disk", error)
    return None


def update_view(kind: type[AnyView], folder: Path, snapshot: Snapshot) -> AnyView:
    """Write the view of this snapshot. The caller holds the writer's lock. Raises StorageError."""
    state, stamp = view_state(kind, folder, snapshot)
    if state is ViewState.IN_STEP:
        with suppress(StorageError):
            return kind.load(folder)

    def unstamp() -> None:
        remove(folder / kind.stamp_file)  # from here until the new stamp, the files are nobody's

    try:
        try:
            view = kind.write(
                folder, snapshot, stamp.generation if stamp and state is ViewState.BEHIND else None, unstamp
            )
        except StorageError:
            view = kind.write(folder, snapshot, None, unstamp)
        unstamp()
        written = Stamp(snapshot.generation, snapshot.commit, kind.version, {})
        seals = (stamp or written).seals(folder, kind.files(folder))
        write_atomically(folder / kind.stamp_file, replace(written, files=seals).to_json())
    except OSError as error:
        raise StorageError(f"cannot write the {kind.name} files in {folder}: {error.strerror or error}") from error
    return view


def view_state(
    kind: type[View], folder: Path, snapshot: Snapshot, *, thorough: bool = False
) -> tuple[ViewState, Stamp | None]:
    """Compare a view on disk with the store; with `thorough` also the content of files that look unchanged."""
    try:
        stamp = Stamp.read(folder / kind.stamp_file)
        if stamp is not None and stamp.version != kind.version:
            return ViewState.MISSING, None
        seals = stamp.seals(folder, kind.files(folder), thorough=thorough) if stamp else {}
    except FileNotFoundError:
        return ViewState.MISSING, None
    except OSError:
        return ViewState.DAMAGED, None
    if stamp is None or not stamp.covers(seals):
        return ViewState.DAMAGED, None
    if (stamp.generation, stamp.commit) == (snapshot.generation, snapshot.commit):
        return ViewState.IN_STEP, stamp
    known = stamp.generation < snapshot.generation and snapshot.has_commit(stamp.generation, stamp.commit)
    return (ViewState.BEHIND, stamp) if known else (ViewState.MISSING, None)


def _is_newest(store: Viewed, snapshot: Snapshot) -> bool:
    with store.snapshot() as newest:
        return bool(newest.commit == snapshot.commit)


def remove(path: Path) -> None:
    """Remove a file or a folder with all in it, if it is there.

    subtle: tantivy's threads may be putting their files in order in a folder that was just written, or a reader making
    its lock there, so that it is not empty when all in it was removed. That takes a moment, and then it is tried again.
    """
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    deadline = time.monotonic() + REMOVAL_SECONDS
    while path.is_dir():
        try:
            shutil.rmtree(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.ENOENT) or time.monotonic() > deadline:
                raise
            time.sleep(WAIT_STEP)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file or nothing of it, also when the power fails: temporary file, fsync, rename."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
