"""Read one generation of an index, wherever it lies.

How a document or a chunk is made of its row, and that every row's checksum is compared first, is the same everywhere
and stands here; how rows are found is each store's own.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from index.chunking import Chunk, Sentence
from index.errors import IndexDamagedError
from index.parsing import Block, Metadata, ParsedDocument, Place, place_label
from index.records import DocumentRecord, FileRecord, NewDocument, StoredChunk
from index.schema import IndexMeta, checksum

CACHED_TEXTS = 100
# The columns of a chunk's row and of a document's, in the order that their checksums are taken in.
CHUNK_COLUMNS = ("id", "key", "document_id", "start", "end", "heading", "sentences", "vector", "digest", "checksum")
DOCUMENT_COLUMNS = ("name", "content_sha256", "text", "blocks", "encoding", "places", "metadata", "is_file", "checksum")

Row = tuple[Any, ...]


class IndexSnapshot(ABC):
    """One generation of an index, open for reading until its `with` block ends."""

    meta: IndexMeta
    dimension: int
    generation: int
    commit: str
    committed_at: str

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._texts: dict[int, str] = {}
        self._places: dict[int, tuple[Place, ...]] = {}

    @abstractmethod
    def counts(self) -> tuple[int, int]:
        """Return (number of documents, number of chunks)."""

    @abstractmethod
    def documents(self) -> list[DocumentRecord]:
        """Return all documents in the order of their names."""

    @abstractmethod
    def checksums(self) -> dict[int, tuple[str, bytes]]:
        """Return the name and the checksum of every document, by its id, without reading any."""

    @abstractmethod
    def files(self) -> dict[str, FileRecord]:
        """Return what was last seen of every file, by name, in the order of the names."""

    @abstractmethod
    def chunk_ids(self, wanted: Callable[[str, dict[str, Any]], bool]) -> list[int]:
        """Return the ids of the chunks of the documents that are wanted, by their name and metadata."""

    @abstractmethod
    def names(self, wanted: Callable[[str, dict[str, Any]], bool]) -> set[str]:
        """Return the names of the documents that are wanted, by their name and metadata."""

    @abstractmethod
    def copies_among(self, ids: Sequence[int]) -> set[int]:
        """Return those of these chunks that another of them, of an older document with the same content, repeats."""

    @abstractmethod
    def vectors_of(self, digests: Sequence[str], since: int = 0) -> dict[str, bytes]:
        """Return the vectors (as stored) of the texts with these digests, of chunks added after a generation."""

    @abstractmethod
    def _document_rows(self, document_ids: Collection[int]) -> Iterator[tuple[int, Row]]:
        """Yield the ids of those of these documents that are there, each with its `DOCUMENT_COLUMNS`."""

    @abstractmethod
    def _metadata_of(self, document_id: int) -> str | None:
        """Return a document's metadata as stored, without reading its text; None if it is not there."""

    @abstractmethod
    def id_of(self, name: str) -> int | None:
        """Return the id of the document of this name."""

    @abstractmethod
    def _chunk_rows(self, column: str, values: Sequence[int] | Sequence[str]) -> Iterator[Row]:
        """Yield the `CHUNK_COLUMNS` of the chunks that have one of these values in a column."""

    def text(self, document_id: int) -> str:
        """Return a document's text. Raises IndexDamagedError if it is not what was written."""
        if document_id not in self._texts:
            self._load_texts([document_id])
        return self._texts[document_id]

    def _load_texts(self, document_ids: Collection[int]) -> None:
        """Read the texts of documents in one go."""
        missing = {id_ for id_ in document_ids if id_ not in self._texts}
        if missing and len(self._texts) + len(missing) > CACHED_TEXTS:
            self._texts.clear()
            self._places.clear()
            missing = set(document_ids)
        for id_, row in self._checked_documents(missing):
            self._names[id_], self._texts[id_] = str(row[0]), str(row[2])
            self._places[id_] = tuple(Place(*place) for place in json.loads(row[5]))

    def _checked_documents(self, document_ids: Collection[int]) -> Iterator[tuple[int, Row]]:
        """Yield the documents' columns from the name to `is_file`, after comparing the checksum; all must be there."""
        missing = set(document_ids)
        for id_, row in self._document_rows(document_ids) if document_ids else ():
            if isinstance(row[2], str) and checksum(*map(jsonable, row[:-1])) == row[-1]:
                missing.discard(id_)
                yield id_, row[:-1]
        if missing:
            raise damaged(f"the text of document {min(missing)} is not what was written")

    def _document(self, document_id: int) -> Row:
        ((_, row),) = self._checked_documents([document_id])
        return row

    def text_of(self, name: str) -> str | None:
        """Return the text of the document of this name, or None if there is none."""
        document_id = self.id_of(name)
        return None if document_id is None else self.text(document_id)

    def parsed(self, document_id: int) -> ParsedDocument:
        """Return a document as its parser returned it."""
        return _parsed(self._document(document_id))

    def whole_rows(self, ids: Collection[int]) -> Iterator[tuple[int, Row, list[Row]]]:
        """Yield these documents in the order of their ids, after comparing all checksums.

        Each is its id, its `DOCUMENT_COLUMNS` but for the checksum, and the `CHUNK_COLUMNS` of its chunks.
        """
        ordered = sorted(ids)
        for first in range(0, len(ordered), CACHED_TEXTS):
            part = ordered[first : first + CACHED_TEXTS]
            chunks: dict[int, list[Row]] = {id_: [] for id_ in part}
            for row in sorted(self._chunk_rows("document_id", part)):
                self.check_row(row)
                self.check_length(row)
                chunks[row[2]].append(row)
            for id_, row in sorted(self._checked_documents(part)):
                yield id_, row, chunks[id_]

    def whole_documents(self) -> Iterator[NewDocument]:
        """Yield every document as it was once put, oldest first, after comparing all checksums."""
        for _, row, chunks in self.whole_rows(self.checksums()):
            yield NewDocument(
                name=row[0],
                content_sha256=row[1],
                parsed=_parsed(row),
                chunks=[_chunk(chunk) for chunk in chunks],
                vectors=np.frombuffer(b"".join(chunk[7] for chunk in chunks), "<f4").reshape(-1, self.dimension),
                given=None if row[7] else json.loads(row[6]),
                keys=[chunk[1] for chunk in chunks],
            )

    def place_of(self, document_id: int, start: int, end: int) -> str:
        """Say where a stretch of a document's text comes from ("page 3").

        "" if its format has no places, or if it is gone: what was read may be of an earlier generation.
        """
        if document_id not in self._places:
            if self._metadata_of(document_id) is None:
                return ""
            self.text(document_id)
        return place_label(self._places[document_id], start, end)

    def date_of(self, document_id: int) -> str:
        """Return a document's own date (ISO 8601), or "" if it says none, or is gone."""
        found = self._metadata_of(document_id)
        date = "" if found is None else from_json(found).get("date", "")
        return date if isinstance(date, str) else ""

    def is_file(self, document_id: int) -> bool:
        """Say whether a document is a file, not a text added through the API."""
        return bool(self._document(document_id)[7])

    def metadata(self, document_id: int) -> dict[str, Any]:
        """Return what a file says about itself, or what the caller stored with a text added through the API."""
        return dict(json.loads(self._document(document_id)[6]))

    def chunks(self, ids: Sequence[int]) -> list[StoredChunk]:
        """Return the chunks with these ids, in the order asked for; an id that is not there is left out."""
        found = {stored.id: stored for stored in self._stored_chunks(self._chunk_rows("id", ids))}
        return [found[i] for i in ids if i in found]

    def chunks_by_key(self, keys: Sequence[str]) -> list[StoredChunk]:
        """Return the chunks with these keys, in the order asked for; a key that is not there is left out."""
        found = {stored.key: stored for stored in self._stored_chunks(self._chunk_rows("key", keys))}
        return [found[k] for k in keys if k in found]

    def chunks_of(self, document_id: int) -> list[StoredChunk]:
        """Return the chunks of a document in reading order."""
        return self._stored_chunks(sorted(self._chunk_rows("document_id", [document_id])))

    def vectors_in(self, document_id: int) -> list[bytes]:
        """Return the vectors of a document's chunks in reading order, as stored: float32, little-endian."""
        return [row[7] for row in sorted(self._chunk_rows("document_id", [document_id]))]

    def check_row(self, row: Row) -> None:
        """Compare the checksum of a row of `CHUNK_COLUMNS`. Raises IndexDamagedError."""
        id_, *columns, vector, digest, written = row
        if not isinstance(vector, bytes) or checksum(*map(jsonable, (*columns, digest)), vector=vector) != written:
            raise damaged(f"chunk {id_} is not what was written")

    def check_length(self, row: Row) -> None:
        """Compare the length of a row's vector with the index's. Raises IndexDamagedError."""
        if len(row[7]) != 4 * self.dimension:
            raise damaged(f"chunk {row[0]} has a vector of {len(row[7])} bytes, the index of {4 * self.dimension}")

    def _stored_chunks(self, rows: Iterable[Row]) -> list[StoredChunk]:
        """Return the chunks of rows, after reading the texts of their documents in as few goes as may be."""
        listed, found = list(rows), []
        for first in range(0, len(listed), CACHED_TEXTS):
            part = listed[first : first + CACHED_TEXTS]
            for row in part:
                self.check_row(row)
            self._load_texts({row[2] for row in part})
            found += [self._stored_chunk(row) for row in part]
        return found

    def _stored_chunk(self, row: Row) -> StoredChunk:
        """Return the chunk of a row whose checksum was compared."""
        self.check_length(row)
        id_, key, document_id, start, end, *_ = row
        text = self.text(document_id)
        return StoredChunk(id_, key, document_id, self._names[document_id], text[start:end], _chunk(row))


def _parsed(row: Row) -> ParsedDocument:
    _, _, text, blocks, encoding, places, metadata, is_file = row
    return ParsedDocument(
        text,
        tuple(Block(*block) for block in json.loads(blocks)),
        encoding,
        tuple(Place(*place) for place in json.loads(places)),
        Metadata(**json.loads(metadata)) if is_file else Metadata(),
    )


def _chunk(row: Row) -> Chunk:
    _, _, _, start, end, heading, sentences, *_ = row
    return Chunk(start, end, tuple(json.loads(heading)), tuple(Sentence(*s) for s in json.loads(sentences)))


def from_json(text: str) -> Any:
    """Return a stored value. Raises IndexDamagedError if it is not what was written."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise damaged(f"a value is not JSON ({error})") from error


def jsonable(value: object) -> object:
    """Return a column's value so that JSON can hold it; a blob where text belongs is damage, and differs."""
    return repr(value) if isinstance(value, bytes) else value


def damaged(what: str) -> IndexDamagedError:
    """Return the error for content that fails its checksum."""
    return IndexDamagedError(f"the index is damaged ({what}): run `rag index FOLDER --rebuild`", what)
