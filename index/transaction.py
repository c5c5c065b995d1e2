"""Write one generation of the store. Nothing is visible to a reader until the whole is committed."""

import secrets
import sqlite3
from dataclasses import asdict, astuple

from index.errors import IndexIncompatibleError
from index.new_rows import chunk_rows, dimension_of, document_row, now
from index.records import FileRecord, NewDocument
from index.schema import IndexMeta, difference
from index.snapshot import Snapshot


class Transaction:
    """The open transaction of the one writer."""

    def __init__(self, connection: sqlite3.Connection, meta: IndexMeta, *, rebuild: bool) -> None:
        self._connection = connection
        if connection.execute("SELECT count(*) FROM meta").fetchone() == (0,):
            self._set_meta(meta)
        self.snapshot = Snapshot(connection)
        self.generation = self.snapshot.generation + 1
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
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('dimension', ?)", (str(dimension),))
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
                "INSERT INTO commits VALUES (?, ?, ?)", (self.generation, secrets.token_hex(8), now())
            )

    def _set_meta(self, meta: IndexMeta) -> None:
        rows = [(key, str(value)) for key, value in asdict(meta).items()]
        self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
