"""What the store knows of a document, a file and a chunk, as it is read."""

from dataclasses import dataclass

from index.chunking import Chunk
from index.documents import FileStat


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
