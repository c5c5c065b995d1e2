"""Bring an index in step with a folder: read what is new or changed, drop what is gone, in one transaction."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from index.chunking import Chunk, chunk, text_to_encode
from index.documents import Listing, SourceFile, content_hash, discover, names_below, read_bytes
from index.encoding import Encoder, Vectors
from index.errors import NoDocumentsError, UnreadableDocumentError
from index.intake import Refused, attached_to, documents_in, is_readable, suffix
from index.lexical import LexicalView
from index.parsing import ParsedDocument, Parser, known_encoding
from index.schema import IndexMeta
from index.snapshot import DocumentRecord
from index.store import Store
from index.transaction import NewDocument, Transaction
from index.vectors import VectorView
from index.views import update_view

BATCH_CHUNKS = 256

Progress = Callable[[int], object]


@dataclass
class BuildReport:
    """What one run did, by document name; `ignored` counts the files of formats that are not read, by suffix.

    `present` holds every document of the folder that the index shows now.
    """

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    present: set[str] = field(default_factory=set)

    def to_dict(self) -> dict[str, object]:
        """Return plain values, ready for JSON."""
        return {
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "unchanged": self.unchanged,
            "skipped": [{"document": name, "reason": reason} for name, reason in self.skipped],
            "ignored": dict(self.ignored),
        }


@dataclass(frozen=True)
class _Pending:
    """A document that was parsed and chunked, waiting for its vectors; `size` is its share of the progress bar."""

    name: str
    content_sha256: str
    parsed: ParsedDocument
    chunks: tuple[Chunk, ...]
    size: int
    given: dict[str, object] | None = None
    keys: tuple[str, ...] | None = None


def list_folder(root: Path, index_folder: Path) -> Listing:
    """List the files of a folder that have a format that is read; the others are counted in `ignored`, by suffix.

    Raises NoDocumentsError if there is none. A folder with nothing to read is refused, not taken for "remove
    everything": it may just not be mounted.
    """
    found = discover(root, index_folder)
    readable = [(source, is_readable(source)) for source in found.files]
    files = [source for source, is_read in readable if is_read]
    ignored = Counter(suffix(source.name) or "no suffix" for source, is_read in readable if not is_read)
    if not files:
        others = f" (files of other formats: {len(found.files)})" if found.files else ""
        raise NoDocumentsError(f"no document of a format that is read in {root}{others}; the index is as it was")
    return Listing(files, found.unlisted, ignored)


class Builder:
    """Index a folder into a store. `make_encoder` is called only if there is something to encode."""

    def __init__(
        self, store: Store, meta: IndexMeta, make_encoder: Callable[[], Encoder], parser: Parser | None = None
    ) -> None:
        self.store = store
        self.meta = meta
        self.parser = parser or Parser()
        self.make_encoder = cache(make_encoder)

    def build(
        self,
        root: Path,
        *,
        listing: Listing | None = None,
        encoding: str | None = None,
        rebuild: bool = False,
        progress: Progress = lambda size: None,
    ) -> BuildReport:
        """Make the index show exactly the readable files below `root`, beside what it holds of other folders.

        With `rebuild` everything is chunked and encoded again; documents of other folders from their stored text.
        `listing` is what `list_folder` gave for `root`, if the caller has it; `progress` is called with the bytes done
        since the last call. Raises NoDocumentsError, EncodingError, or an error of the store.
        """
        encoding = known_encoding(encoding) if encoding else None
        listing = listing or list_folder(root, self.store.folder)
        report = BuildReport(skipped=list(listing.unlisted), ignored=listing.ignored)
        with self.parser, self.store.transaction(self.meta, rebuild=rebuild) as transaction:
            records = {d.name: d for d in transaction.snapshot.documents()}
            below = names_below(records, root, self.store.folder)
            here = {name: record for name, record in records.items() if record.is_file and name in below}
            texts = {name for name, record in records.items() if not record.is_file}
            # What lies in a folder that cannot be listed at the moment is not gone.
            report.present |= {n for n in here if any(n.startswith(f"{folder}/") for folder, _ in listing.unlisted)}
            files = [source for source in listing.files if source.name not in texts]
            report.skipped += [(s.name, "a text of this name was added") for s in listing.files if s.name in texts]
            found = self._read(files, here, encoding, rebuild, report)
            self._store(transaction, found, progress)
            for name in sorted(here.keys() - report.present):
                transaction.remove(name)
                report.removed.append(name)
            if not report.present:
                named = "; ".join(f"{name}: {why}" for name, why in report.skipped[:3])
                raise NoDocumentsError(f"no readable text in {root} ({named}); the index is as it was")
            if rebuild:
                done = {*report.added, *report.changed, *report.removed}
                others = (self._again(transaction, record) for name, record in records.items() if name not in done)
                self._store(transaction, others, progress)
        mend_views(self.store)
        return report

    def _read(
        self,
        files: list[SourceFile],
        here: dict[str, DocumentRecord],
        encoding: str | None,
        rebuild: bool,
        report: BuildReport,
    ) -> Iterator[_Pending | int]:
        """Yield what is to be stored, or the size of a file that is not."""
        attached = attached_to({source.name for source in files}, here)
        for source in files:
            try:
                data = read_bytes(source)
            except UnreadableDocumentError as error:
                report.skipped.append((source.name, str(error)))
                # A file that cannot be read at the moment is not gone: what is stored of it stays.
                report.present |= ({source.name} & here.keys()) | attached[source.name]
                continue
            sha256 = content_hash(data)
            known = here.get(source.name)
            if known and known.content_sha256 == sha256 and _same_encoding(known, encoding) and not rebuild:
                report.unchanged += 1 + len(attached[source.name])
                report.present |= {source.name, *attached[source.name]}
                yield len(data)
                continue
            try:
                yield from self._documents(source.name, data, encoding, here, report)
            except UnreadableDocumentError as error:
                report.skipped.append((source.name, str(error)))
                yield len(data)

    def _documents(
        self, name: str, data: bytes, encoding: str | None, here: dict[str, DocumentRecord], report: BuildReport
    ) -> Iterator[_Pending]:
        """Yield the file's document, and those attached to it."""
        size = len(data)
        for found in documents_in(self.parser, name, data, encoding):
            if not isinstance(found, Refused):
                (report.changed if found.name in here else report.added).append(found.name)
                report.present.add(found.name)
                yield _Pending(found.name, found.content_sha256, found.parsed, self._chunk(found.parsed), size)
                size = 0
            elif found.is_known:
                report.skipped.append((found.name, found.reason))
            else:
                report.ignored[suffix(found.name) or "no suffix"] += 1

    def _again(self, transaction: Transaction, record: DocumentRecord) -> _Pending:
        """Return a document as it is stored: a file to be chunked again, or a text of the API with its own chunks."""
        snapshot = transaction.snapshot
        parsed = snapshot.parsed(record.id)
        if record.is_file:
            return _Pending(record.name, record.content_sha256, parsed, self._chunk(parsed), 0)
        stored = snapshot.chunks_of(record.id)
        chunks, keys = tuple(s.chunk for s in stored), tuple(s.key for s in stored)
        return _Pending(record.name, record.content_sha256, parsed, chunks, 0, snapshot.metadata(record.id), keys)

    def _store(self, transaction: Transaction, documents: Iterable[_Pending | int], progress: Progress) -> None:
        """Encode and write documents, a few hundred chunks at a time, so that memory stays bounded."""
        batch: list[_Pending] = []
        for document in documents:
            if isinstance(document, int):
                progress(document)
                continue
            batch.append(document)
            if sum(len(d.chunks) for d in batch) >= BATCH_CHUNKS:
                self._write(transaction, batch, progress)
                batch = []
        self._write(transaction, batch, progress)

    def _write(self, transaction: Transaction, batch: list[_Pending], progress: Progress) -> None:
        texts = [text_to_encode(d.parsed.text, c) for d in batch for c in d.chunks]
        share = sum(d.size for d in batch) / max(1, len(texts))
        parts: list[Vectors] = []
        for first in range(0, len(texts), BATCH_CHUNKS):
            parts.append(self.make_encoder().encode(texts[first : first + BATCH_CHUNKS]))
            progress(round(share * len(parts[-1])))
        vectors = np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)
        row = 0
        for document in batch:
            own = vectors[row : row + len(document.chunks)]
            row += len(document.chunks)
            transaction.put(
                NewDocument(
                    document.name,
                    document.content_sha256,
                    document.parsed,
                    document.chunks,
                    own,
                    document.given,
                    document.keys,
                )
            )

    def _chunk(self, parsed: ParsedDocument) -> tuple[Chunk, ...]:
        return chunk(parsed, self.make_encoder().count_tokens, self.meta.chunk_size, self.meta.chunk_overlap)


def _same_encoding(known: DocumentRecord, encoding: str | None) -> bool:
    """Say whether a file would be read the same. A format may say itself how its text is encoded, whatever is asked."""
    return encoding in (None, known.encoding) or not known.encoding


def mend_views(store: Store) -> None:
    """Bring the views on disk in step with the store, unless another process holds the lock; then a reader will."""
    with store.locked_if_free() as locked:
        if locked:
            with store.snapshot() as snapshot:
                update_view(VectorView, store.folder, snapshot)
                update_view(LexicalView, store.folder, snapshot)
