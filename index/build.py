"""Bring an index in step with folders: read what is new or changed, then drop what is gone.

A long run commits every few seconds, each time a whole generation, so that what was finished stays when it is stopped;
documents that are gone are removed with the last commit. A rebuild is one commit.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from index.changes import Known
from index.chunking import Chunk, chunk
from index.documents import UNSETTLED, Listing, SourceFile, content_hash, discover, names_below, read_bytes
from index.encoding import Encoder
from index.errors import FileUnavailableError, NoDocumentsError, UnreadableDocumentError
from index.ignoring import EVERYTHING, Rules
from index.intake import Refused, attached_to, documents_in, is_readable, suffix
from index.interface import IndexStore, IndexTransaction
from index.parsing import ParsedDocument, Parser, known_encoding
from index.reading import IndexSnapshot
from index.records import DocumentRecord, FileRecord
from index.report import BuildReport
from index.schema import IndexMeta
from index.writing import DocumentWriter, Pending, Progress, Seen

COMMIT_SECONDS = 10.0


def list_folders(roots: Sequence[Path], index_folder: Path, rules: Rules = EVERYTHING) -> Listing:
    """List the files of folders that a parser reads; the suffixes of the others are counted in `ignored`.

    Raises NoDocumentsError if there is none in one of them. A folder with nothing to read is refused, not taken for
    "remove everything": it may just not be mounted.
    """
    files: dict[str, SourceFile] = {}
    unlisted: dict[str, str] = {}
    ignored: Counter[str] = Counter()
    for root in roots:
        found = discover(root, index_folder, rules)
        readable = readable_files(found)
        if not readable:
            others = f" (files of other formats: {len(found.files)})" if found.files else ""
            raise NoDocumentsError(f"no document of a format that is read in {root}{others}; the index is as it was")
        files |= {source.name: source for source in readable}
        unlisted |= dict(found.unlisted)
        ignored += Counter(suffix(s.name) or "no suffix" for s in found.files if s.name not in files)
    return Listing(list(files.values()), list(unlisted.items()), ignored)


def readable_files(found: Listing) -> list[SourceFile]:
    """Return the files of the formats that a parser reads, by their names or else their first kilobytes."""
    return [source for source in found.files if is_readable(source)]


class Builder:
    """Index folders into a store. `make_encoder` is called only if there is something to encode."""

    def __init__(
        self,
        store: IndexStore,
        meta: IndexMeta,
        make_encoder: Callable[[], Encoder],
        parser: Parser | None = None,
        commit_seconds: float = COMMIT_SECONDS,
    ) -> None:
        self.store = store
        self.meta = meta
        self.parser = parser or Parser()
        self.make_encoder = cache(make_encoder)
        self.commit_seconds = commit_seconds

    def build(
        self,
        *roots: Path,
        listing: Listing | None = None,
        encoding: str | None = None,
        rebuild: bool = False,
        verify: bool = False,
        retry_failed: bool = False,
        may_be_empty: bool = False,
        progress: Progress = lambda size: None,
    ) -> BuildReport:
        """Make the index show exactly the readable files below `roots`, beside what it holds of other folders.

        With `rebuild` everything is chunked and encoded again; documents of other folders from their stored text. With
        `verify` the content of every file is compared, whatever its times say; with `retry_failed` the files that gave
        no document are tried again. With `may_be_empty` nothing need be left: the caller knows that the folders are
        there. `listing` is what `list_folders` gave for `roots`, if the caller has it; `progress`
        is called with the bytes done since the last call. Raises NoDocumentsError, EncodingError, or an error of the
        store.
        """
        encoding = known_encoding(encoding) if encoding else None
        listing = listing or list_folders(roots, self.store.folder)
        report = BuildReport(skipped=list(listing.unlisted), ignored=listing.ignored)
        with self.parser, self.store.transaction(self.meta, rebuild=rebuild) as transaction:
            seconds = None if rebuild else self.commit_seconds
            writer = DocumentWriter(self.store, transaction, self.make_encoder, report, progress, seconds)
            records = {d.name: d for d in transaction.snapshot.documents()}
            here, files = self._known(transaction.snapshot, records, roots)
            known = Known(here, files, encoding, by_content=verify, failed=retry_failed, everything=rebuild)
            texts = {name for name, record in records.items() if not record.is_file}
            # What lies in a folder that cannot be listed at the moment is not gone.
            report.present |= _unlisted(here, listing)
            report.skipped += [(s.name, "a text of this name was added") for s in listing.files if s.name in texts]
            writer.store(self._read([s for s in listing.files if s.name not in texts], known, report))
            self._drop(transaction, known, listing, report)
            if not report.present and not may_be_empty:
                named = "; ".join(f"{name}: {why}" for name, why in report.skipped[:3])
                folders = ", ".join(map(str, roots))
                raise NoDocumentsError(f"no readable text in {folders} ({named}); the index is as it was")
            if rebuild:
                done = {*report.added, *report.changed, *report.removed}
                writer.store(self._again(transaction.snapshot, r) for name, r in records.items() if name not in done)
        self.store.mend()
        return report

    def _known(
        self, snapshot: IndexSnapshot, records: dict[str, DocumentRecord], roots: Sequence[Path]
    ) -> tuple[dict[str, DocumentRecord], dict[str, FileRecord]]:
        """Return the documents and the files below `roots` that the store knows, by name."""
        files = snapshot.files()
        below = names_below(records.keys() | files.keys(), roots, self.store.folder)
        here = {name: record for name, record in records.items() if record.is_file and name in below}
        return here, {name: record for name, record in files.items() if name in below}

    def _read(self, files: list[SourceFile], known: Known, report: BuildReport) -> Iterator[Pending | Seen]:
        """Yield what is to be stored, or that there is nothing to store of a file."""
        attached = attached_to({source.name for source in files}, known.documents)
        for source in files:
            name = source.name
            try:
                file, data = _look(source, known)
            except FileUnavailableError as error:
                file, data = FileRecord(name, UNSETTLED, "", str(error), ""), None
                # A file that cannot be read at the moment is not gone: what is stored of it stays.
                report.present |= ({name} & known.documents.keys()) | attached[name]
            if data is not None:
                try:
                    yield from self._documents(file, data, known, report)
                    continue
                except UnreadableDocumentError as error:
                    file = replace(file, reason=str(error))
            report.note_seen(name, file.reason, () if file.reason else attached[name])
            yield Seen(source.stat().size, None if file == known.files.get(name) else file)

    def _documents(self, file: FileRecord, data: bytes, known: Known, report: BuildReport) -> Iterator[Pending]:
        """Yield the file's document, and those attached to it."""
        size = len(data)
        for found in documents_in(self.parser, file.name, data, known.encoding):
            if not isinstance(found, Refused):
                report.note_new(found.name, found.content_sha256, is_change=found.name in known.documents)
                own = file if found.name == file.name else None
                yield Pending(found.name, found.content_sha256, found.parsed, self._chunk(found.parsed), size, own)
                size = 0
            elif found.is_known:
                report.skipped.append((found.name, found.reason))
            else:
                report.ignored[suffix(found.name) or "no suffix"] += 1

    def _drop(self, transaction: IndexTransaction, known: Known, listing: Listing, report: BuildReport) -> None:
        """Remove what is gone, remember the folders that could not be listed, forget the files that are not there."""
        for name in sorted(known.documents.keys() - report.present):
            transaction.remove(name)
            report.note_removed(name, known.documents[name].content_sha256)
        listed = {source.name for source in listing.files} | _unlisted(known.files, listing)
        for name in known.files.keys() - listed:
            transaction.forget(name)
        for folder, reason in listing.unlisted:
            transaction.note(FileRecord(folder, UNSETTLED, "", reason, ""))

    def _again(self, snapshot: IndexSnapshot, record: DocumentRecord) -> Pending:
        """Return a document as it is stored: a file to be chunked again, or a text of the API with its own chunks."""
        parsed = snapshot.parsed(record.id)
        if record.is_file:
            return Pending(record.name, record.content_sha256, parsed, self._chunk(parsed), 0)
        stored = snapshot.chunks_of(record.id)
        chunks, keys = tuple(s.chunk for s in stored), tuple(s.key for s in stored)
        given = snapshot.metadata(record.id)
        return Pending(record.name, record.content_sha256, parsed, chunks, 0, given=given, keys=keys)

    def _chunk(self, parsed: ParsedDocument) -> tuple[Chunk, ...]:
        return chunk(parsed, self.make_encoder().count_tokens, self.meta.chunk_size, self.meta.chunk_overlap)


def _look(source: SourceFile, known: Known) -> tuple[FileRecord, bytes | None]:
    """Return what is to be remembered of a file, and its bytes if they must be parsed.

    Raises FileUnavailableError if it cannot be read at the moment.
    """
    record = known.by_stat(source)
    if record is not None:
        return record, None
    try:
        data, stat = read_bytes(source)
    except FileUnavailableError:
        raise
    except UnreadableDocumentError as error:
        return FileRecord(source.name, source.stat(), "", str(error), ""), None
    sha256 = content_hash(data)
    reason = known.outcome(source.name, sha256)
    before = known.files.get(source.name)
    at = before.at if before is not None and before.content_sha256 == sha256 else ""
    return FileRecord(source.name, stat, sha256, reason or "", at), data if reason is None else None


def _unlisted(names: Iterable[str], listing: Listing) -> set[str]:
    """Return the names that lie in a folder that could not be listed."""
    return {name for name in names if any(name.startswith(f"{folder}/") for folder, _ in listing.unlisted)}
