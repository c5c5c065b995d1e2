"""The store: one SQLite database that is the only truth of an index.

Everything else in the index folder can be made again from it. A reader takes a `Snapshot` (one generation, whatever
writers do meanwhile); a writer takes the folder's lock and gets a `Transaction`, which is kept whole or not at all.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from index.errors import (
    IndexBusyError,
    IndexDamagedError,
    IndexIncompatibleError,
    IndexMissingError,
    RagError,
    StorageError,
)
from index.schema import APPLICATION_ID, FORMAT_VERSION, TABLES, IndexMeta
from index.snapshot import Snapshot
from index.transaction import Transaction

DATABASE = "store.sqlite3"
LOCK = "lock"
BUSY_SECONDS = 30


class Store:
    """An index folder's database. Opening costs nothing; each use makes its own connection."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / DATABASE

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Give a consistent view of the newest generation. Raises IndexMissingError if nothing was ever committed."""
        if not self.path.exists():
            raise self._missing()
        with self._translated(), closing(self._connect_to_read()) as connection:
            connection.execute("BEGIN")
            self._check_format(connection)
            snapshot = Snapshot(connection)
            if not snapshot.generation:
                raise self._missing()
            yield snapshot

    @contextmanager
    def transaction(self, meta: IndexMeta, *, rebuild: bool = False) -> Iterator[Transaction]:
        """Give the one writer a transaction; it is committed at the end of the block, or rolled back by an error.

        Raises IndexBusyError if another process is writing, IndexIncompatibleError if `meta` differs from what the
        index was made with (unless `rebuild`).
        """
        with self._translated():
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._locked():
                if rebuild:
                    self._set_damaged_aside()
                with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
                    yield from self._write(connection, meta, rebuild)

    def _write(self, connection: sqlite3.Connection, meta: IndexMeta, rebuild: bool) -> Iterator[Transaction]:
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;")
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self._is_empty(connection):
                for statement in TABLES.split(";"):  # executescript would commit
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={FORMAT_VERSION}")
            self._check_format(connection)
            transaction = Transaction(connection, meta, rebuild=rebuild)
            yield transaction
            transaction.finish()
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        # What was removed must not live on in the log; a reader in the middle of a snapshot may postpone it.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _connect_to_read(self) -> sqlite3.Connection:
        address = self.path.resolve().as_uri()
        connection = sqlite3.connect(f"{address}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("SELECT * FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            if os.access(self.folder, os.W_OK):
                raise
            # subtle: WAL needs to write beside the database even to read. On a read-only folder nobody can be
            # writing, so SQLite may read the file alone.
            return sqlite3.connect(f"{address}?mode=ro&immutable=1", uri=True, isolation_level=None)
        return connection

    def _is_empty(self, connection: sqlite3.Connection) -> bool:
        return bool(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,))

    def _check_format(self, connection: sqlite3.Connection) -> None:
        if self._is_empty(connection):
            raise self._missing()
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION_ID:
            raise IndexIncompatibleError(f"{self.path} is a database, but not an index of this program")
        if version > FORMAT_VERSION:
            raise IndexIncompatibleError(
                f"the index at {self.folder} has format {version}, this program reads up to {FORMAT_VERSION}:"
                " upgrade it, or name another folder with --index"
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder's lock. The kernel drops it with the process, so a crash leaves no stale lock."""
        with open(self.folder / LOCK, "a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise IndexBusyError(
                    f"another process ({holder}) is writing to {self.folder}: try again when it has finished"
                ) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    @contextmanager
    def locked_if_free(self) -> Iterator[bool]:
        """Hold the writer's lock if it can be had at once; say whether it is held. Used to mend views."""
        try:
            with self._locked():
                yield True
        except (IndexBusyError, OSError):
            yield False

    def _set_damaged_aside(self) -> None:
        """Rename a database that cannot be read, so that a rebuild starts afresh and nothing is thrown away."""
        try:
            with self.snapshot() as snapshot:
                snapshot.check_pages()
        except IndexMissingError:
            return
        except (IndexDamagedError, IndexIncompatibleError):
            for suffix in ("", "-wal", "-shm"):
                part = Path(f"{self.path}{suffix}")
                if part.exists():
                    part.replace(f"{self.path}{suffix}.damaged")

    def _missing(self) -> RagError:
        return IndexMissingError(f"no index at {self.folder}: run `rag index FOLDER` first")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._translate(error) from error
        except OSError as error:
            raise StorageError(f"cannot use {self.folder}: {(error.strerror or str(error)).lower()}") from error

    def _translate(self, error: sqlite3.Error) -> RagError:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_BUSY"):
            return IndexBusyError(f"another process is writing to {self.folder}: try again when it has finished")
        if name.startswith(("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR")):
            return StorageError(f"cannot use {self.folder}: {error}")
        return IndexDamagedError(f"the index at {self.folder} is damaged ({error}): run `rag index FOLDER --rebuild`")
