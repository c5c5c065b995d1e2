"""What an index is to those who use it: the seams behind which the local store and a table on object storage stand.

`IndexStore` gives snapshots to read (reading.py), a transaction to the one who writes, and the two rankings that a
search fuses. The chain, the browser, the commands and the evaluation know nothing else.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from index.encoding import Vectors
from index.reading import IndexSnapshot
from index.records import FileRecord, NewDocument
from index.schema import IndexMeta


class IndexTransaction(Protocol):
    """The open transaction of the one writer."""

    generation: int
    changed: bool

    @property
    def snapshot(self) -> IndexSnapshot:
        """The generation that the transaction began with; a local store's also shows what was done since."""

    def put(self, document: NewDocument) -> None:
        """Store a document, in place of the one of the same name. Raises IndexIncompatibleError."""

    def remove(self, name: str) -> bool:
        """Remove a document and its chunks. Says whether it was there."""

    def forget(self, name: str) -> bool:
        """Remove a document, and all that is known of a file of this name. Says whether the document was there."""

    def note(self, file: FileRecord) -> None:
        """Remember what was seen of a file. Makes no generation by itself: nothing of it is searched."""

    def commit(self) -> None:
        """Commit what was done so far as a generation of its own, and go on with the next one."""


class Rankings(Protocol):
    """The two lists that a search fuses, of one generation."""

    def dense(
        self, snapshot: IndexSnapshot, vector: Vectors, k: int, among: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """Return up to `k` (chunk id, cosine similarity) for a vector of shape (dimension,), best first.

        `snapshot` is open and of the rankings' generation. With `among`, only chunks of these ids.
        """

    def lexical(self, question: str, k: int, among: Collection[int] | None = None) -> list[tuple[int, float]]:
        """Return up to `k` (chunk id, BM25 score), best first. With `among`, only chunks of these ids."""


class IndexStore(Protocol):
    """An index, wherever it lies. Opening costs nothing."""

    @property
    def folder(self) -> Path:
        """The folder that names of documents are relative to the parent of, and that holds the conversations."""

    @property
    def place(self) -> str:
        """Where the index lies, as a person wrote it."""

    def snapshot(self) -> AbstractContextManager[IndexSnapshot]:
        """Give a consistent view of the newest generation. Raises IndexMissingError if nothing was ever committed."""

    def transaction(self, meta: IndexMeta, *, rebuild: bool = False) -> AbstractContextManager[IndexTransaction]:
        """Give the one writer a transaction; it is committed at the end of the block, or rolled back by an error.

        Raises IndexBusyError, IndexIncompatibleError (unless `rebuild`), StorageError.
        """

    def rankings(self, snapshot: IndexSnapshot) -> Rankings:
        """Open what the generation of a snapshot, which is of this store, is searched with."""

    def mend(self) -> None:
        """After a transaction: bring what searches use in step with it, and let what was removed leave the disk."""

    def mend_meanwhile(self) -> None:
        """Do what of that must be done between the commits of a long transaction, within it."""
