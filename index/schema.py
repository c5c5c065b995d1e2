"""The tables of the store, their version, and the checksum of a row.

documents  the text as extracted, and its own SHA-256
chunks     where each chunk lies in its document, its vector, and a checksum over both
removed    the ids of chunks that are gone, so that a view can follow; ids are never used again
meta       the model and sizes that the chunks were made with
commits    one row for every commit: its generation (1, 2, ...) and a random id. A view says which commit it shows;
           the id tells a database that was swapped for an older copy from one that went on
"""

import hashlib
from dataclasses import dataclass

APPLICATION_ID = 0x52414749  # "RAGI"
FORMAT_VERSION = 1

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE commits (generation INTEGER PRIMARY KEY, id TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    content_sha256 TEXT NOT NULL,
    text TEXT NOT NULL,
    text_sha256 TEXT NOT NULL,
    blocks TEXT NOT NULL,
    encoding TEXT NOT NULL,
    metadata TEXT,
    indexed_at TEXT NOT NULL
);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    document_id INTEGER NOT NULL REFERENCES documents (id),
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    heading TEXT NOT NULL,
    sentences TEXT NOT NULL,
    vector BLOB NOT NULL,
    checksum BLOB NOT NULL,
    generation INTEGER NOT NULL
);
CREATE INDEX chunks_document ON chunks (document_id);
CREATE INDEX chunks_generation ON chunks (generation);
CREATE TABLE removed (chunk_id INTEGER PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX removed_generation ON removed (generation);
"""


@dataclass(frozen=True)
class IndexMeta:
    """What the chunks and vectors of an index were made with."""

    encoder: str
    chunk_size: int
    chunk_overlap: int


def text_checksum(text: str) -> str:
    """Identify a document's text: SHA-256 of its UTF-8 form, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def chunk_checksum(key: str, start: int, end: int, heading: str, sentences: str, vector: bytes) -> bytes:
    """Return a BLAKE2b digest (16 bytes) over everything that a chunk's row says."""
    digest = hashlib.blake2b(f"{key}\0{start}\0{end}\0{heading}\0{sentences}\0".encode(), digest_size=16)
    digest.update(vector)
    return digest.digest()
