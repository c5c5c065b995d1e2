"""Find the files of a folder and read their bytes.

A document's name is its path relative to the folder that holds the index, or its absolute path when it lies
elsewhere, so a project folder can be moved together with its index. This file knows nothing of formats.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from index.collections import belongs_elsewhere, real_folder, root_of
from index.errors import FileUnavailableError, NoDocumentsError, UnreadableDocumentError
from index.ignoring import EVERYTHING, Chosen, Rules
from index.object_storage import S3
from index.opening import open_regular

MAX_FILE_BYTES = 200_000_000
# A file that changed this shortly before it was read may change again without its times showing it.
SETTLED_NS = 2_000_000_000
TABLE_SUFFIX = ".lance"  # a folder of this name is a table, in which an index may lie


@dataclass(frozen=True)
class FileStat:
    """What tells that a file has not changed: its size in bytes, its two times in nanoseconds, its inode."""

    size: int = 0
    modified: int = 0
    changed: int = 0
    inode: int = 0

    @classmethod
    def of(cls, found: os.stat_result) -> "FileStat":
        """Return it from what the system says."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino % 2**63)


# What is remembered of a file whose times cannot be trusted yet: it is read again next time.
UNSETTLED = FileStat()


class Source(Protocol):
    """A file that may become a document, wherever it lies. It is not read yet."""

    @property
    def name(self) -> str:
        """Return the name of the document."""

    def stat(self) -> FileStat:
        """Return what tells now whether the file has changed; `UNSETTLED` if nothing does."""

    def read(self) -> tuple[bytes, FileStat]:
        """Read the whole file, and say what to remember it by.

        Raises FileUnavailableError if it cannot be read at the moment, UnreadableDocumentError if it is too large, both
        with the reason in plain words.
        """

    def head(self, size: int) -> bytes:
        """Read the first bytes; none if they cannot be read."""


@dataclass(frozen=True)
class SourceFile:
    """One file of the folder. A link that leads out of `inside` is not followed."""

    name: str
    path: Path
    inside: Path | None = None

    def stat(self) -> FileStat:
        """Return what the file system says of it now; `UNSETTLED` if it says nothing."""
        try:
            return FileStat.of(self.path.stat())
        except (OSError, ValueError):
            return UNSETTLED

    def read(self) -> tuple[bytes, FileStat]:
        """Read it."""
        try:
            with open_regular(self.path, self.inside) as file:
                before = os.fstat(file.fileno())
                check_size(before.st_size)
                data = file.read(MAX_FILE_BYTES)
            after = self.path.stat()
        except OSError as error:
            raise FileUnavailableError((error.strerror or str(error)).lower()) from error
        is_settled = max(after.st_mtime_ns, after.st_ctime_ns) < time.time_ns() - SETTLED_NS
        same = FileStat.of(before) == FileStat.of(after) and len(data) == after.st_size
        return data, FileStat.of(after) if is_settled and same else UNSETTLED

    def head(self, size: int) -> bytes:
        """Read its first bytes."""
        try:
            with open_regular(self.path, self.inside) as file:
                return file.read(size)
        except (OSError, UnreadableDocumentError):
            return b""


def check_size(size: int) -> None:
    """Raise UnreadableDocumentError for more bytes than are read of a file."""
    if size > MAX_FILE_BYTES:
        raise UnreadableDocumentError(f"larger than {MAX_FILE_BYTES:,} bytes ({size:,})")


@dataclass
class Listing:
    """The files below a folder, and the folders in it that could not be listed, each with the reason.

    `ignored` counts files by suffix; it is filled by whoever leaves files out.
    """

    files: list[Source] = field(default_factory=list)
    unlisted: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def discover(root: Path, index_folder: Path, rules: Rules = EVERYTHING) -> Listing:
    """List the files below `root` in the order of their names; `root` may be a single file.

    Hidden files and folders, links to folders, indexes, and what the rules leave out are passed over. Raises
    NoDocumentsError if there is no such folder, PatternError for a `.ragignore` that cannot be understood.
    """
    if root.is_file():
        # A link to a file keeps its own name; only the folder it is in is followed.
        path = real_path(root)
        return Listing([SourceFile(document_name(path, names_base(index_folder)), path)])
    if not root.is_dir():
        raise NoDocumentsError(f"no such folder: {root}")
    return _walk(_real(root), _real(root), real_folder(index_folder), rules.below(_real(root)))


def discover_part(path: Path, root: Path, index_folder: Path, rules: Rules) -> Listing:
    """List what `discover` would find of `root` at or below `path`, an absolute path in it; nothing if it is gone."""
    index, top = real_folder(index_folder), _real(root)
    chosen = rules.below(top)
    here = top
    for step in path.relative_to(top).parts[:-1]:
        chosen.enter(here)
        here = here / step
        if not _is_walked(here, index, chosen) or here.is_symlink():
            return Listing()
    if path != top:
        chosen.enter(here)
    if path.is_dir():
        wanted = path == top or (_is_walked(path, index, chosen) and not path.is_symlink())
        return _walk(path, top, index, chosen) if wanted else Listing()
    wanted = path.exists() and not path.name.startswith(".") and chosen.has_file(path)
    return Listing([SourceFile(document_name(path, names_base(index_folder)), path, top)] if wanted else [])


def _walk(top: Path, inside: Path, index: Path, chosen: Chosen) -> Listing:
    base = names_base(index)
    listing = Listing()

    def note(error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        listing.unlisted.append((document_name(Path(error.filename), base), reason))

    for folder, subfolders, files in os.walk(top, onerror=note):  # does not follow links
        here = Path(folder)
        chosen.enter(here)
        subfolders[:] = sorted(name for name in subfolders if _is_walked(here / name, index, chosen))
        paths = [here / file for file in sorted(files) if not file.startswith(".") and chosen.has_file(here / file)]
        listing.files += [SourceFile(document_name(path, base), path, inside) for path in paths]
    return listing


def _is_walked(folder: Path, index: Path, chosen: Chosen) -> bool:
    """Say whether a folder may hold documents: not a hidden one, nor one that holds an index or others' uploads."""
    is_index = belongs_elsewhere(folder, index) or folder.suffix == TABLE_SUFFIX
    return not folder.name.startswith(".") and not is_index and chosen.has_folder(folder)


def names_base(index_folder: Path) -> Path:
    """Return the folder that names are relative to: the one that holds the index."""
    return root_of(real_folder(index_folder)).parent


def document_name(path: Path, base: Path) -> str:
    r"""Name `path` relative to `base` if it lies below, absolutely if not; always with forward slashes.

    subtle: a file name on Linux is bytes. Bytes that are not UTF-8 are shown as `\xNN`, since a database holds text,
    and then a real backslash as two, so that no two files have one name. The file is opened by its real path.
    """
    whole, start = str(path), f"{str(base).rstrip('/')}/"
    shown = whole.removeprefix(start) if whole != str(base) else "."
    name = os.fsencode(shown)
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def names_below(names: Iterable[str], roots: Iterable[Path | str], index_folder: Path) -> set[str]:
    """Return the names of documents that are one of `roots` or lie in one; a root on object storage is an address."""
    nowhere = Path("/nowhere")
    base = document_name(names_base(index_folder), nowhere)
    tops = {root if isinstance(root, str) else document_name(real_path(root), nowhere) for root in roots}
    return {name for name in names if not tops.isdisjoint(_with_parents(base, name))}


def _with_parents(base: str, name: str) -> list[str]:
    """Return an absolute path or an address for a name, and all folders that it lies in."""
    path = name if name.startswith(("/", S3)) else f"{base.rstrip('/')}/{name}"
    top = [] if name.startswith(S3) else ["/"]
    return [path, *top, *(path[:at] for at, character in enumerate(path) if character == "/" and at)]


def real_path(path: Path) -> Path:
    """Return the absolute path of a folder with all links followed; of a file, which may itself be a link, not."""
    return _real(path) if path.is_dir() else _real(path.parent) / path.name


def content_hash(data: bytes) -> str:
    """Identify a file's content: SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _real(path: Path) -> Path:
    """Return the absolute path with all links followed. Unlike `Path.resolve`, a loop of links is no error."""
    return Path(os.path.realpath(path))
