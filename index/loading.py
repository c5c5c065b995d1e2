"""Read one file: what it is now, and the documents in it, parsed and chunked; on this machine or on a worker's.

Nothing is written here, and nothing is needed but the file and what the store knows of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from index.chunking import Chunk, chunk
from index.documents import UNSETTLED, Source, content_hash
from index.encoding import Vectors
from index.errors import FileUnavailableError, UnreadableDocumentError
from index.intake import Refused, documents_in
from index.parsing import ParsedDocument, Parser
from index.records import FileRecord
from index.schema import IndexMeta


@dataclass(frozen=True)
class Task:
    """A file to be read, and what the store knows of it: its record, and what came of which content.

    `outcomes` is by SHA-256: "" a document that is right, else why there is none.
    """

    source: Source
    record: FileRecord | None
    outcomes: Mapping[str, str]


@dataclass(frozen=True)
class Pending:
    """A document that was parsed and chunked; `size` is its share of the progress bar, in bytes.

    `file` is what is to be remembered of its file, None if it comes from the store. `vectors` and `words` (those of a
    table's columns, for each chunk) are made when it is written, unless they are there already.
    """

    name: str
    content_sha256: str
    parsed: ParsedDocument
    chunks: tuple[Chunk, ...]
    size: int
    file: FileRecord | None = None
    given: dict[str, object] | None = None
    keys: tuple[str, ...] | None = None
    vectors: Vectors | None = None
    words: Sequence[Mapping[str, str]] | None = None


@dataclass(frozen=True)
class Loaded:
    """What became of a file: the documents in it, or the reason in `file.reason` why there are none.

    Without both, its content is what it was. `is_available` is false if it could not be read at the moment.
    """

    file: FileRecord
    size: int
    documents: Iterable[Pending | Refused] = ()
    is_new: bool = False
    is_available: bool = True


Load = Callable[[Iterator[Task]], Iterable[Loaded]]


class Loader:
    """Load files for an index that is made with `meta`. `encoding` is what all are read in; None: as they say."""

    def __init__(
        self, parser: Parser, count_tokens: Callable[[Sequence[str]], list[int]], meta: IndexMeta, encoding: str | None
    ) -> None:
        self._parser = parser
        self._count_tokens = count_tokens
        self._meta = meta
        self._encoding = encoding

    def load(self, task: Task) -> Loaded:
        """Read a file, and parse it if its content is new. Documents that are attached to it are parsed when asked."""
        source, before = task.source, task.record
        try:
            data, stat = source.read()
        except FileUnavailableError as error:
            file = FileRecord(source.name, UNSETTLED, "", str(error), "")
            return Loaded(file, source.stat().size, is_available=False)
        except UnreadableDocumentError as error:
            return Loaded(FileRecord(source.name, source.stat(), "", str(error), ""), source.stat().size)
        sha256 = content_hash(data)
        outcome = task.outcomes.get(sha256)
        at = before.at if before is not None and before.content_sha256 == sha256 else ""
        file = FileRecord(source.name, stat, sha256, outcome or "", at)
        if outcome is not None:
            return Loaded(file, len(data))
        documents = self._documents(file, data)
        try:
            first = next(documents)
        except UnreadableDocumentError as error:
            return Loaded(replace(file, reason=str(error)), len(data))
        return Loaded(file, len(data), _all(first, documents), is_new=True)

    def chunk(self, parsed: ParsedDocument) -> tuple[Chunk, ...]:
        """Return the chunks of a document."""
        return chunk(parsed, self._count_tokens, self._meta.chunk_size, self._meta.chunk_overlap)

    def _documents(self, file: FileRecord, data: bytes) -> Iterator[Pending | Refused]:
        """Yield the file's document, and those attached to it. Raises UnreadableDocumentError for the first."""
        size = len(data)
        for found in documents_in(self._parser, file.name, data, self._encoding):
            if isinstance(found, Refused):
                yield found
                continue
            own = file if found.name == file.name else None
            yield Pending(found.name, found.content_sha256, found.parsed, self.chunk(found.parsed), size, own)
            size = 0


def _all(first: Pending | Refused, others: Iterator[Pending | Refused]) -> Iterator[Pending | Refused]:
    yield first
    yield from others
