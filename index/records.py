"""What the store knows of a document, a file and a chunk, as it is read, and a document as it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from index.chunking import Chunk
from index.documents import FileStat
from index.encoding import Vectors
from index.parsing import ParsedDocument


@dataclass(frozen=True)
class DocumentRecord:
    """One row of the list of documents, without the text."""

    id: int
    name: str
    content_sha256: str
    encoding: str
    is_file: bool
    chunks: int


@dataclass(frozen=True)
class FileRecord:
    """What was last seen of a file, when (ISO 8601), and why there is no document of it ("" if there is)."""

    name: str
    stat: FileStat
    content_sha256: str
    reason: str
    at: str


@dataclass(frozen=True)
class StoredChunk:
    """A chunk with its document's name and its own text."""

    id: int
    key: str
    document_id: int
    document: str
    text: str
    chunk: Chunk


@dataclass(frozen=True)
class NewDocument:
    """A document ready to be stored: its chunks, and one vector for each (shape (len(chunks), dimension)).

    `given` is the metadata of a text that was added by the API; None for a file. `words` are those of each chunk, if
    they were made already (index/words.py); only a table keeps them.
    """

    name: str
    content_sha256: str
    parsed: ParsedDocument
    chunks: Sequence[Chunk]
    vectors: Vectors
    given: dict[str, object] | None = None
    keys: Sequence[str] | None = None
    words: Sequence[Mapping[str, str]] | None = None
