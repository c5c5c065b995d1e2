"""Bring an index in step with folders: read what is new or changed, then drop what is gone.

A long run commits every few seconds, each time a whole generation, so that what was finished stays when it is stopped;
documents that are gone are removed with the last commit. A rebuild is one commit.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from index.buckets import Bucket, Root
from index.changes import Known
from index.documents import UNSETTLED, Listing, Source, discover, names_below
from index.encoding import Encoder
from index.errors import NoDocumentsError
from index.ignoring import EVERYTHING, Rules
from index.intake import Refused, attached_to, is_readable, suffix
from index.interface import IndexStore, IndexTransaction
from index.loading import Load, Loaded, Loader, Pending
from index.parsing import Parser, known_encoding
from index.reading import IndexSnapshot
from index.records import DocumentRecord, FileRecord
from index.report import BuildReport
from index.schema import IndexMeta
from index.writing import DocumentWriter, Progress, Seen

COMMIT_SECONDS = 10.0


def list_folders(roots: Sequence[Root], index_folder: Path, rules: Rules = EVERYTHING) -> Listing:
    """List the files of folders that a parser reads; the suffixes of the others are counted in `ignored`.

    Raises NoDocumentsError if there is none in one of them. A folder with nothing to read is refused, not taken for
    "remove everything": it may just not be mounted.
    """
    files: dict[str, Source] = {}
    unlisted: dict[str, str] = {}
    ignored: Counter[str] = Counter()
    for root in roots:
        found = root.discover(rules) if isinstance(root, Bucket) else discover(root, index_folder, rules)
        readable = readable_files(found)
        if not readable:
            others = f" (files of other formats: {len(found.files)})" if found.files else ""
            raise NoDocumentsError(f"no document of a format that is read in {root}{others}; the index is as it was")
        files |= {source.name: source for source in readable}
        unlisted |= dict(found.unlisted)
        ignored += Counter(suffix(s.name) or "no suffix" for s in found.files if s.name not in files)
    return Listing(list(files.values()), list(unlisted.items()), ignored)


def readable_files(found: Listing) -> list[Source]:
    """Return the files of the formats that a parser reads, by their names or else their first kilobytes."""
    return [source for source in found.files if is_readable(source)]


class Builder:
    """Index folders into a store. `make_encoder` is called only if there is something to encode.

    `load` reads files elsewhere, as a `Loader` of the same settings would; without it they are read here.
    """

    def __init__(
        self,
        store: IndexStore,
        meta: IndexMeta,
        make_encoder: Callable[[], Encoder],
        parser: Parser | None = None,
        commit_seconds: float = COMMIT_SECONDS,
        load: Load | None = None,
    ) -> None:
        self.store = store
        self.meta = meta
        self.parser = parser or Parser()
        self.make_encoder = cache(make_encoder)
        self.commit_seconds = commit_seconds
        self.load = load

    def build(
        self,
        *roots: Root,
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
            loader = Loader(self.parser, lambda texts: self.make_encoder().count_tokens(texts), self.meta, encoding)
            known = Known(here, files, encoding, by_content=verify, failed=retry_failed, everything=rebuild)
            texts = {name for name, record in records.items() if not record.is_file}
            # What lies in a folder that cannot be listed at the moment is not gone.
            report.present |= _unlisted(here, listing)
            report.skipped += [(s.name, "a text of this name was added") for s in listing.files if s.name in texts]
            writer.store(self._read([s for s in listing.files if s.name not in texts], known, loader, report))
            self._drop(transaction, known, listing, report)
            if not report.present and not may_be_empty:
                named = "; ".join(f"{name}: {why}" for name, why in report.skipped[:3])
                folders = ", ".join(map(str, roots))
                raise NoDocumentsError(f"no readable text in {folders} ({named}); the index is as it was")
            if rebuild:
                done = {*report.added, *report.changed, *report.removed}
                writer.store(
                    self._again(transaction.snapshot, r, loader) for name, r in records.items() if name not in done
                )
        self.store.mend()
        return report

    def _known(
        self, snapshot: IndexSnapshot, records: dict[str, DocumentRecord], roots: Sequence[Root]
    ) -> tuple[dict[str, DocumentRecord], dict[str, FileRecord]]:
        """Return the documents and the files below `roots` that the store knows, by name."""
        files = snapshot.files()
        tops = [root.address if isinstance(root, Bucket) else root for root in roots]
        below = names_below(records.keys() | files.keys(), tops, self.store.folder)
        here = {name: record for name, record in records.items() if record.is_file and name in below}
        return here, {name: record for name, record in files.items() if name in below}

    def _read(
        self, files: Sequence[Source], known: Known, loader: Loader, report: BuildReport
    ) -> Iterator[Pending | Seen]:
        """Yield what is to be stored, or that there is nothing to store of a file."""
        attached = attached_to({source.name for source in files}, known.documents)
        changed: list[Source] = []
        for source in files:
            if (record := known.by_stat(source)) is None:
                changed.append(source)
            else:
                yield self._seen(Loaded(record, record.stat.size), known, attached[source.name], report)
        tasks = (known.task(source) for source in changed)
        for loaded in self.load(tasks) if self.load else map(loader.load, tasks):
            if loaded.is_new:
                yield from self._new(loaded, known, report)
            else:
                yield self._seen(loaded, known, attached[loaded.file.name], report)

    def _new(self, loaded: Loaded, known: Known, report: BuildReport) -> Iterator[Pending]:
        """Yield a file's documents, and count them."""
        for found in loaded.documents:
            if not isinstance(found, Refused):
                report.note_new(found.name, found.content_sha256, is_change=found.name in known.documents)
                yield found
            elif found.is_known:
                report.skipped.append((found.name, found.reason))
            else:
                report.ignored[suffix(found.name) or "no suffix"] += 1

    def _seen(self, loaded: Loaded, known: Known, attached: set[str], report: BuildReport) -> Seen:
        """Count a file that gives nothing to store."""
        file = loaded.file
        if not loaded.is_available:
            # A file that cannot be read at the moment is not gone: what is stored of it stays.
            report.present |= ({file.name} & known.documents.keys()) | attached
        report.note_seen(file.name, file.reason, () if file.reason else attached)
        return Seen(loaded.size, None if file == known.files.get(file.name) else file)

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

    def _again(self, snapshot: IndexSnapshot, record: DocumentRecord, loader: Loader) -> Pending:
        """Return a document as it is stored: a file to be chunked again, or a text of the API with its own chunks."""
        parsed = snapshot.parsed(record.id)
        if record.is_file:
            return Pending(record.name, record.content_sha256, parsed, loader.chunk(parsed), 0)
        stored = snapshot.chunks_of(record.id)
        chunks, keys = tuple(s.chunk for s in stored), tuple(s.key for s in stored)
        given = snapshot.metadata(record.id)
        return Pending(record.name, record.content_sha256, parsed, chunks, 0, given=given, keys=keys)


def _unlisted(names: Iterable[str], listing: Listing) -> set[str]:
    """Return the names that lie in a folder that could not be listed."""
    return {name for name in names if any(name.startswith(f"{folder}/") for folder, _ in listing.unlisted)}
