"""Folders on object storage whose objects are read like files: "s3://bucket/folder".

A document is named by its whole address. Hidden objects, patterns and `.ragignore` are as in a folder of the machine.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from index.documents import MAX_FILE_BYTES, TABLE_SUFFIX, UNSETTLED, FileStat, Listing, Source, check_size
from index.errors import FileUnavailableError, NoDocumentsError
from index.ignoring import EVERYTHING, IGNORE_FILE, Rules
from index.object_storage import DEFAULT_REGION, S3, endpoint, region, require_credentials, require_tls, translate

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, S3FileSystem

TOP = Path("/")  # patterns are relative to it, as to a folder of the machine
VERSIONS = "_versions"  # a folder in which this lies is a table, whatever it is called
CONNECT_SECONDS = 5
# An object that changed so shortly before it was read may change again without its size and its time, which has whole
# seconds, showing it; the storage's clock may not be ours.
SETTLED_NS = 60_000_000_000


@dataclass(frozen=True)
class BucketFile:
    """One object. What tells that it has not changed is its size and its time, as the storage lists them."""

    name: str
    listed: FileStat

    def stat(self) -> FileStat:
        """Return what the listing said."""
        return self.listed

    def read(self) -> tuple[bytes, FileStat]:
        """Read it. What was written in between is remembered by its own time."""
        path = self.name.removeprefix(S3)
        with _unavailable(self.name), _storage().open_input_file(path) as file:
            check_size(file.size())
            data = bytes(file.read())
            now = _stat(_storage().get_file_info(path))
        is_settled = now.modified < time.time_ns() - SETTLED_NS
        return data, now if is_settled and now.size == len(data) else UNSETTLED

    def head(self, size: int) -> bytes:
        """Read its first bytes."""
        try:
            with _storage().open_input_file(self.name.removeprefix(S3)) as file:
                return bytes(file.read(min(size, MAX_FILE_BYTES)))
        except OSError:
            return b""


@dataclass(frozen=True)
class Bucket:
    """A folder on object storage, by its address without a slash at the end."""

    address: str

    def __str__(self) -> str:
        return self.address

    def discover(self, rules: Rules = EVERYTHING) -> Listing:
        """List its objects in the order of their names. Raises NoDocumentsError if there is none, StorageError."""
        from pyarrow.fs import FileSelector, FileType

        require_credentials(self.address)
        require_tls(self.address)
        start = self.address.removeprefix(S3)
        with _translated(self.address):
            found = _storage().get_file_info(FileSelector(start, allow_not_found=True, recursive=True))
            single, bucket = _storage().get_file_info([start, start.partition("/")[0]]) if not found else (None, None)
        if single is not None and single.type is FileType.File:
            return Listing([BucketFile(self.address, _stat(single))])
        if bucket is not None and bucket.type is FileType.NotFound:
            raise translate("NoSuchBucket", self.address)
        objects = {info.path.removeprefix(start): info for info in found if info.type is FileType.File}
        if not objects:
            raise NoDocumentsError(f"no documents at {self.address}")
        return Listing(list(self._wanted(objects, rules)))

    def _wanted(self, objects: "dict[str, FileInfo]", rules: Rules) -> Iterator[Source]:
        """Yield what is neither hidden nor left out, nor part of an index; `objects` are by their path below it."""
        chosen = rules.below(TOP)
        tables = {Path(name).parent.parent for name in objects if Path(name).parent.name == VERSIONS}
        for path in (Path(name) for name in sorted(objects)):
            if path.name == IGNORE_FILE:
                chosen.learn(path.parent, _read(f"{self.address}{path}"), f"{self.address}{path}")
        for name in sorted(objects):
            path = Path(name)
            folders = list(path.parents)[-2::-1]  # without "/"
            is_hidden = any(part.startswith(".") for part in path.parts)
            is_table = any(folder.suffix == TABLE_SUFFIX or folder in tables for folder in (TOP, *folders))
            if not is_hidden and not is_table and all(map(chosen.has_folder, folders)) and chosen.has_file(path):
                yield BucketFile(f"{self.address}{name}", _stat(objects[name]))


Root = Path | Bucket


def root_of_word(word: str) -> Root:
    """Return the folder, on this machine or on object storage, that a word of a command line means.

    Raises NoDocumentsError for one that cannot mean any.
    """
    if not word.startswith(S3):
        return Path(word)
    if not word.removeprefix(S3).strip("/"):
        raise NoDocumentsError(f"{word} names no bucket: s3://bucket/folder")
    return Bucket(word.rstrip("/"))


def _stat(info: "FileInfo") -> FileStat:
    return FileStat(info.size or 0, info.mtime_ns or 0)


def _read(address: str) -> bytes:
    with _translated(address), _storage().open_input_file(address.removeprefix(S3)) as file:
        return bytes(file.read())


@cache
def _storage() -> "S3FileSystem":
    """Return the way to the storage; credentials and region are taken from the environment (AWS_...)."""
    from pyarrow.fs import S3FileSystem

    place = endpoint()
    options = {"endpoint_override": place.partition("://")[2], "scheme": place.partition("://")[0]} if place else {}
    # subtle: without a region the machine's metadata service would be asked for one.
    return S3FileSystem(region=region() or DEFAULT_REGION, connect_timeout=CONNECT_SECONDS, **options)


@contextmanager
def _translated(address: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise translate(str(error), address) from error


@contextmanager
def _unavailable(address: str) -> Iterator[None]:
    """An object that cannot be read now is one file's trouble, not the run's."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileUnavailableError("it is not there any more") from error
    except OSError as error:
        raise FileUnavailableError(str(translate(str(error), address))) from error
