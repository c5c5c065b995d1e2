"""Keep a view (FAISS, tantivy) in step with the store.

A view is files made from the store, and a stamp beside them: which commit they show, and the SHA-256 of each. A view is
used only if its stamp names the very commit that the reader sees and every file has its hash. Otherwise it catches up
or is made again from the store's rows, without encoding anything: on disk if the writer's lock is free, in memory if
another process is writing or the folder is read-only. So a reader never sees a view of another generation.
"""

import hashlib
import json
import logging
import os
import shutil
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Self, TypeVar

from index.errors import StorageError
from index.snapshot import Snapshot
from index.store import Store

logger = logging.getLogger("rag")


class ViewState(StrEnum):
    """How a view on disk relates to the store."""

    IN_STEP = "in step"
    BEHIND = "behind"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Stamp:
    """The commit that a view's files show, their hashes, and the version of the view that wrote them."""

    generation: int
    commit: str
    files: dict[str, str]
    version: int = 1


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
    def write(cls, folder: Path, snapshot: Snapshot, since: int | None) -> Self:
        """Write the files: from the changes since a generation if the view can, from all chunks if `since` is None."""

    @classmethod
    @abstractmethod
    def files(cls, folder: Path) -> list[Path]:
        """Return the files that the stamp covers."""


AnyView = TypeVar("AnyView", bound=View)


def open_view(kind: type[AnyView], store: Store, snapshot: Snapshot) -> AnyView:
    """Return the view of this snapshot's generation, mended on disk or made in memory if need be."""
    state, stamp = view_state(kind, store.folder, snapshot)
    if state is ViewState.IN_STEP:
        try:
            view = kind.load(store.folder)
        except StorageError:  # tantivy takes a lock even to read, and cannot in a read-only folder
            return kind.in_memory(snapshot)
        # subtle: a writer may have replaced the files since they were compared; it takes the stamp away first.
        if _read_stamp(store.folder / kind.stamp_file) == stamp:
            return view
    with store.locked_if_free() as locked:
        if locked and _is_newest(store, snapshot):
            if state is ViewState.DAMAGED:
                logger.warning("the %s files in %s were damaged: made again from the store", kind.name, store.folder)
            try:
                return update_view(kind, store.folder, snapshot)
            except StorageError as error:
                logger.warning("%s; searching without it on disk", error)
    return kind.in_memory(snapshot)


def update_view(kind: type[AnyView], folder: Path, snapshot: Snapshot) -> AnyView:
    """Write the view of this snapshot. The caller holds the writer's lock. Raises StorageError."""
    state, stamp = view_state(kind, folder, snapshot)
    if state is ViewState.IN_STEP:
        with suppress(StorageError):
            return kind.load(folder)
    try:
        remove(folder / kind.stamp_file)  # from here until the new stamp, the files are nobody's
        try:
            view = kind.write(folder, snapshot, stamp.generation if stamp and state is ViewState.BEHIND else None)
        except StorageError:
            view = kind.write(folder, snapshot, None)
        hashes = {str(path.relative_to(folder)): _sha256(path) for path in kind.files(folder)}
        stamp = Stamp(snapshot.generation, snapshot.commit, hashes, kind.version)
        write_atomically(folder / kind.stamp_file, json.dumps(stamp.__dict__).encode("ascii"))
    except OSError as error:
        raise StorageError(f"cannot write the {kind.name} files in {folder}: {error.strerror or error}") from error
    return view


def view_state(kind: type[View], folder: Path, snapshot: Snapshot) -> tuple[ViewState, Stamp | None]:
    """Compare a view on disk with the store."""
    try:
        stamp = _read_stamp(folder / kind.stamp_file)
        found = {str(file.relative_to(folder)): _sha256(file) for file in kind.files(folder)}
    except FileNotFoundError:
        return ViewState.MISSING, None
    except OSError:
        return ViewState.DAMAGED, None
    if stamp is None or found != stamp.files:
        return ViewState.DAMAGED, None
    if stamp.version != kind.version:
        return ViewState.MISSING, None
    if (stamp.generation, stamp.commit) == (snapshot.generation, snapshot.commit):
        return ViewState.IN_STEP, stamp
    known = stamp.generation < snapshot.generation and snapshot.has_commit(stamp.generation, stamp.commit)
    return (ViewState.BEHIND, stamp) if known else (ViewState.MISSING, None)


def _read_stamp(path: Path) -> Stamp | None:
    """Return a stamp, or None if the file does not hold one. Raises OSError, FileNotFoundError among them."""
    try:
        stamp = Stamp(**json.loads(path.read_bytes()))
    except (ValueError, TypeError, RecursionError):
        return None
    known = isinstance(stamp.generation, int) and 0 < stamp.generation < 2**62
    return stamp if known and isinstance(stamp.commit, str) and isinstance(stamp.files, dict) else None


def _is_newest(store: Store, snapshot: Snapshot) -> bool:
    with store.snapshot() as newest:
        return bool(newest.commit == snapshot.commit)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove(path: Path) -> None:
    """Remove a file or a folder with all in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file or nothing of it, also when the power fails: temporary file, fsync, rename."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
