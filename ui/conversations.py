"""Conversations and feedback, kept beside the index, or in PostgreSQL where the settings name a database.

Every call names the owner, and nothing of another owner is ever found: an id alone opens nothing. An owner is a user's
name, or a browser's own random number where there are no users.
"""

import json
import unicodedata
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from index.collections import check_there
from rag.assemble import open_database
from rag.database import ConflictError, Database, Kept, Transaction
from rag.settings import Settings

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
KEPT = Kept(FILE, SCHEMA, by_collection=True)
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
    """The conversations of all owners in a collection, whose index folder this is. Thread-safe."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self._folder = folder

    @classmethod
    def of(cls, settings: Settings) -> "Conversations":
        """Return those that the settings name. Raises SettingError if a package is missing."""
        return cls(open_database(settings, KEPT), settings.index)

    def start(self, owner: str, question: str) -> str:
        """Begin a conversation that is called by its first question; return its id."""
        id_, now = uuid.uuid4().hex, _now()
        with self._open() as db:
            db.execute("INSERT INTO conversations VALUES (?, ?, ?, ?, ?)", (id_, owner, _title(question), now, now))
        return id_

    def listed(self, owner: str, words: str = "") -> list[Conversation]:
        """Return the owner's conversations, newest first; with `words`, those that have them."""
        with self._open() as db:
            rows = db.execute(
                "SELECT id, title, updated FROM conversations WHERE owner = ? ORDER BY updated DESC, rowid DESC",
                (owner,),
            ).fetchall()
        having = self._having(owner, words) if words.split() else {row[0] for row in rows}
        return [Conversation(*row) for row in rows if row[0] in having]

    def _having(self, owner: str, words: str) -> set[str]:
        """Return the ids of the owner's conversations that have the words in a title, a question or a sentence."""
        check_there(self._folder)
        texts = self.database.stream(
            "SELECT c.id, c.title, t.question, t.answer FROM conversations c"
            " LEFT JOIN turns t ON t.conversation = c.id WHERE c.owner = ?",
            (owner,),
        )
        wanted = _folded(words).split()
        return {id_ for id_, *said in texts if any(_has(text, wanted) for text in _texts(*said))}

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
        text = None if answer is None else json.dumps(answer, ensure_ascii=False)
        with self._open() as db:
            # First, so that PostgreSQL, too, lets one add after the other, and nobody delete it meanwhile.
            touched = db.execute(
                "UPDATE conversations SET updated = ? WHERE id = ? AND owner = ?", (now, conversation, owner)
            )
            if not touched.rowcount:
                raise KeyError(conversation)
            db.execute("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?)", (id_, conversation, question, text, note, now))
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
        check_there(self._folder)
        wanted = {*documents}
        rows = self.database.stream(
            "SELECT id, question, answer FROM turns WHERE answer IS NOT NULL ORDER BY created, rowid"
        )
        return [(str(id_), str(question)) for id_, question, answer in rows if wanted & _shown_in(json.loads(answer))]

    def withdraw(self, turns: Collection[str], note: str) -> None:
        """Remove the answers of these turns, whoever owns them; the note says why. No byte stays in a file of ours."""
        with self._open() as db:
            db.executemany("UPDATE turns SET answer = NULL, note = ? WHERE id = ?", [(note, turn) for turn in turns])
        self.database.scrub()

    def rate(self, owner: str, turn: str, thumb: str, comment: str = "") -> bool:
        """Store a thumb ("up", "down", or "" to take it back) on the owner's turn; say whether it is theirs."""
        if self.turn(owner, turn) is None:
            return False
        try:
            with self._open() as db:
                if thumb:
                    db.execute(RATE, (turn, thumb, comment, _now()))
                else:
                    db.execute("DELETE FROM feedback WHERE turn = ?", (turn,))
        except ConflictError:  # the turn was deleted meanwhile
            return False
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
    def _open(self) -> Iterator[Transaction]:
        """Begin, and commit what was done, all or nothing."""
        check_there(self._folder)  # a collection that was removed is not made again
        with self.database.transaction() as transaction:
            yield transaction


TURNS = (
    "SELECT t.id, t.question, t.answer, t.note, f.thumb FROM turns t JOIN conversations c ON c.id = t.conversation"
    " LEFT JOIN feedback f ON f.turn = t.id WHERE c.owner = ?"
)
RATE = (
    "INSERT INTO feedback VALUES (?, ?, ?, ?) ON CONFLICT (turn) DO UPDATE"
    " SET thumb = excluded.thumb, comment = excluded.comment, created = excluded.created"
)


def _texts(title: str, question: str | None, answer: str | None) -> Iterator[str]:
    yield from (title, question or "")
    yield from (claim["text"] for claim in json.loads(answer).get("claims", ())) if answer else ()


def _has(text: str, words: list[str]) -> bool:
    """Say whether a text holds all the folded words, whatever their order, case and accents."""
    folded = _folded(text)
    return all(word in folded for word in words)


def _shown_in(answer: dict[str, Any]) -> set[str]:
    """Return the names of the documents that an answer shows something of."""
    return {place["document"] for place in (*answer.get("sources", ()), *answer.get("passages", ()))}


def _folded(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


def _owns(db: Transaction, owner: str, conversation: str) -> bool:
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
