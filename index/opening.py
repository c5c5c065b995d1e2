"""Open a file of the folder that is indexed, and nothing else: no device, no pipe, nothing outside the folder."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from index.errors import FileUnavailableError, UnreadableDocumentError


def open_regular(path: Path, inside: Path | None = None) -> BinaryIO:
    """Open a regular file for reading; one that is reached by a link only if it lies in `inside` (a real path).

    Raises UnreadableDocumentError with the reason, FileUnavailableError if it is no regular file now, or OSError.
    """
    if not {"\n", "\r"}.isdisjoint(path.name):
        raise UnreadableDocumentError("a line break in its name: rename it")
    real = Path(os.path.realpath(path))
    if inside is not None and not real.is_relative_to(inside):
        raise UnreadableDocumentError("a link to a file outside the folder")
    # subtle: opening a pipe waits for ever, opening a device may do something, so look first. All links were followed
    # above; one that is put there in between is refused by O_NOFOLLOW.
    if not stat.S_ISREG(real.stat().st_mode):
        raise FileUnavailableError("not a regular file")
    file = os.fdopen(os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileUnavailableError("not a regular file")
    return file
