"""Write one generation of the store. Nothing is visible to a reader until the whole is committed."""

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, astuple

from index.errors import IndexIncompatibleError
from index.new_rows import chunk_rows, dimension_of, document_row, now
from index.reading import CHUNK_COLUMNS, DOCUMENT_COLUMNS, Row
from index.records import FileRecord, NewDocument
from index.schema import COPIED, IndexMeta, difference
from index.snapshot import Snapshot


class Transaction:
    """The open transaction of the one writer."""

    def __init__(self, connection: sqlite3.Connection, meta: IndexMeta, *, rebuild: bool) -> None:
        self._connection = connection
        if connection.execute("SELECT count(*) FROM meta").fetchone() == (0,):
            self._set_meta(meta)
        self.snapshot = Snapshot(connection)
        self.generation = self.snapshot.generation + 1
        self.at = ""  # when this generation was committed elsewhere, if it is a copy
        self.changed = False
        # The first document says how long vectors are; in a rebuild, all of them are written again.
        self._dimension = 0 if rebuild else self.snapshot.dimension
        if self.snapshot.meta != meta:
            if not rebuild:
                raise IndexIncompatibleError(difference(self.snapshot.meta, meta))
            self._set_meta(meta)
            self.changed = True

    def put(self, document: NewDocument) -> None:
        """Store a document, in place of the one of the same name if there is one.

        Raises IndexIncompatibleError if its vectors are of another length than the index's.
        """
        dimension = dimension_of(document, self._dimension)
        self.remove(document.name)
        cursor = self._connection.execute(
            "INSERT INTO documents"
            " (name, content_sha256, text, blocks, encoding, places, metadata, is_file, checksum, indexed_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*document_row(document), now()),
        )
        self._connection.executemany(
            "INSERT INTO chunks"
            ' (key, document_id, start, "end", heading, sentences, vector, digest, checksum, generation)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((*row, self.generation) for row in chunk_rows(document, cursor.lastrowid)),
        )
        if not self._dimension:
            self._dimension = dimension
            self._set("dimension", str(dimension))
        self.changed = True

    def remove(self, name: str) -> bool:
        """Remove a document and its chunks. Says whether it was there."""
        row = self._connection.execute("SELECT id FROM documents WHERE name = ?", (name,)).fetchone()
        if row is None:
            return False
        self._connection.execute(
            "INSERT INTO removed SELECT id, ? FROM chunks WHERE document_id = ?", (self.generation, row[0])
        )
        self._connection.execute("DELETE FROM chunks WHERE document_id = ?", row)
        self._connection.execute("DELETE FROM documents WHERE id = ?", row)
        self.changed = True
        return True

    def forget(self, name: str) -> bool:
        """Remove a document, and all that is known of a file of this name. Says whether the document was there."""
        self._connection.execute("DELETE FROM files WHERE name = ?", (name,))
        return self.remove(name)

    def note(self, file: FileRecord) -> None:
        """Remember what was seen of a file. Makes no generation by itself: nothing of it is searched."""
        row = (*astuple(file.stat), file.content_sha256, file.reason, file.at or now())
        self._connection.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (file.name, *row),
        )

    def take(self, document_id: int, row: Row, chunks: Sequence[Row]) -> None:
        """Store a document as it is elsewhere: its `DOCUMENT_COLUMNS`, and the `CHUNK_COLUMNS` of its chunks.

        Checksums and ids are taken as they are; the ids must be higher than any that were ever here.
        """
        self._connection.execute(
            f"INSERT INTO documents (id, {', '.join(DOCUMENT_COLUMNS)}, indexed_at)"
            f" VALUES ({', '.join('?' * (len(DOCUMENT_COLUMNS) + 2))})",
            (document_id, *row, now()),
        )
        columns = ", ".join(f'"{column}"' for column in CHUNK_COLUMNS)
        self._connection.executemany(
            f"INSERT INTO chunks ({columns}, generation) VALUES ({', '.join('?' * (len(CHUNK_COLUMNS) + 1))})",
            ((*chunk, self.generation) for chunk in chunks),
        )
        self.changed = True

    def lose(self, name: str) -> None:
        """Forget what was seen of a file; its document stays."""
        self._connection.execute("DELETE FROM files WHERE name = ?", (name,))

    def clear(self, meta: IndexMeta, dimension: int) -> None:
        """Remove everything as if there had never been anything: ids may come again, and no view goes on from here."""
        for table in ("chunks", "documents", "removed", "files", "commits", "meta", "sqlite_sequence"):
            self._connection.execute(f"DELETE FROM {table}")
        self._set_meta(meta)
        self._set("dimension", str(dimension))
        self.snapshot = self.look()
        self.changed = True

    def hold(self, copied: str) -> None:
        """Write what the index is a copy of (copying.py)."""
        self._set(COPIED, copied)

    def look(self) -> Snapshot:
        """Return what is there now, before it is committed."""
        return Snapshot(self._connection)

    def commit(self) -> None:
        """Commit what was done so far as a generation of its own, and go on with the next one."""
        self.finish()
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN IMMEDIATE")
        self.snapshot = Snapshot(self._connection)
        self.generation = self.snapshot.generation + 1
        self.changed = False

    def finish(self) -> None:
        """Record the new generation if anything changed. Called once, just before the commit."""
        if self.changed:
            self._connection.execute(
                "INSERT INTO commits VALUES (?, ?, ?)", (self.generation, secrets.token_hex(8), self.at or now())
            )

    def _set_meta(self, meta: IndexMeta) -> None:
        for key, value in asdict(meta).items():
            self._set(key, str(value))

    def _set(self, key: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
