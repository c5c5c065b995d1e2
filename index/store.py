"""The store: one SQLite database that is the only truth of an index.

Everything else in the index folder can be made again from it. A reader takes a `Snapshot` (one generation, whatever
writers do meanwhile); a writer takes the folder's lock and gets a `Transaction`, which is kept whole or not at all.
"""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from index.collections import GOING, SUFFIX, check_new, check_there, is_collection, name_of, root_of
from index.errors import (
    IndexBusyError,
    IndexDamagedError,
    IndexIncompatibleError,
    IndexMissingError,
    IndexOutdatedError,
    RagError,
    StorageError,
)
from index.interface import Rankings
from index.locking import LOCK, hold_lock
from index.reading import IndexSnapshot
from index.schema import APPLICATION_ID, FORMAT_VERSION, TABLES, IndexMeta
from index.snapshot import Snapshot, check_pages
from index.transaction import Transaction

DATABASE = "store.sqlite3"
BUSY_SECONDS = 30
LOCK_SECONDS = 3.0
MARK = "copy.txt"  # in the folder of a copy (copying.py)
# How the names begin of all that may lie in an index folder.
OUR_FILES = (DATABASE, LOCK, MARK, "vectors.", "lexical", "conversations.", "accounts.")

logger = logging.getLogger("rag")


class Store:
    """An index folder's database. Opening costs nothing; each use makes its own connection."""

    is_copy = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / DATABASE

    @property
    def place(self) -> str:
        """Return the folder, as a person wrote it."""
        return str(self.folder)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Give a consistent view of the newest generation. Raises IndexMissingError if nothing was ever committed."""
        with ExitStack() as stack:
            with self._translated():
                if not self.path.exists():
                    raise self._missing()
                connection = stack.enter_context(closing(self._connect_to_read()))
                connection.execute("BEGIN")
                self._check_format(connection)
                snapshot = Snapshot(connection)
            if not snapshot.generation:
                raise self._missing()
            with self._translated_database():
                yield snapshot

    @contextmanager
    def transaction(self, meta: IndexMeta, *, rebuild: bool = False) -> Iterator[Transaction]:
        """Give the one writer a transaction; it is committed at the end of the block, or rolled back by an error.

        Raises IndexBusyError if another process is writing, IndexIncompatibleError if `meta` differs from what the
        index was made with (unless `rebuild`), StorageError if the folder is not an index's or cannot be written.
        """
        self.make_folder()
        with ExitStack() as stack:
            with self._translated():
                stack.enter_context(hold_lock(self.folder, LOCK_SECONDS))
                if rebuild:
                    self._set_damaged_aside()
                connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
                stack.enter_context(closing(connection))
            with self._translated_database():
                yield from self._write(connection, meta, rebuild)

    def rankings(self, snapshot: IndexSnapshot) -> Rankings:
        """Open the views of a snapshot's generation. They are imported here: what only reads needs none of them."""
        from index.mending import Views

        assert isinstance(snapshot, Snapshot)
        return Views.open(self, snapshot)

    def mend(self) -> None:
        """Bring the views on disk in step, unless another process holds the lock; then a reader will."""
        from index.mending import mend_views

        mend_views(self)

    def mend_meanwhile(self) -> None:
        """Bring the views on disk in step between the commits of a transaction, whose lock is held."""
        from index.mending import write_views

        write_views(self)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the writer's lock, in a folder that is made if need be. Raises IndexBusyError, StorageError."""
        self.make_folder()
        with ExitStack() as stack:
            with self._translated():
                stack.enter_context(hold_lock(self.folder, LOCK_SECONDS))
            with self._translated_database():
                yield

    def make_folder(self) -> None:
        """Make the folder if need be, and refuse one that holds anything else than an index.

        Raises StorageError, or CollectionError for a collection whose name is too like another's.
        """
        if is_collection(self.folder) and not self.folder.exists():
            check_new(self.folder)
            Store(root_of(self.folder)).make_folder()
        with self._translated():
            self.folder.mkdir(parents=True, exist_ok=True)
            if (self.folder / MARK).exists() and not self.is_copy:
                raise StorageError(f"{self.folder} is a copy: write to what it is of, which its {MARK} names")
            foreign = [path.name for path in self.folder.iterdir() if not _is_ours(path)]
            if foreign and not self.path.exists():
                option = "--copy" if self.is_copy else "--index"
                raise StorageError(
                    f"{self.folder} holds other files ({min(foreign)}): name a folder of its own with {option}"
                )

    def _write(self, connection: sqlite3.Connection, meta: IndexMeta, rebuild: bool) -> Iterator[Transaction]:
        if not self._is_empty(connection):
            self._check_format(connection)  # before anything is changed: it may be another program's database
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;")
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self._is_empty(connection):
                for statement in TABLES.split(";"):  # executescript would commit
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={FORMAT_VERSION}")
            transaction = Transaction(connection, meta, rebuild=rebuild)
            yield transaction
            transaction.finish()
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._empty_log(connection)

    def _empty_log(self, connection: sqlite3.Connection) -> None:
        """Let nothing that was removed live on in the log. A reader in the middle of a snapshot may postpone that."""
        connection.execute("PRAGMA busy_timeout=1000")
        (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy and not self.is_copy:  # whoever follows tries again by himself
            logger.warning("someone is reading: what was removed leaves the disk with the next `rag index`")

    def _connect_to_read(self) -> sqlite3.Connection:
        address = self.path.resolve().as_uri()
        connection = sqlite3.connect(f"{address}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("SELECT * FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            log = self.path.with_name(DATABASE + "-wal")
            if os.access(self.folder, os.W_OK) or (log.exists() and log.stat().st_size):
                raise
            # subtle: WAL needs to write beside the database even to read. Where we may not, and the log is empty, the
            # file alone is the newest generation.
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
            raise IndexIncompatibleError(
                f"{self.path} is a database, but not an index of this program: name another folder with --index"
            )
        if version < FORMAT_VERSION:
            raise IndexOutdatedError(
                f"the index at {self.folder} has the older format {version}: run `rag index FOLDER --rebuild`"
            )
        if version > FORMAT_VERSION:
            raise IndexIncompatibleError(
                f"the index at {self.folder} has format {version}, this program reads up to {FORMAT_VERSION}:"
                " upgrade it, or name another folder with --index"
            )

    @contextmanager
    def locked_if_free(self) -> Iterator[bool]:
        """Hold the writer's lock if it can be had at once; say whether it is held. Used to mend views."""
        with ExitStack() as stack:
            try:
                stack.enter_context(hold_lock(self.folder))
            except (IndexBusyError, OSError):
                locked = False
            else:
                locked = True
            yield locked

    def is_locked(self) -> bool:
        """Say whether someone else is writing."""
        try:
            with hold_lock(self.folder):
                return False
        except IndexBusyError:
            return True
        except OSError:
            return False

    def _set_damaged_aside(self) -> None:
        """Rename a database that is not what was written, or older: a rebuild starts afresh, nothing is thrown away."""
        try:
            self._check_all()
        except (IndexDamagedError, IndexOutdatedError) as error:
            number = 1
            while (aside := self.path.with_name(f"{DATABASE}.damaged-{number}")).exists():
                number += 1
            for suffix in ("-wal", "-shm", ""):
                part = Path(f"{self.path}{suffix}")
                if part.exists():
                    part.replace(f"{aside}{suffix}")
            what = "old" if isinstance(error, IndexOutdatedError) else "damaged"
            logger.warning(
                "the %s database was set aside as %s: index other folders again, then delete it", what, aside
            )

    def _check_all(self) -> None:
        """Check the pages and every row. Raises IndexDamagedError, or an error of the format."""
        try:
            with self.snapshot() as snapshot:
                snapshot.check_pages()
                snapshot.check_rows()
        except IndexMissingError:
            # subtle: the generation may be what is damaged
            with self._translated_database():
                if self.path.exists():
                    with closing(self._connect_to_read()) as connection:
                        check_pages(connection)

    def set_aside(self) -> list[Path]:
        """Return the damaged databases that rebuilds have set aside; they still hold what they held."""
        return sorted(self.folder.glob(f"{DATABASE}.damaged-*"))

    def _missing(self) -> RagError:
        check_there(self.folder)
        where = f" --collection {name_of(self.folder)}" if is_collection(self.folder) else ""
        return IndexMissingError(f"no index at {self.folder}: run `rag index FOLDER{where}` first")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the file system's errors into ours, and the database's."""
        try:
            with self._translated_database():
                yield
        except OSError as error:
            raise StorageError(f"cannot use {self.folder}: {(error.strerror or str(error)).lower()}") from error

    @contextmanager
    def _translated_database(self) -> Iterator[None]:
        """Turn the database's errors into ours; what else goes wrong in a caller's block is the caller's."""
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # a mistake of this program, not of the file
        except sqlite3.Error as error:
            raise self._translate(error) from error
        except UnicodeDecodeError as error:
            raise self._damaged("text that is not UTF-8") from error
        except IndexDamagedError as error:
            raise self._damaged(error.what) from error  # which index, and what mends it

    def _translate(self, error: sqlite3.Error) -> RagError:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_BUSY"):
            return IndexBusyError(f"another process is writing to {self.folder}: try again when it has finished")
        if name.startswith(("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR")):
            return StorageError(f"cannot use {self.folder}: {error}")
        return self._damaged(str(error))

    def _damaged(self, what: str) -> IndexDamagedError:
        message = f"the index at {self.folder} is damaged ({what}): run `rag index FOLDER --rebuild`"
        return IndexDamagedError(message, what)


def _is_ours(path: Path) -> bool:
    return path.name.startswith(OUR_FILES) or path.name.endswith((SUFFIX, GOING))
