"""Read one generation of the store. Every row's checksum is compared before its content is used."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from index.chunking import Chunk, Sentence
from index.documents import FileStat
from index.encoding import Vectors
from index.parsing import Block, Metadata, ParsedDocument, Place, place_label
from index.records import DocumentRecord, FileRecord, StoredChunk
from index.rows import BATCH, COLUMNS, ChunkRows, damaged, from_json, jsonable
from index.schema import IndexMeta, checksum

CACHED_TEXTS = 100


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
        row = connection.execute("SELECT generation, id, at FROM commits ORDER BY generation DESC LIMIT 1").fetchone()
        self.generation: int = row[0] if row else 0
        self.commit: str = row[1] if row else ""
        self.committed_at: str = row[2] if row else ""
        self._names: dict[int, str] = {}
        self._texts: dict[int, str] = {}
        self._places: dict[int, tuple[Place, ...]] = {}

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

    def files(self) -> dict[str, FileRecord]:
        """Return what was last seen of every file, by name, in the order of the names."""
        rows = self._connection.execute(
            "SELECT name, size, modified, changed, inode, content_sha256, reason, at FROM files ORDER BY name"
        )
        found = {name: FileRecord(name, FileStat(*stat), sha, reason, at) for name, *stat, sha, reason, at in rows}
        if not all(isinstance(value, str) for file in found.values() for value in (file.name, file.reason)):
            raise damaged("a file without a name")
        return found

    def text(self, document_id: int) -> str:
        """Return a document's text. Raises IndexDamagedError if it is not what was written."""
        if document_id not in self._texts:
            row = self._document(document_id)
            if len(self._texts) >= CACHED_TEXTS:
                self._texts.clear()
                self._places.clear()
            self._names[document_id], self._texts[document_id] = str(row[0]), str(row[2])
            self._places[document_id] = tuple(Place(*place) for place in json.loads(row[5]))
        return self._texts[document_id]

    def _document(self, document_id: int) -> tuple[Any, ...]:
        """Return its columns from the name to `is_file`, after comparing the checksum."""
        row = self._connection.execute(
            "SELECT name, content_sha256, text, blocks, encoding, places, metadata, is_file, checksum"
            " FROM documents WHERE id = ?",
            (document_id,),
        ).fetchone()
        if row is None or not isinstance(row[2], str) or checksum(*map(jsonable, row[:-1])) != row[-1]:
            raise damaged(f"the text of document {document_id} is not what was written")
        return tuple(row[:-1])

    def text_of(self, name: str) -> str | None:
        """Return the text of the document of this name, or None if there is none."""
        id_ = self.id_of(name)
        return None if id_ is None else self.text(id_)

    def id_of(self, name: str) -> int | None:
        """Return the id of the document of this name, or None if there is none."""
        row = self._connection.execute("SELECT id FROM documents WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def parsed(self, document_id: int) -> ParsedDocument:
        """Return a document as its parser returned it."""
        _, _, text, blocks, encoding, places, metadata, is_file = self._document(document_id)
        return ParsedDocument(
            text,
            tuple(Block(*block) for block in json.loads(blocks)),
            encoding,
            tuple(Place(*place) for place in json.loads(places)),
            Metadata(**json.loads(metadata)) if is_file else Metadata(),
        )

    def place_of(self, document_id: int, start: int, end: int) -> str:
        """Say where a stretch of a document's text comes from ("page 3").

        "" if its format has no places, or if it is gone: what was read may be of an earlier generation.
        """
        if not self._connection.execute("SELECT 1 FROM documents WHERE id = ?", (document_id,)).fetchone():
            return ""
        self.text(document_id)
        return place_label(self._places[document_id], start, end)

    def date_of(self, document_id: int) -> str:
        """Return a document's own date (ISO 8601), or "" if it says none, or is gone."""
        row = self._connection.execute("SELECT metadata FROM documents WHERE id = ?", (document_id,)).fetchone()
        date = from_json(row[0]).get("date", "") if row else ""
        return date if isinstance(date, str) else ""

    def is_file(self, document_id: int) -> bool:
        """Say whether a document is a file, not a text added through the API."""
        return bool(self._document(document_id)[7])

    def metadata(self, document_id: int) -> dict[str, Any]:
        """Return what a file says about itself, or what the caller stored with a text added through the API."""
        return dict(json.loads(self._document(document_id)[6]))

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

    def chunks(self, ids: Sequence[int]) -> list[StoredChunk]:
        """Return the chunks with these ids, in the order asked for; an id that is not there is left out."""
        found = {stored.id: stored for stored in self._chunks_where("id", ids)}
        return [found[i] for i in ids if i in found]

    def chunks_by_key(self, keys: Sequence[str]) -> list[StoredChunk]:
        """Return the chunks with these keys, in the order asked for; a key that is not there is left out."""
        found = {stored.key: stored for stored in self._chunks_where("key", keys)}
        return [found[k] for k in keys if k in found]

    def _chunks_where(self, column: str, values: Sequence[int] | Sequence[str]) -> Iterator[StoredChunk]:
        for first in range(0, len(values), BATCH):
            part = list(values[first : first + BATCH])
            marks = ",".join("?" * len(part))
            yield from map(
                self._stored_chunk,
                self._connection.execute(f"SELECT {COLUMNS} FROM chunks WHERE {column} IN ({marks})", part),
            )

    def chunks_of(self, document_id: int) -> list[StoredChunk]:
        """Return the chunks of a document in reading order."""
        rows = self._connection.execute(
            f"SELECT {COLUMNS} FROM chunks WHERE document_id = ? ORDER BY id", (document_id,)
        )
        return [self._stored_chunk(row) for row in rows]

    def chunks_since(self, generation: int) -> Iterator[tuple[list[StoredChunk], Vectors]]:
        """Yield batches of the chunks that were added after a generation, with their vectors (rows in order)."""
        last = 0
        while True:
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM chunks WHERE generation > ? AND id > ? ORDER BY id LIMIT {BATCH}",
                (generation, last),
            ).fetchall()
            if not rows:
                return
            chunks = [self._stored_chunk(row) for row in rows]
            yield chunks, np.frombuffer(b"".join(row[7] for row in rows), "<f4").reshape(len(rows), self.dimension)
            last = rows[-1][0]

    def indexed_texts(self, first: int, last: int) -> Iterator[tuple[int, str]]:
        """Yield what is searched by words of the chunks with ids from `first` to `last`: id, headings and own text."""
        while True:
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id LIMIT {BATCH}", (first, last)
            ).fetchall()
            if not rows:
                return
            for row in rows:
                self.check_row(row)
                id_, _, document_id, start, end, heading, *_ = row
                yield id_, "\n".join([*json.loads(heading), self.text(document_id)[start:end]])
            first = rows[-1][0] + 1

    def check_pages(self) -> None:
        """Let SQLite check its own pages. Raises IndexDamagedError with what it found."""
        check_pages(self._connection)

    def check_rows(self) -> None:
        """Compare the checksum of every row. Raises IndexDamagedError at the first that differs."""
        for document in self.documents():
            self.text(document.id)
        for _ in self.chunks_since(0):
            pass

    def _stored_chunk(self, row: tuple[Any, ...]) -> StoredChunk:
        self.check_row(row)
        self.check_length(row)
        id_, key, document_id, start, end, heading, sentences, *_ = row
        text = self.text(document_id)
        chunk = Chunk(start, end, tuple(json.loads(heading)), tuple(Sentence(*s) for s in json.loads(sentences)))
        return StoredChunk(id_, key, document_id, self._names[document_id], text[start:end], chunk)


def check_pages(connection: sqlite3.Connection) -> None:
    """Let SQLite check its own pages. Raises IndexDamagedError with what it found."""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise damaged(str(found).replace("\n", " "))
