"""Where people and conversations are kept: one file of SQLite each, or a schema each in PostgreSQL (`postgres.py`).

Both take the same SQL: `?` for a value, the tables of `Kept.schema`, and `rowid`, which counts up with each new row.
What differs stays behind `Database`: JSON is not looked into by SQL, and no order is one of letters.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from index.errors import StorageError

Row = tuple[Any, ...]


class DatabaseError(StorageError):
    """What people and conversations are kept in cannot be used."""


class ConflictError(DatabaseError):
    """A row contradicts those that are there: its key is taken, or what it refers to is gone."""


@dataclass(frozen=True)
class Kept:
    """What is kept together: its tables, in a file of their own.

    If it is `secret`, nobody but the file's owner may read it. `by_collection`: each collection has its own.
    """

    file: str
    schema: str
    secret: bool = False
    by_collection: bool = False


class Rows(Protocol):
    """What a statement gives."""

    @property
    def rowcount(self) -> int:
        """Return how many rows were changed."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return all rows."""

    def __iter__(self) -> Iterator[Any]: ...


class Transaction(Protocol):
    """Statements that are done as a whole or not at all."""

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Rows:
        """Do one statement."""

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> object:
        """Do one statement for each of some rows."""


class Database(Protocol):
    """A few tables. Thread-safe, and for as many processes as like. Everything raises DatabaseError."""

    @property
    def exists(self) -> bool:
        """Say whether there may be something in it; without, reading need not make it."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Begin; what was done is kept if the block ends without an error. Makes the tables if there are none.

        Raises ConflictError out of the block.
        """

    def stream(self, query: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Yield rows, of which few are in memory at once."""

    def check(self) -> None:
        """Raise DatabaseError if it cannot be reached."""

    def scrub(self) -> None:
        """Have no byte of what was removed stay in files of ours."""

    def drop(self) -> None:
        """Remove all of it, for a collection that is removed."""


class SqliteDatabase:
    """A file of SQLite. Every call opens it for itself."""

    def __init__(self, folder: Path, kept: Kept) -> None:
        self.path = folder / kept.file
        self._kept = kept

    @property
    def exists(self) -> bool:
        """Say whether there is the file."""
        return self.path.exists()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open the file and commit what was done, all or nothing."""
        with self._explained(), closing(self._open()) as connection:
            connection.executescript(self._kept.schema)
            with connection:
                yield connection

    def stream(self, query: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Yield rows."""
        with self.transaction() as transaction:
            yield from transaction.execute(query, values)

    def check(self) -> None:
        """Do nothing: a file that cannot be opened says so when it is."""

    def scrub(self) -> None:
        """Empty the log: deleted rows are overwritten in the file, but the log may still hold them."""
        with self._explained(), closing(sqlite3.connect(self.path, timeout=30)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def drop(self) -> None:
        """Do nothing: the file goes with the collection's folder."""

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._kept.secret:
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self.path, timeout=30)
        try:
            if not self._kept.secret:  # many readers beside a writer; accounts are read in a moment
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise ConflictError(f"{self.path}: {error}") from error
        except sqlite3.OperationalError as error:
            raise DatabaseError(f"{self.path} cannot be used: {error}") from error
