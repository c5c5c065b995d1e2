"""The lock of an index folder: one writer at a time. The kernel drops it with the process, so none is ever stale."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from index.errors import IndexBusyError

LOCK = "lock"


@contextmanager
def hold_lock(folder: Path, seconds: float = 0) -> Iterator[None]:
    """Hold a folder's lock, after waiting so long for it. Raises IndexBusyError, OSError."""
    with open(folder / LOCK, "a+", encoding="ascii", errors="replace") as file:
        deadline = time.monotonic() + seconds
        while not _is_taken(file):
            if time.monotonic() >= deadline:
                file.seek(0)
                holder = file.read(20).strip() or "unknown"
                raise IndexBusyError(
                    f"another process ({holder}) is writing to {folder}: try again when it has finished"
                )
            time.sleep(0.1)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _is_taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
