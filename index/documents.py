"""Find the files of a folder and read their bytes.

A document's name is its path relative to the folder that holds the index, or its absolute path when it lies
elsewhere, so a project folder can be moved together with its index. This file knows nothing of formats.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from index.errors import NoDocumentsError, UnreadableDocumentError

MAX_FILE_BYTES = 200_000_000


@dataclass(frozen=True)
class SourceFile:
    """One file of the folder, not read yet."""

    name: str
    path: Path


def discover(root: Path, base: Path, index_folder: Path) -> Iterator[SourceFile]:
    """Yield the files below `root` in the order of their names; `root` may be a single file.

    Hidden files and folders, links to folders, and the index itself are passed over. `base` is the folder that
    names are relative to.
    """
    if root.is_file():
        yield SourceFile(document_name(root, base), root)
        return
    if not root.is_dir():
        raise NoDocumentsError(f"no such folder: {root}")
    index_folder = index_folder.resolve()
    for folder, subfolders, files in os.walk(root):
        here = Path(folder)
        subfolders[:] = sorted(s for s in subfolders if not s.startswith(".") and (here / s).resolve() != index_folder)
        for file in sorted(files):
            if not file.startswith("."):
                yield SourceFile(document_name(here / file, base), here / file)


def document_name(path: Path, base: Path) -> str:
    r"""Name `path` relative to `base` if it lies below, absolutely if not; always with forward slashes.

    subtle: a file name on Linux is bytes. Bytes that are not UTF-8 are shown as `\xNN`, since a database holds
    text; the file itself is opened by its real path.
    """
    absolute = Path(os.path.abspath(path))
    try:
        shown = absolute.relative_to(os.path.abspath(base))
    except ValueError:
        shown = absolute
    return os.fsencode(shown.as_posix()).decode("utf-8", "backslashreplace")


def read_bytes(source: SourceFile) -> bytes:
    """Read the whole file. Raises UnreadableDocumentError with the reason in plain words."""
    try:
        # subtle: a named pipe or a device would be read for ever.
        if not source.path.is_file():
            raise UnreadableDocumentError("not a regular file")
        size = source.path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UnreadableDocumentError(f"larger than {MAX_FILE_BYTES:,} bytes ({size:,})")
        return source.path.read_bytes()
    except OSError as error:
        raise UnreadableDocumentError((error.strerror or str(error)).lower()) from error


def content_hash(data: bytes) -> str:
    """Identify a file's content: SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
