"""A whole index as one file: a zip, nothing compressed, of SQLite databases and a manifest with their hashes.

The views are left out: they are made again from the store. A database is copied by SQLite's own backup, so it is one
generation, whoever writes meanwhile. What is read is checked before it replaces anything: sizes and hashes, that the
database has our tables and nothing else (no trigger, no view), its pages and every row. It then becomes the index
in one transaction of the database that is there, which readers see before or after.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from index.errors import ArchiveError, RagError, StorageError
from index.mending import write_views
from index.schema import FORMAT_VERSION, TABLES
from index.store import DATABASE, Store
from index.views import remove

KIND = "checkable-rag index"
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 100_000
MAKING = f"{DATABASE}.making-"  # begins as all our files do
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What an archive holds: `files` are the SHA-256 of each database, by name."""

    kind: str
    version: int
    made: str
    generation: int
    commit: str
    documents: int
    chunks: int
    encoder: str
    files: dict[str, str]


def write_archive(store: Store, path: Path, beside: Mapping[str, str]) -> Manifest:
    """Write an index, and the databases `beside` it that are there, to a file that appears when it is whole.

    `beside` gives the tables of each by its file name. Raises IndexMissingError, StorageError.
    """
    try:
        beginning = f".{path.name}.making-"
        for left in path.resolve().parent.glob(f"{escape(beginning)}*"):  # by a process that was killed
            remove(left)
        with TemporaryDirectory(dir=path.resolve().parent, prefix=beginning) as making:
            names = [DATABASE, *(name for name in beside if (store.folder / name).exists())]
            copies = {name: Path(making, name) for name in names}
            for name, copy in copies.items():
                _copy(store.folder / name, copy)
            manifest = _describe(Store(Path(making)), copies)
            whole = Path(making, "whole")
            with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=2))
                for name, copy in copies.items():
                    archive.write(copy, name)
            _sync(whole)
            whole.replace(path)
            _sync(path.resolve().parent)  # else the name may be lost when the power fails
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"cannot write {path}: {error}") from error
    return manifest


def read_archive(store: Store, path: Path, beside: Mapping[str, str], *, force: bool) -> Manifest:
    """Make the store what an archive holds, and the databases `beside` it if the archive has them.

    Raises ArchiveError if the archive is not what was written, or if an index is there and not `force`.
    """
    with store.locked():
        if store.path.exists() and not force:
            raise ArchiveError(f"there is an index at {store.folder}: replace it with --force, or name another --index")
        try:
            for left in store.folder.glob(f"{MAKING}*"):  # by a process that was killed
                remove(left)
            with TemporaryDirectory(dir=store.folder, prefix=MAKING) as making:
                manifest = _unpack(path, Path(making), {DATABASE: TABLES, **beside})
                _check(Store(Path(making)), path)
                for name in manifest.files:
                    _restore(Path(making, name), store.folder / name)
        except OSError as error:
            raise StorageError(f"cannot import {path}: {error.strerror or error}") from error
        write_views(store)
    return manifest


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _copy(source: Path, copy: Path) -> None:
    """Copy a database as it is now, into a file that needs no log."""
    address = f"{source.resolve().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE")


def _describe(store: Store, copies: Mapping[str, Path]) -> Manifest:
    hashes = {name: _sha256(copy) for name, copy in copies.items()}
    with store.snapshot() as snapshot:
        documents, chunks = snapshot.counts()
        return Manifest(
            KIND,
            FORMAT_VERSION,
            datetime.now(UTC).isoformat(timespec="seconds"),
            snapshot.generation,
            snapshot.commit,
            documents,
            chunks,
            snapshot.meta.encoder,
            hashes,
        )


def _unpack(path: Path, making: Path, tables: Mapping[str, str]) -> Manifest:
    """Write the databases of an archive to a folder, after comparing all that is said about them."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(archive, path)
            expected = {MANIFEST, *manifest.files}
            entries = archive.infolist()
            if {entry.filename for entry in entries} != expected or len(entries) != len(expected):
                raise ArchiveError(f"{path} does not hold what its manifest says")
            if DATABASE not in manifest.files or not manifest.files.keys() <= tables.keys():
                raise ArchiveError(f"{path} holds other files than an index has")
            for name, sha256 in manifest.files.items():
                with archive.open(name) as source, (making / name).open("wb") as copy:
                    shutil.copyfileobj(source, copy, BLOCK_BYTES)
                if _sha256(making / name) != sha256:
                    raise ArchiveError(f"{path} is damaged: {name} is not what was written")
                _check_tables(making / name, tables[name], path)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise ArchiveError(f"{path} is not a whole archive of an index ({error})") from error
    return manifest


def _manifest(archive: zipfile.ZipFile, path: Path) -> Manifest:
    try:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ArchiveError(f"{path} is compressed; an archive of an index is not")
        if archive.getinfo(MANIFEST).file_size > MAX_MANIFEST_BYTES:
            raise ArchiveError(f"{path} has too large a manifest")
        manifest = Manifest(**json.loads(archive.read(MANIFEST)))
        kind, version = manifest.kind, int(manifest.version)
        manifest.files.keys()
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ArchiveError(f"{path} is not an archive of an index (no manifest)") from error
    if kind != KIND:
        raise ArchiveError(f"{path} is not an archive of an index")
    if version != FORMAT_VERSION:
        raise ArchiveError(f"{path} has format {version}, this program reads {FORMAT_VERSION}")
    return manifest


def _check_tables(copy: Path, tables: str, path: Path) -> None:
    """Refuse a database with anything else in it than our tables: a trigger in it would run with our statements."""
    with closing(sqlite3.connect(":memory:")) as ours, closing(sqlite3.connect(copy)) as theirs:
        ours.executescript(tables)
        try:
            if _schema_of(theirs) != _schema_of(ours):
                raise ArchiveError(f"{path} is no index of this program: {copy.name} has other tables")
        except sqlite3.Error as error:
            raise ArchiveError(f"{path} is damaged: {copy.name} is no database ({error})") from error


def _schema_of(database: sqlite3.Connection) -> set[tuple[str, str, str]]:
    rows = database.execute("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'")
    return {(kind, name, " ".join((sql or "").split())) for kind, name, sql in rows}


def _check(store: Store, path: Path) -> None:
    try:
        with store.snapshot() as snapshot:
            snapshot.check_pages()
            snapshot.check_rows()
    except RagError as error:
        raise ArchiveError(f"{path} is damaged: {str(error).partition(':')[0]}") from error


def _restore(copy: Path, target: Path) -> None:
    """Put a database in the place of another, or where there was none, in one transaction."""
    with closing(sqlite3.connect(copy)) as new, closing(sqlite3.connect(target, timeout=30)) as old:
        old.execute("PRAGMA secure_delete = ON")
        new.backup(old)
        old.execute("PRAGMA journal_mode = WAL")
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
