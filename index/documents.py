"""Find the files of a folder and read their bytes.

A document's name is its path relative to the folder that holds the index, or its absolute path when it lies
elsewhere, so a project folder can be moved together with its index. This file knows nothing of formats.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from index.errors import NoDocumentsError, UnreadableDocumentError
from index.opening import open_regular

MAX_FILE_BYTES = 200_000_000


@dataclass(frozen=True)
class SourceFile:
    """One file of the folder, not read yet. A link that leads out of `inside` is not followed."""

    name: str
    path: Path
    inside: Path | None = None


@dataclass
class Listing:
    """The files below a folder, and the folders in it that could not be listed, each with the reason.

    `ignored` counts files by suffix; it is filled by whoever leaves files out.
    """

    files: list[SourceFile] = field(default_factory=list)
    unlisted: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def discover(root: Path, index_folder: Path) -> Listing:
    """List the files below `root` in the order of their names; `root` may be a single file.

    Hidden files and folders, links to folders, and the index itself are passed over. Raises NoDocumentsError if there
    is no such folder.
    """
    base = names_base(index_folder)
    listing = Listing()
    if root.is_file():
        # A link to a file keeps its own name; only the folder it is in is followed.
        path = _real(root.parent) / root.name
        listing.files.append(SourceFile(document_name(path, base), path))
        return listing
    if not root.is_dir():
        raise NoDocumentsError(f"no such folder: {root}")

    def note(error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        listing.unlisted.append((document_name(Path(error.filename), base), reason))

    for folder, subfolders, files in os.walk(_real(root), onerror=note):
        here = Path(folder)
        subfolders[:] = sorted(s for s in subfolders if not s.startswith(".") and here / s != _real(index_folder))
        paths = [here / file for file in sorted(files) if not file.startswith(".")]
        listing.files += [SourceFile(document_name(path, base), path, _real(root)) for path in paths]
    return listing


def names_base(index_folder: Path) -> Path:
    """Return the folder that names are relative to: the one that holds the index."""
    return _real(index_folder).parent


def document_name(path: Path, base: Path) -> str:
    r"""Name `path` relative to `base` if it lies below, absolutely if not; always with forward slashes.

    subtle: a file name on Linux is bytes. Bytes that are not UTF-8 are shown as `\xNN`, since a database holds text,
    and then a real backslash as two, so that no two files have one name. The file is opened by its real path.
    """
    shown = os.path.relpath(path, base) if path.is_relative_to(base) else str(path)
    name = os.fsencode(shown)
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def names_below(names: Iterable[str], root: Path, index_folder: Path) -> set[str]:
    """Return the names of documents that are `root` or lie in it."""
    nowhere = Path("/nowhere")
    base = document_name(names_base(index_folder), nowhere)
    top = document_name(_real(root) if root.is_dir() else _real(root.parent) / root.name, nowhere)
    # An absolute name replaces the base that it is joined to.
    return {name for name in names if PurePosixPath(base, name).is_relative_to(top)}


def read_bytes(source: SourceFile) -> bytes:
    """Read the whole file. Raises UnreadableDocumentError with the reason in plain words."""
    try:
        with open_regular(source.path, source.inside) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_FILE_BYTES:
                raise UnreadableDocumentError(f"larger than {MAX_FILE_BYTES:,} bytes ({size:,})")
            return file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise UnreadableDocumentError((error.strerror or str(error)).lower()) from error


def read_head(source: SourceFile, size: int) -> bytes:
    """Read the first bytes of a file; none if it cannot be read."""
    try:
        with open_regular(source.path, source.inside) as file:
            return file.read(size)
    except (OSError, UnreadableDocumentError):
        return b""


def content_hash(data: bytes) -> str:
    """Identify a file's content: SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _real(path: Path) -> Path:
    """Return the absolute path with all links followed. Unlike `Path.resolve`, a loop of links is no error."""
    return Path(os.path.realpath(path))
