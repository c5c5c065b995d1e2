"""Users and their tokens, in a file beside the index, or in PostgreSQL where the settings name a database.

As long as there is no user, whoever reaches the server may do everything, so it listens on this machine only.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from index.collections import DEFAULT, checked_name
from index.errors import RagError
from index.filters import parse_filter
from rag.assemble import open_database
from rag.database import ConflictError, Database, Kept, Row, Transaction
from rag.settings import Settings
from server.passwords import (
    COST,
    MAX_PASSWORD,
    MIN_PASSWORD,
    Remembered,
    hash_password,
    is_password,
    new_token,
    token_digest,
)
from ui.visitor import Role

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, password TEXT NOT NULL, role TEXT NOT NULL, documents TEXT NOT NULL, created TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY, "user" TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    digest TEXT NOT NULL UNIQUE, label TEXT NOT NULL, created TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS collections (
    "user" TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE, position INTEGER NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY ("user", position)
);
"""
# What a User is made of, with the password's hash: a row for each collection.
USER = (
    "SELECT u.name, u.role, u.documents, u.created, u.password, c.name FROM users u"
    ' LEFT JOIN collections c ON c."user" = u.name'
)
FILE = "accounts.sqlite3"
KEPT = Kept(FILE, SCHEMA, secret=True)
NAME = re.compile(r"[\w.@-]{1,64}")  # no colon: HTTP Basic ends a name there


class AccountError(RagError):
    """A user or token that does not exist, exists already, or cannot be made like this."""


@dataclass(frozen=True)
class User:
    """Somebody who may come in. `documents` is the filter of those that exist for them, "" for all.

    `collections` are those that exist for them; none is the default one, and for an admin all.
    """

    name: str
    role: Role
    documents: str
    created: str = ""
    collections: tuple[str, ...] = ()


@dataclass(frozen=True)
class Token:
    """A token as it is listed: all but itself."""

    id: str
    user: str
    label: str
    created: str


class Accounts:
    """All users and tokens. Thread-safe: every call asks the database, so that a change counts at once."""

    def __init__(self, database: Database, cost: int = COST) -> None:
        self._database = database
        self._cost = cost
        self._remembered = Remembered()
        self._nobody = ""

    @classmethod
    def of(cls, settings: Settings, cost: int = COST) -> "Accounts":
        """Return those that the settings name. Raises SettingError if a package is missing."""
        return cls(open_database(settings, KEPT), cost)

    def any(self) -> bool:
        """Say whether there is a user at all."""
        return bool(self.users())

    def users(self) -> list[User]:
        """Return all users by name."""
        return sorted((user for user, _ in self._users("")), key=lambda user: user.name)

    def add(self, name: str, password: str, role: Role, documents: str = "", collections: Sequence[str] = ()) -> None:
        """Add a user. Raises AccountError, CollectionError, or FilterError if `documents` cannot be read."""
        if not NAME.fullmatch(name):
            raise AccountError(f"{name!r} cannot be a user's name: 1 to 64 letters, digits and . _ - @")
        chosen = _check(role, documents, collections)
        kept = self._hashed(password)
        try:
            with self._database.transaction() as db:
                db.execute("INSERT INTO users VALUES (?, ?, ?, ?, ?)", (name, kept, str(role), documents, _now()))
                _map(db, name, chosen)
        except ConflictError as error:
            raise AccountError(f"there is a user {name} already: `rag user change {name}`") from error

    def change(
        self,
        name: str,
        *,
        password: str | None = None,
        role: Role | None = None,
        documents: str | None = None,
        collections: Sequence[str] | None = None,
    ) -> None:
        """Change what is given. Raises AccountError, CollectionError, FilterError."""
        before = next((user for user, _ in self._users(" WHERE u.name = ?", name)), None)
        _check_found(before, f"user {name}", "rag user list")
        assert before is not None
        chosen = _check(
            role or before.role,
            before.documents if documents is None else documents,
            before.collections if collections is None else collections,
        )
        kept = None if password is None else self._hashed(password)
        with self._database.transaction() as db:
            changed = db.execute(
                "UPDATE users SET password = coalesce(?, password), role = coalesce(?, role),"
                " documents = coalesce(?, documents) WHERE name = ?",
                (kept, None if role is None else str(role), documents, name),
            )
            _check_found(changed.rowcount, f"user {name}", "rag user list")
            _map(db, name, chosen)

    def remove(self, name: str) -> None:
        """Remove a user and their tokens. Raises AccountError."""
        with self._database.transaction() as db:
            removed = db.execute("DELETE FROM users WHERE name = ?", (name,))
            _check_found(removed.rowcount, f"user {name}", "rag user list")

    def by_password(self, name: str, password: str) -> User | None:
        """Return the user of this name and password. Takes as long if there is no such user (scrypt: about 0.3 s)."""
        found = self._users(" WHERE u.name = ?", name)
        user, kept = found[0] if found else (None, self._anybody())
        if user and self._remembered.knows(password, kept):
            return user
        if not is_password(password, kept) or not user:
            return None
        self._remembered.add(password, kept)
        return user

    def make_token(self, user: str, label: str = "") -> tuple[str, str]:
        """Make a token of a user; return (its id, the token), which is never seen again. Raises AccountError."""
        id_, token = secrets.token_hex(4), new_token()
        try:
            with self._database.transaction() as db:
                row = (id_, user, token_digest(token), label, _now())
                db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?)", row)
        except ConflictError as error:
            raise AccountError(f"there is no user {user}: `rag user list` shows all") from error
        return id_, token

    def by_token(self, token: str) -> User | None:
        """Return the user whose token this is."""
        found = self._users(' JOIN tokens t ON t."user" = u.name WHERE t.digest = ?', token_digest(token))
        return found[0][0] if found else None

    def tokens(self) -> list[Token]:
        """Return all tokens, oldest first."""
        rows = self._rows('SELECT id, "user", label, created FROM tokens ORDER BY created, rowid')
        return [Token(*map(str, row)) for row in rows]

    def revoke(self, id_: str) -> None:
        """Take a token back. Raises AccountError."""
        with self._database.transaction() as db:
            revoked = db.execute("DELETE FROM tokens WHERE id = ?", (id_,))
            _check_found(revoked.rowcount, f"token {id_}", "rag token list")

    def _hashed(self, password: str) -> str:
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise AccountError(f"the password has {len(password)} characters, it must have at least {MIN_PASSWORD}")
        return hash_password(password, self._cost)

    def _anybody(self) -> str:
        """Return the hash of a password that nobody has."""
        self._nobody = self._nobody or hash_password(secrets.token_hex(), self._cost)
        return self._nobody

    def _users(self, which: str, *values: str) -> list[tuple[User, str]]:
        """Return users, each with the password's hash."""
        rows: dict[str, list[Row]] = {}
        for row in self._rows(f"{USER}{which} ORDER BY c.position", *values):
            rows.setdefault(row[0], []).append(row)
        return [_user(own) for own in rows.values()]

    def _rows(self, query: str, *values: str) -> list[Row]:
        if not self._database.exists:
            return []
        with self._database.transaction() as db:
            return db.execute(query, values).fetchall()


def _check(role: Role, documents: str, collections: Sequence[str]) -> tuple[str, ...]:
    """Return the collections of a user, each once; none if it is the default one alone."""
    parse_filter(documents)
    chosen = tuple(dict.fromkeys(map(checked_name, collections)))
    if role is Role.ADMIN and documents.strip():
        raise AccountError("an admin sees everybody's feedback with its quotes, so the role is for all documents only")
    if chosen == (DEFAULT,):
        return ()
    if role is Role.ADMIN and chosen:
        raise AccountError(f"an admin has all collections: give --collection {DEFAULT}, or another role")
    return chosen


def _map(db: Transaction, user: str, collections: Sequence[str]) -> None:
    db.execute('DELETE FROM collections WHERE "user" = ?', (user,))
    rows = [(user, position, name) for position, name in enumerate(collections)]
    db.executemany("INSERT INTO collections VALUES (?, ?, ?)", rows)


def _check_found(found: object, what: str, command: str) -> None:
    if not found:
        raise AccountError(f"there is no {what}: `{command}` shows all")


def _user(rows: list[Row]) -> tuple[User, str]:
    name, role, documents, created, kept, _ = rows[0]
    return User(name, Role(role), documents, created, tuple(row[-1] for row in rows if row[-1] is not None)), kept


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
