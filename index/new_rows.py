"""The rows that a new document becomes, with their checksums: the same in every store."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np

from index.chunking import text_to_encode
from index.errors import IndexIncompatibleError
from index.reading import Row
from index.records import NewDocument
from index.schema import checksum, text_digest


def dimension_of(document: NewDocument, known: int) -> int:
    """Return the length of a document's vectors. Raises IndexIncompatibleError if another is `known` (0: none is)."""
    dimension = int(document.vectors.shape[1])
    if known not in (0, dimension):
        raise IndexIncompatibleError(
            f"the index has vectors of length {known}, the model gives {dimension}:"
            " run `rag index FOLDER --rebuild` to make it again"
        )
    return dimension


def document_row(document: NewDocument) -> Row:
    """Return a document's columns from the name to the checksum (`DOCUMENT_COLUMNS`)."""
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
    return (*row, checksum(*row))


def chunk_rows(document: NewDocument, document_id: int | None) -> Iterator[Row]:
    """Yield its chunks' columns from the key to the checksum (`CHUNK_COLUMNS` without the id)."""
    keys = document.keys or [f"{document.name}#{number}" for number in range(len(document.chunks))]
    for key, chunk, vector in zip(keys, document.chunks, np.asarray(document.vectors, "<f4"), strict=True):
        stored = vector.tobytes()
        heading = json.dumps(chunk.heading, ensure_ascii=False)
        sentences = json.dumps([(s.start, s.end, s.is_heading) for s in chunk.sentences])
        digest = text_digest(text_to_encode(document.parsed.text, chunk))
        start, end = chunk.start, chunk.end
        written = checksum(key, document_id, start, end, heading, sentences, digest, vector=stored)
        yield key, document_id, start, end, heading, sentences, stored, digest, written


def now() -> str:
    """Return the time as it is stored: UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
