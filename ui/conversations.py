"""Conversations and feedback, kept in a SQLite file beside the index.

Every call names the owner, and nothing of another owner is ever found: an id alone opens nothing. An owner is a user's
name, or a browser's own random number where there are no users.
"""

import json
import sqlite3
import unicodedata
import uuid
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from index.collections import check_there

SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, title TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS conversations_by_owner ON conversations (owner, updated);
CREATE TABLE IF NOT EXISTS turns (
    id TEXT PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    question TEXT NOT NULL, answer TEXT, note TEXT NOT NULL, created TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS turns_by_conversation ON turns (conversation, created);
CREATE TABLE IF NOT EXISTS feedback (
    turn TEXT PRIMARY KEY REFERENCES turns (id) ON DELETE CASCADE,
    thumb TEXT NOT NULL CHECK (thumb IN ('up', 'down')), comment TEXT NOT NULL, created TEXT NOT NULL
);
"""
FILE = "conversations.sqlite3"
TITLE_CHARACTERS = 80


@dataclass(frozen=True)
class Conversation:
    """A conversation as it is listed."""

    id: str
    title: str
    updated: str


@dataclass(frozen=True)
class StoredTurn:
    """A question and its answer (None if it was stopped or failed: then `note` says why), with the owner's thumb."""

    id: str
    question: str
    answer: dict[str, Any] | None
    note: str
    thumb: str | None = None


class Conversations:
    """The conversations of all owners. Thread-safe: every call opens the file for itself."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, owner: str, question: str) -> str:
        """Begin a conversation that is called by its first question; return its id."""
        id_, now = uuid.uuid4().hex, _now()
        with self._open() as db:
            db.execute("INSERT INTO conversations VALUES (?, ?, ?, ?, ?)", (id_, owner, _title(question), now, now))
        return id_

    def listed(self, owner: str, words: str = "") -> list[Conversation]:
        """Return the owner's conversations, newest first; with `words`, those that have them."""
        with self._open() as db:
            db.create_function("has", 2, _has, deterministic=True)
            rows = db.execute(
                "SELECT id, title, updated FROM conversations c WHERE owner = ? AND (has(title, ?) OR EXISTS ("
                " SELECT 1 FROM turns t WHERE t.conversation = c.id AND (has(t.question, ?) OR EXISTS ("
                "  SELECT 1 FROM json_each(t.answer, '$.claims') WHERE has(json_extract(value, '$.text'), ?)))))"
                " ORDER BY updated DESC, rowid DESC",
                (owner, words, words, words),
            )
            return [Conversation(*row) for row in rows]

    def owns(self, owner: str, conversation: str) -> bool:
        """Say whether there is such a conversation of this owner."""
        with self._open() as db:
            return _owns(db, owner, conversation)

    def turns(self, owner: str, conversation: str) -> list[StoredTurn]:
        """Return the turns of a conversation, oldest first; none if it is not the owner's."""
        with self._open() as db:
            return [
                _turn(row)
                for row in db.execute(f"{TURNS} AND c.id = ? ORDER BY t.created, t.rowid", (owner, conversation))
            ]

    def turn(self, owner: str, id_: str) -> StoredTurn | None:
        """Return one turn, if it is the owner's."""
        with self._open() as db:
            row = db.execute(f"{TURNS} AND t.id = ?", (owner, id_)).fetchone()
            return _turn(row) if row else None

    def add(self, owner: str, conversation: str, question: str, answer: dict[str, Any] | None, note: str = "") -> str:
        """Add a turn to the owner's conversation; return its id. Raises KeyError if it is not theirs."""
        id_, now = uuid.uuid4().hex, _now()
        with self._open() as db:
            if not _owns(db, owner, conversation):
                raise KeyError(conversation)
            text = None if answer is None else json.dumps(answer, ensure_ascii=False)
            db.execute("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?)", (id_, conversation, question, text, note, now))
            db.execute("UPDATE conversations SET updated = ? WHERE id = ?", (now, conversation))
        return id_

    def cut(self, owner: str, conversation: str, turn: str) -> None:
        """Remove a turn and those after it, since its question is asked anew."""
        ids = [stored.id for stored in self.turns(owner, conversation)]
        with self._open() as db:
            for id_ in ids[ids.index(turn) :] if turn in ids else ():
                db.execute("DELETE FROM turns WHERE id = ?", (id_,))

    def rename(self, owner: str, conversation: str, title: str) -> None:
        """Give the owner's conversation another title; an empty one changes nothing."""
        if title.strip():
            with self._open() as db:
                db.execute(
                    "UPDATE conversations SET title = ? WHERE id = ? AND owner = ?",
                    (_title(title), conversation, owner),
                )

    def delete(self, owner: str, conversation: str) -> None:
        """Delete the owner's conversation with all its turns and feedback."""
        with self._open() as db:
            db.execute("DELETE FROM conversations WHERE id = ? AND owner = ?", (conversation, owner))

    def quoting(self, documents: Collection[str]) -> list[tuple[str, str]]:
        """Return (turn id, question) of all owners' answers that show something of these documents, oldest first."""
        with self._open() as db:
            rows = db.execute(
                "SELECT t.id, t.question FROM turns t WHERE t.answer IS NOT NULL AND EXISTS ("
                " SELECT 1 FROM (SELECT value FROM json_each(t.answer, '$.sources')"
                "  UNION ALL SELECT value FROM json_each(t.answer, '$.passages'))"
                f" WHERE json_extract(value, '$.document') IN ({','.join('?' * len(documents))}))"
                " ORDER BY t.created, t.rowid",
                tuple(documents),
            ).fetchall()
        return [(str(id_), str(question)) for id_, question in rows]

    def withdraw(self, turns: Collection[str], note: str) -> None:
        """Remove the answers of these turns, whoever owns them; the note says why. No byte of them stays in it."""
        with self._open() as db:
            db.executemany("UPDATE turns SET answer = NULL, note = ? WHERE id = ?", [(note, turn) for turn in turns])
        with closing(sqlite3.connect(self.path, timeout=30)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def rate(self, owner: str, turn: str, thumb: str, comment: str = "") -> bool:
        """Store a thumb ("up", "down", or "" to take it back) on the owner's turn; say whether it is theirs."""
        if self.turn(owner, turn) is None:
            return False
        with self._open() as db:
            db.execute("DELETE FROM feedback WHERE turn = ?", (turn,))
            if thumb:
                db.execute("INSERT INTO feedback VALUES (?, ?, ?, ?)", (turn, thumb, comment, _now()))
        return True

    def feedback(self) -> list[dict[str, Any]]:
        """Return all feedback, oldest first, with the questions and answers that it is on, without the owners."""
        with self._open() as db:
            rows = db.execute(
                "SELECT f.created, f.thumb, f.comment, t.question, t.answer FROM feedback f"
                " JOIN turns t ON t.id = f.turn ORDER BY f.created, f.rowid"
            ).fetchall()
        return [
            {
                "created": created,
                "thumb": thumb,
                "comment": comment,
                "question": question,
                "answer": json.loads(answer) if answer else None,
            }
            for created, thumb, comment, question, answer in rows
        ]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file and commit what was done, all or nothing."""
        check_there(self.path.parent)  # a collection that was removed is not made again
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=30)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA secure_delete = ON")
            db.executescript(SCHEMA)
            with db:
                yield db
        finally:
            db.close()


TURNS = (
    "SELECT t.id, t.question, t.answer, t.note, f.thumb FROM turns t JOIN conversations c ON c.id = t.conversation"
    " LEFT JOIN feedback f ON f.turn = t.id WHERE c.owner = ?"
)


def _has(text: str | None, words: str) -> bool:
    """Say whether a text holds all the words, whatever their order, case and accents."""
    folded = _folded(text or "")
    return all(word in folded for word in _folded(words).split())


def _folded(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


def _owns(db: sqlite3.Connection, owner: str, conversation: str) -> bool:
    row = db.execute("SELECT 1 FROM conversations WHERE id = ? AND owner = ?", (conversation, owner)).fetchone()
    return row is not None


def _turn(row: tuple[Any, ...]) -> StoredTurn:
    id_, question, answer, note, thumb = row
    return StoredTurn(id_, question, json.loads(answer) if answer else None, note, thumb)


def _title(text: str) -> str:
    title = " ".join(text.split())
    return title if len(title) <= TITLE_CHARACTERS else f"{title[: TITLE_CHARACTERS - 1]}…"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
