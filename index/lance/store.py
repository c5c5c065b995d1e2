"""A table that holds an index: open it for reading, for the one who writes, and for a search."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from index.errors import IndexIncompatibleError, IndexMissingError
from index.interface import Rankings
from index.lance.indexing import mend_table
from index.lance.rankings import LanceRankings
from index.lance.snapshot import FORMAT_VERSION, LanceSnapshot
from index.lance.transaction import LanceTransaction, new_table
from index.object_storage import storage_options, translated
from index.reading import IndexSnapshot
from index.schema import IndexMeta

if TYPE_CHECKING:
    from lance import LanceDataset


class LanceStore:
    """An index in a Lance table. Making one costs nothing; each use opens the newest version.

    `folder` is where this machine keeps what is not of the index (conversations); names of documents are relative to
    the folder that holds it.
    """

    def __init__(self, place: str, folder: Path) -> None:
        self.place = place
        self.folder = folder
        self._session: Any = None  # what was read of indexes and files, kept for the next search

    @contextmanager
    def snapshot(self) -> Iterator[IndexSnapshot]:
        """Give the newest generation. Raises IndexMissingError if nothing was ever committed, StorageError."""
        with translated(self.place):
            yield self._newest()

    @contextmanager
    def transaction(self, meta: IndexMeta, *, rebuild: bool = False) -> Iterator[LanceTransaction]:
        """Give a writer a transaction; it is committed at the end of the block, or nothing is, after an error.

        Nothing is locked, since no lock holds across machines: of two writers, the one that commits second is refused
        with IndexBusyError. Raises IndexIncompatibleError if `meta` differs from what the index was made with (unless
        `rebuild`), StorageError.
        """
        with translated(self.place):
            try:
                base = self._newest()
            except IndexMissingError:
                base = LanceSnapshot(new_table(meta))
            transaction = LanceTransaction(self, base, meta, rebuild=rebuild)
            try:
                yield transaction
                transaction.finish()
            finally:
                transaction.close()

    def rankings(self, snapshot: IndexSnapshot) -> Rankings:
        """Open what a snapshot's generation is searched with."""
        assert isinstance(snapshot, LanceSnapshot)
        return LanceRankings(snapshot.dataset)

    def mend(self) -> None:
        """Index what is new, and let what was removed leave the storage."""
        with translated(self.place):
            mend_table(self._newest(), self.place)

    def mend_meanwhile(self) -> None:
        """Leave it at that: what is new is found without an index, until the run is over."""

    def latest(self) -> "LanceDataset":
        """Open the newest version. Raises IndexMissingError if there is none, StorageError."""
        import lance

        self._session = self._session or lance.Session()  # type: ignore[attr-defined]  # its stubs do not export it
        with translated(self.place):
            return lance.dataset(self.place, storage_options=storage_options(self.place), session=self._session)

    def is_at(self, commit: str) -> bool:
        """Say whether a snapshot's commit is the newest, without reading anything of the table but its version."""
        return commit.endswith(f"@{self.latest().version}")

    def create(self, rows: pa.RecordBatchReader, *, replace: bool = False) -> None:
        """Write the first version, or one that shares nothing with those before."""
        import lance

        mode = "overwrite" if replace else "create"
        options = storage_options(self.place)
        lance.write_dataset(rows, self.place, mode=mode, enable_stable_row_ids=True, storage_options=options)

    def _newest(self) -> LanceSnapshot:
        snapshot = LanceSnapshot(self.latest())
        written = snapshot.description["format"]
        if written != FORMAT_VERSION:
            raise IndexIncompatibleError(
                f"the index at {self.place} has format {written}, this program reads {FORMAT_VERSION}: upgrade it"
            )
        return snapshot
