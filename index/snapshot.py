"""Read one generation of the store. Every row's checksum is compared before its content is used."""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from index.documents import FileStat
from index.encoding import Vectors
from index.reading import DOCUMENT_COLUMNS, Row, damaged, from_json
from index.records import DocumentRecord, FileRecord, StoredChunk
from index.rows import BATCH, COLUMNS, LAST_ID, ChunkRows
from index.schema import COPIED, IndexMeta


class Snapshot(ChunkRows):
    """One generation of the store, open for reading until its `with` block ends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        values = dict(connection.execute("SELECT key, value FROM meta"))
        try:
            self.meta = IndexMeta(
                encoder=values["encoder"],
                chunk_size=int(values["chunk_size"]),
                chunk_overlap=int(values["chunk_overlap"]),
            )
            super().__init__(connection, int(values.get("dimension", 0)))
        except (KeyError, ValueError) as error:
            raise damaged(f"its description is not readable ({error})") from error
        self.copied = values.get(COPIED, "")
        row = connection.execute("SELECT generation, id, at FROM commits ORDER BY generation DESC LIMIT 1").fetchone()
        self.generation = row[0] if row else 0
        self.commit = row[1] if row else ""
        self.committed_at = row[2] if row else ""

    def has_commit(self, generation: int, commit: str) -> bool:
        """Say whether the store was at this commit once, so that what came since tells the whole difference."""
        row = self._connection.execute("SELECT id FROM commits WHERE generation = ?", (generation,)).fetchone()
        return bool(row == (commit,))

    def counts(self) -> tuple[int, int]:
        """Return (number of documents, number of chunks)."""
        (documents,) = self._connection.execute("SELECT count(*) FROM documents").fetchone()
        (chunks,) = self._connection.execute("SELECT count(*) FROM chunks").fetchone()
        return documents, chunks

    def documents(self) -> list[DocumentRecord]:
        """Return all documents in the order of their names."""
        rows = self._connection.execute(
            "SELECT d.id, d.name, d.content_sha256, d.encoding, d.is_file, count(c.id)"
            " FROM documents d LEFT JOIN chunks c ON c.document_id = d.id GROUP BY d.id ORDER BY d.name"
        )
        found = [DocumentRecord(i, name, sha, enc, bool(is_file), n) for i, name, sha, enc, is_file, n in rows]
        if not all(isinstance(value, str) for record in found for value in (record.name, record.content_sha256)):
            raise damaged("a document without a name or a hash")
        return found

    def checksums(self) -> dict[int, tuple[str, bytes]]:
        """Return the name and the checksum of every document, by its id, without reading any."""
        rows = self._connection.execute("SELECT id, name, checksum FROM documents ORDER BY id")
        return {id_: (name, checksum) for id_, name, checksum in rows}

    def last_document_id(self) -> int:
        """Return the highest id that a document ever had here, 0 if there was none: ids are not used again."""
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'documents'").fetchone()
        return int(row[0]) if row else 0

    def files(self) -> dict[str, FileRecord]:
        """Return what was last seen of every file, by name, in the order of the names."""
        rows = self._connection.execute(
            "SELECT name, size, modified, changed, inode, content_sha256, reason, at FROM files ORDER BY name"
        )
        found = {name: FileRecord(name, FileStat(*stat), sha, reason, at) for name, *stat, sha, reason, at in rows}
        if not all(isinstance(value, str) for file in found.values() for value in (file.name, file.reason)):
            raise damaged("a file without a name")
        return found

    def _document_rows(self, document_ids: Collection[int]) -> Iterator[tuple[int, Row]]:
        columns = ", ".join(DOCUMENT_COLUMNS)
        for id_ in document_ids:
            row = self._connection.execute(f"SELECT {columns} FROM documents WHERE id = ?", (id_,)).fetchone()
            if row is not None:
                yield id_, row

    def _metadata_of(self, document_id: int) -> str | None:
        row = self._connection.execute("SELECT metadata FROM documents WHERE id = ?", (document_id,)).fetchone()
        return None if row is None else str(row[0])

    def id_of(self, name: str) -> int | None:
        """Return the id of the document of this name, or None if there is none."""
        row = self._connection.execute("SELECT id FROM documents WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def chunk_ids(self, wanted: Callable[[str, dict[str, Any]], bool]) -> list[int]:
        """Return the ids of the chunks of the documents that are wanted, by their name and metadata."""
        rows = self._connection.execute("SELECT id, name, metadata FROM documents")
        documents = [id_ for id_, name, metadata in rows if wanted(name, from_json(metadata))]
        found: list[int] = []
        for first in range(0, len(documents), BATCH):
            part = documents[first : first + BATCH]
            marks = ",".join("?" * len(part))
            chunks = self._connection.execute(f"SELECT id FROM chunks WHERE document_id IN ({marks})", part)
            found += [id_ for (id_,) in chunks]
        return found

    def names(self, wanted: Callable[[str, dict[str, Any]], bool]) -> set[str]:
        """Return the names of the documents that are wanted, by their name and metadata."""
        rows = self._connection.execute("SELECT name, metadata FROM documents")
        return {name for name, metadata in rows if wanted(name, from_json(metadata))}

    def copies_among(self, ids: Sequence[int]) -> set[int]:
        """Return those of these chunks that another of them, of an older document with the same content, repeats."""
        first: dict[tuple[str, int, int], int] = {}
        marks = ",".join("?" * len(ids))
        rows = self._connection.execute(
            'SELECT c.id, d.content_sha256, c.start, c."end" FROM chunks c JOIN documents d ON d.id = c.document_id'
            f" WHERE d.is_file AND c.id IN ({marks}) ORDER BY d.id",
            list(ids),
        )
        return {id_ for id_, *place in rows if first.setdefault((place[0], place[1], place[2]), id_) != id_}

    def _chunk_rows(self, column: str, values: Sequence[int] | Sequence[str]) -> Iterator[Row]:
        for first in range(0, len(values), BATCH):
            part = list(values[first : first + BATCH])
            marks = ",".join("?" * len(part))
            yield from self._connection.execute(f"SELECT {COLUMNS} FROM chunks WHERE {column} IN ({marks})", part)

    def all_chunks(self) -> Iterator[tuple[StoredChunk, Vectors]]:
        """Yield every chunk with its vector of shape (dimension,), by id."""
        for row in chain.from_iterable(self.rows_between(1, LAST_ID)):
            self.check_row(row)
            yield self._stored_chunk(row), np.frombuffer(row[7], "<f4")

    def indexed_texts(self, first: int, last: int) -> Iterator[tuple[int, str]]:
        """Yield what is searched by words of the chunks with ids from `first` to `last`: id, headings and own text."""
        for rows in self.rows_between(first, last):
            for row in rows:
                self.check_row(row)
                id_, _, document_id, start, end, heading, *_ = row
                yield id_, "\n".join([*json.loads(heading), self.text(document_id)[start:end]])

    def check_pages(self) -> None:
        """Let SQLite check its own pages. Raises IndexDamagedError with what it found."""
        check_pages(self._connection)

    def check_rows(self) -> None:
        """Compare the checksum of every row. Raises IndexDamagedError at the first that differs."""
        for document in self.documents():
            self.text(document.id)
        for _ in self.all_chunks():
            pass


def check_pages(connection: sqlite3.Connection) -> None:
    """Let SQLite check its own pages. Raises IndexDamagedError with what it found."""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise damaged(str(found).replace("\n", " "))
