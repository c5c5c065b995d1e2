"""Write the documents of a run: encode what is not encoded yet, store it, and commit every few seconds."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from index.chunking import text_to_encode
from index.encoding import Encoder
from index.interface import IndexStore, IndexTransaction
from index.loading import Pending
from index.records import FileRecord, NewDocument
from index.report import BuildReport
from index.schema import text_digest

BATCH_CHUNKS = 256

Progress = Callable[[int], object]


@dataclass(frozen=True)
class Seen:
    """A file that gives nothing to store, and what is to be remembered of it (None if that is known already)."""

    size: int
    file: FileRecord | None = None


class DocumentWriter:
    """Take the documents of a run in their order. `commit_seconds` None: the caller commits all at once.

    The same text is encoded once, whether it stands in two files, in a file that was moved, or in a part of a document
    that an edit left alone; in a rebuild (`again`), vectors of earlier generations are not used.
    """

    def __init__(
        self,
        store: IndexStore,
        transaction: IndexTransaction,
        make_encoder: Callable[[], Encoder],
        report: BuildReport,
        progress: Progress,
        commit_seconds: float | None,
    ) -> None:
        self._store = store
        self._transaction = transaction
        self._make_encoder = make_encoder
        self._report = report
        self._progress = progress
        self._commit_seconds = commit_seconds
        self._since = transaction.generation - 1 if commit_seconds is None else 0
        self._committed = time.monotonic()

    def store(self, documents: Iterable[Pending | Seen]) -> None:
        """Encode and write documents, a few hundred chunks at a time, so that memory stays bounded."""
        batch: list[Pending] = []
        for document in documents:
            if isinstance(document, Seen):
                if document.file is not None:
                    self._transaction.note(document.file)
                self._progress(document.size)
                continue
            batch.append(document)
            if sum(len(d.chunks) for d in batch) >= BATCH_CHUNKS:
                self._write(batch)
                batch = []
                self._commit_if_due()
        self._write(batch)

    def _write(self, batch: list[Pending]) -> None:
        texts = [text_to_encode(d.parsed.text, c) for d in batch if d.vectors is None for c in d.chunks]
        vectors = self._vectors(texts, sum(d.size for d in batch if d.vectors is None) / max(1, len(texts)))
        rows = iter([vectors[text_digest(text)] for text in texts])
        for document in batch:
            if document.vectors is None:
                own = b"".join(next(rows) for _ in document.chunks)
                found = np.frombuffer(own, "<f4").reshape(len(document.chunks), -1)
            else:
                found = document.vectors
                self._report.encoded += len(found)
                self._progress(document.size)
            self._transaction.put(
                NewDocument(
                    document.name,
                    document.content_sha256,
                    document.parsed,
                    document.chunks,
                    found,
                    document.given,
                    document.keys,
                    document.words,
                )
            )
            if document.file is not None:
                self._transaction.note(document.file)

    def _vectors(self, texts: list[str], share: float) -> dict[str, bytes]:
        """Return the vector of each text by its digest, as stored; `share` is a text's part of the progress."""
        by_digest = {text_digest(text): text for text in texts}
        vectors = self._transaction.snapshot.vectors_of(list(by_digest), self._since)
        missing = [digest for digest in by_digest if digest not in vectors]
        self._progress(round(share * (len(texts) - len(missing))))
        for first in range(0, len(missing), BATCH_CHUNKS):
            part = missing[first : first + BATCH_CHUNKS]
            encoded = np.asarray(self._make_encoder().encode([by_digest[digest] for digest in part]), "<f4")
            vectors |= {digest: row.tobytes() for digest, row in zip(part, encoded, strict=True)}
            self._report.encoded += len(part)
            self._progress(round(share * len(part)))
        return vectors

    def _commit_if_due(self) -> None:
        """Commit what is written and mend its views, so that readers need not make their own while this run goes on."""
        if self._commit_seconds is None or time.monotonic() - self._committed < self._commit_seconds:
            return
        self._transaction.commit()
        self._store.mend_meanwhile()
        self._committed = time.monotonic()
