"""Write one generation of the store. Nothing is visible to a reader until the whole is committed."""

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime

import numpy as np

from index.chunking import Chunk, text_to_encode
from index.encoding import Vectors
from index.errors import IndexIncompatibleError
from index.parsing import ParsedDocument
from index.records import FileRecord
from index.schema import IndexMeta, checksum, text_digest
from index.snapshot import Snapshot


@dataclass(frozen=True)
class NewDocument:
    """A document ready to be stored: its chunks, and one vector for each (shape (len(chunks), dimension)).

    `given` is the metadata of a text that was added by the API; None for a file.
    """

    name: str
    content_sha256: str
    parsed: ParsedDocument
    chunks: Sequence[Chunk]
    vectors: Vectors
    given: dict[str, object] | None = None
    keys: Sequence[str] | None = None


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
                raise IndexIncompatibleError(_difference(self.snapshot.meta, meta))
            self._set_meta(meta)
            self.changed = True

    def put(self, document: NewDocument) -> None:
        """Store a document, in place of the one of the same name if there is one.

        Raises IndexIncompatibleError if its vectors are of another length than the index's.
        """
        dimension = document.vectors.shape[1]
        if self._dimension not in (0, dimension):
            raise IndexIncompatibleError(
                f"the index has vectors of length {self._dimension}, the model gives {dimension}:"
                " run `rag index FOLDER --rebuild` to make it again"
            )
        self.remove(document.name)
        parsed = document.parsed
        row = (
            document.name,
            document.content_sha256,
            parsed.text,
            json.dumps([(b.start, b.end, b.level) for b in parsed.blocks]),
            parsed.encoding,
            json.dumps([(p.start, p.label) for p in parsed.places], ensure_ascii=False),
            json.dumps(asdict(parsed.metadata) if document.given is None else document.given, ensure_ascii=False),
            int(document.given is None),
        )
        cursor = self._connection.execute(
            "INSERT INTO documents"
            " (name, content_sha256, text, blocks, encoding, places, metadata, is_file, checksum, indexed_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, checksum(*row), _now()),
        )
        keys = document.keys or [f"{document.name}#{number}" for number in range(len(document.chunks))]
        digests = [text_digest(text_to_encode(parsed.text, chunk)) for chunk in document.chunks]
        rows = zip(keys, document.chunks, np.asarray(document.vectors, "<f4"), digests, strict=True)
        self._connection.executemany(
            "INSERT INTO chunks"
            ' (key, document_id, start, "end", heading, sentences, digest, vector, checksum, generation)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (*_row(key, cursor.lastrowid, chunk, digest, vector.tobytes()), self.generation)
                for key, chunk, vector, digest in rows
            ),
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
        row = (*astuple(file.stat), file.content_sha256, file.reason, file.at or _now())
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
                "INSERT INTO commits VALUES (?, ?, ?)", (self.generation, secrets.token_hex(8), _now())
            )

    def _set_meta(self, meta: IndexMeta) -> None:
        rows = [(key, str(value)) for key, value in asdict(meta).items()]
        self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _row(key: str, document_id: int | None, chunk: Chunk, digest: str, vector: bytes) -> tuple[object, ...]:
    heading = json.dumps(chunk.heading, ensure_ascii=False)
    sentences = json.dumps([(s.start, s.end, s.is_heading) for s in chunk.sentences])
    row = (key, document_id, chunk.start, chunk.end, heading, sentences, digest)
    return (*row, vector, checksum(*row, vector=vector))


def _difference(old: IndexMeta, new: IndexMeta) -> str:
    pairs = [(key, asdict(old)[key], value) for key, value in asdict(new).items() if asdict(old)[key] != value]
    listed = ", ".join(f"{key.replace('_', ' ')} {was} (now {value})" for key, was, value in pairs)
    return f"the index was made with {listed}: run `rag index FOLDER --rebuild` to make it again"
