"""People and conversations in PostgreSQL, for servers on several machines.

Accounts are in the schema "rag", the conversations of the collection "legal" in "rag:legal": nothing that is asked in
one can name a row of another. Each is made at first use. psycopg's own pool is not used: while a server is gone it
tries again in the background, ever more seldom, and who waits is told neither what is wrong nor that it is over.
"""

import hashlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, LiteralString, cast

import psycopg

from rag.address import passwords, without_password
from rag.database import ConflictError, DatabaseError, Kept, Row, Transaction

VERSION = 1  # of the tables; a later one changes those that it finds
CONNECTIONS = 8  # of one process at most
WAIT_SECONDS = 10.0  # for one of them
# What an address may say otherwise. Without, a network that swallows packets would hold a request for many minutes.
DEFAULTS = {"application_name": "rag", "connect_timeout": 5, "tcp_user_timeout": 10_000}
STATEMENT_TIMEOUT = "30s"
MAKING = 5_411_209_126_037_183_442  # the number of our advisory lock: any that nobody else has
MAX_SCHEMA_BYTES = 63  # PostgreSQL cuts off the rest of a name without an error

Connection = psycopg.Connection[Row]


class PostgresDatabase:
    """The tables of one schema."""

    def __init__(self, address: str, kept: Kept, collection: str) -> None:
        self.schema = schema_of(collection) if kept.by_collection else "rag"
        self._kept = kept
        self._pool = pool_of(address)
        self._is_known = False

    @property
    def exists(self) -> bool:
        """Say yes: it is made when it is asked."""
        return True

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Begin on one of the pool's connections."""
        with self._begun() as connection:
            yield _Statements(connection)

    def stream(self, query: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Yield rows as the server sends them."""
        with self._begun() as connection, connection.cursor("rows") as cursor:
            cursor.itersize = 100
            cursor.execute(_translated(query), _storable(values))
            yield from cursor

    def check(self) -> None:
        """Make a transaction of nothing."""
        with self._begun():
            pass

    def scrub(self) -> None:
        """Do nothing: what its files and its log still hold is for PostgreSQL's administrator (docs/scaling.md)."""

    def drop(self) -> None:
        """Remove the schema with all in it."""
        with self._pool.transaction(*self._first()) as (connection, _):
            connection.execute(f'DROP SCHEMA IF EXISTS "{self.schema}" CASCADE'.encode())

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        with self._pool.transaction(*self._first()) as (connection, row):
            is_there = row[-1] is not None
            if is_there and not self._is_known:
                self._check_version(connection)
            if not is_there:
                self._make(connection)
            self._is_known = True
            yield connection

    def _first(self) -> tuple[bytes, tuple[str, ...]]:
        """Return a transaction's first statement. It says whether there are the tables, which may have been dropped.

        All that it sets ends with the transaction, so a proxy such as PgBouncer may hand the connection on.
        """
        return (
            b"SELECT set_config('search_path', %s, true), set_config('statement_timeout', %s, true), to_regclass(%s)",
            (f'"{self.schema}"', STATEMENT_TIMEOUT, f'"{self.schema}".schema_version'),
        )

    def _make(self, connection: Connection) -> None:
        """Make the tables. Of several processes that start at once, one does, and the others find them."""
        encoding = _only(connection, "SHOW server_encoding")
        if encoding != "UTF8":
            raise DatabaseError(f"the database {self._pool.shown} has the encoding {encoding}: make it with UTF8")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (MAKING,))
        # subtle: not to_regclass, which may remember from before the lock that there was none.
        tables = [name for (name,) in connection.execute(TABLES, (self.schema,)).fetchall()]
        if "schema_version" not in tables:
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"'.encode())
            connection.execute(self._kept.schema.encode())
            for (table,) in connection.execute(TABLES, (self.schema,)).fetchall():
                added = f'ALTER TABLE "{table}" ADD COLUMN rowid BIGINT GENERATED ALWAYS AS IDENTITY'  # as SQLite has
                connection.execute(added.encode())
            connection.execute("CREATE TABLE schema_version (number INTEGER NOT NULL)")
            connection.execute("INSERT INTO schema_version VALUES (%s)", (VERSION,))
        else:
            self._check_version(connection)
        # subtle: the lock is held to the end of a transaction, and what comes next in it is somebody's own.
        connection.commit()
        connection.execute(*self._first())

    def _check_version(self, connection: Connection) -> None:
        found = _only(connection, "SELECT number FROM schema_version")
        if found != VERSION:
            raise DatabaseError(
                f"the database {self._pool.shown} has tables of version {found}, this program knows version {VERSION}:"
                " install the release that made them"
            )


TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename"


def schema_of(collection: str) -> str:
    """Return the name of a collection's schema. None is the accounts', and no two collections have the same."""
    schema = f"rag:{collection}"
    if len(schema.encode()) <= MAX_SCHEMA_BYTES:
        return schema
    return f"rag:#{hashlib.sha256(collection.encode()).hexdigest()[:32]}"  # no collection's name has a #


class Pool:
    """The connections of this process to one server: few, opened when needed, used again, replaced if they broke."""

    def __init__(self, address: str) -> None:
        self.shown = without_password(address)
        self._address = address
        self._slots = threading.BoundedSemaphore(CONNECTIONS)
        self._idle: list[Connection] = []

    @contextmanager
    def transaction(self, first: bytes, values: Sequence[str]) -> Iterator[tuple[Connection, Row]]:
        """Begin with a statement; give the connection and the statement's row. Raises DatabaseError, ConflictError."""
        if not self._slots.acquire(timeout=WAIT_SECONDS):
            raise DatabaseError(f"the database {self.shown} is busy: all {CONNECTIONS} connections are in use")
        try:
            with self._explained():
                connection, row = self._begin(first, values)
                try:
                    yield connection, row
                    connection.commit()
                except BaseException:
                    with suppress(psycopg.Error):
                        connection.rollback()
                    raise
                finally:
                    if connection.closed:
                        connection.close()
                    else:
                        self._idle.append(connection)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            with suppress(IndexError):  # somebody else took it
                self._idle.pop().close()

    def _begin(self, first: bytes, values: Sequence[str]) -> tuple[Connection, Row]:
        """Return a connection that works, and the row.

        An idle one may have lost its server since; then all have, and a new one says what is wrong, or that it is over.
        """
        with suppress(psycopg.OperationalError, IndexError):
            return self._ask(self._idle.pop(), first, values)
        self.close()
        given = psycopg.conninfo.conninfo_to_dict(self._address)
        parameters: dict[str, Any] = {**DEFAULTS, **given, "client_encoding": "utf8"}
        return self._ask(psycopg.connect(**parameters, prepare_threshold=None), first, values)

    def _ask(self, connection: Connection, first: bytes, values: Sequence[str]) -> tuple[Connection, Row]:
        try:
            return connection, cast(Row, connection.execute(first, values).fetchone())
        except BaseException:
            connection.close()
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.IntegrityError as error:
            raise ConflictError(f"the database {self.shown}: {self._said(error)}") from None
        except psycopg.Error as error:
            raise DatabaseError(f"the database {self.shown} cannot be used: {self._said(error)}") from None

    def _said(self, error: psycopg.Error) -> str:
        """Return an error's words in one line, without a password, whatever libpq may repeat."""
        said = " ".join((error.diag.message_primary or str(error)).split())
        for password in passwords(self._address):
            said = said.replace(password, "***")
        return said or type(error).__name__


@cache
def pool_of(address: str) -> Pool:
    """Return the one pool of this process for an address."""
    return Pool(address)


class _Statements:
    """A connection that takes SQLite's placeholders."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = ()) -> psycopg.Cursor[Row]:
        return self._connection.execute(_translated(statement), _storable(values))

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_translated(statement), map(_storable, rows))


def _translated(statement: str) -> bytes:
    """Return a statement with psycopg's placeholders. Ours hold values nowhere else, so no other `?` and no `%`."""
    assert "%" not in statement
    return statement.replace("?", "%s").encode()


def _storable(values: Sequence[Any]) -> list[Any]:
    """Return values without the one character that PostgreSQL's text cannot hold."""
    return [value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value for value in values]


def _only(connection: Connection, query: LiteralString, *values: str) -> Any:
    return cast(Row, connection.execute(query, values).fetchone())[0]
