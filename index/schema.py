"""The tables of the store, their version, and the checksum of a row.

documents  the text as extracted, its blocks and places; `metadata` is what a file says about itself (title, author,
           date, language), or what the caller gave for a text added by the API (`is_file` 0)
chunks     where each chunk lies in its document, its vector, and the digest of the text that the vector is of
removed    the ids of chunks that are gone, so that a view can follow; ids are never used again
           Each row of documents and chunks has a checksum over what it says.
files      what was last seen of each file: its size, times and inode, its content, and why there is no document of it.
           A shortcut to tell what must be read again, and the list of failures; nothing is shown from it as an answer
meta       the model and sizes that the chunks were made with; in a copy that follows a table also what it holds of it
commits    one row for every commit: its generation (1, 2, ...) and a random id. A view says which commit it shows;
           the id tells a database that was swapped for an older copy from one that went on
"""

import hashlib
import json
from dataclasses import asdict, dataclass

APPLICATION_ID = 0x52414749  # "RAGI"
FORMAT_VERSION = 2
COPIED = "copied"  # the key in `meta` of what a copy holds (copying.py)

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE commits (generation INTEGER PRIMARY KEY, id TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    content_sha256 TEXT NOT NULL,
    text TEXT NOT NULL,
    blocks TEXT NOT NULL,
    encoding TEXT NOT NULL,
    places TEXT NOT NULL,
    metadata TEXT NOT NULL,
    is_file INTEGER NOT NULL,
    checksum BLOB NOT NULL,
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
    digest TEXT NOT NULL,
    checksum BLOB NOT NULL,
    generation INTEGER NOT NULL
);
CREATE INDEX chunks_document ON chunks (document_id);
CREATE INDEX chunks_generation ON chunks (generation);
CREATE INDEX chunks_digest ON chunks (digest);
CREATE TABLE removed (chunk_id INTEGER PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX removed_generation ON removed (generation);
CREATE TABLE files (
    name TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    content_sha256 TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class IndexMeta:
    """What the chunks and vectors of an index were made with."""

    encoder: str
    chunk_size: int
    chunk_overlap: int


def difference(old: IndexMeta, new: IndexMeta) -> str:
    """Say what an index was made with, where that differs from what is wanted now."""
    pairs = [(key, asdict(old)[key], value) for key, value in asdict(new).items() if asdict(old)[key] != value]
    listed = ", ".join(f"{key.replace('_', ' ')} {was} (now {value})" for key, was, value in pairs)
    return f"the index was made with {listed}: run `rag index FOLDER --rebuild` to make it again"


def text_digest(text: str) -> str:
    """Identify a text that was encoded (BLAKE2b, 16 bytes, in hexadecimal): the same text has the same vector."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def checksum(*columns: object, vector: bytes = b"") -> bytes:
    """Return a BLAKE2b digest (16 bytes) over a row: the columns in order, and the vector of a chunk.

    subtle: the columns go in as JSON, so that moving a character from one to the next is another row.
    """
    digest = hashlib.blake2b(json.dumps(columns).encode("ascii"), digest_size=16)
    digest.update(vector)
    return digest.digest()
