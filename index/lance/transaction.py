"""Write one generation of the table: what is to change is collected in a file of the machine, then is one version."""

import json
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, astuple
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from index.errors import IndexBusyError, IndexIncompatibleError
from index.lance.snapshot import FORMAT_VERSION, LanceSnapshot
from index.lance.table import META, batch, one_of, schema
from index.new_rows import chunk_rows, dimension_of, document_row, now
from index.reading import CHUNK_COLUMNS, DOCUMENT_COLUMNS, IndexSnapshot
from index.records import FileRecord, NewDocument
from index.schema import IndexMeta, difference
from index.words import words_of

if TYPE_CHECKING:
    from lance import LanceDataset

    from index.lance.store import LanceStore


class LanceTransaction:
    """The open transaction of a writer. Of two at a time, the one that commits second is refused."""

    def __init__(self, store: "LanceStore", base: LanceSnapshot, meta: IndexMeta, *, rebuild: bool) -> None:
        self._store = store
        self._meta = meta
        self._rebuild = rebuild
        self._staged: IO[bytes] | None = None
        self._begin(base)
        if base.meta != meta:
            if not rebuild:
                raise IndexIncompatibleError(difference(base.meta, meta))
            self.changed = True

    def _begin(self, base: LanceSnapshot) -> None:
        self.close()
        self.snapshot: IndexSnapshot = base
        self._base = base
        self._next_document = int(base.description["next_document"])
        self._next_chunk = int(base.description["next_chunk"])
        self.generation = base.generation + 1
        self.changed = False
        # The first document says how long vectors are; in a rebuild, all of them are written again.
        self._dimension = 0 if self._rebuild else base.dimension
        self._ids = base.document_ids()
        self._gone: set[int] = set()
        self._files: dict[str, FileRecord | None] = {}
        self._writer: pa.RecordBatchStreamWriter | None = None

    def put(self, document: NewDocument) -> None:
        """Store a document, in place of the one of the same name if there is one.

        Raises IndexIncompatibleError if its vectors are of another length than the index's.
        """
        self._dimension = dimension_of(document, self._dimension)
        self.remove(document.name)
        document_id = self._next_document
        self._next_document += 1
        self._ids[document.name] = document_id
        rows = [{"document_id": document_id, **dict(zip(DOCUMENT_COLUMNS, document_row(document), strict=True))}]
        rows[0] |= {"row": f"document/{document_id}", "kind": "document"}
        words = document.words or [words_of(document.parsed.text, chunk) for chunk in document.chunks]
        for analysed, row in zip(words, chunk_rows(document, document_id), strict=True):
            values = dict(zip(CHUNK_COLUMNS, (self._next_chunk, *row), strict=True))
            named = {"row": f"chunk/{self._next_chunk}", "kind": "chunk", "generation": self.generation}
            rows.append({**named, **values, **analysed})
            self._next_chunk += 1
        self._stage(rows)
        self.changed = True

    def remove(self, name: str) -> bool:
        """Remove a document and its chunks. Says whether it was there."""
        document_id = self._ids.pop(name, None)
        if document_id is None:
            return False
        self._gone.add(document_id)
        self.changed = True
        return True

    def forget(self, name: str) -> bool:
        """Remove a document, and all that is known of a file of this name. Says whether the document was there."""
        self._files[name] = None
        return self.remove(name)

    def note(self, file: FileRecord) -> None:
        """Remember what was seen of a file. Makes no generation by itself: nothing of it is searched."""
        self._files[file.name] = file

    def commit(self) -> None:
        """Commit what was done so far as a generation of its own, and go on with the next one."""
        self._begin(self.finish())

    def finish(self) -> LanceSnapshot:
        """Write the new version if anything changed, and return it; else what there was before.

        Before there was a document nothing is written: what was seen of files is looked at again.
        """
        dimension = self._dimension or self._base.dimension
        if not dimension or not (self.changed or self._files):
            return self._base
        if self._base.dimension not in (0, dimension):
            self._files = {**self._base.files(), **self._files}  # all is written anew, with vectors of another length
        rows = pa.RecordBatchReader.from_batches(schema(dimension), self._rows(dimension))
        if not self._base.generation:
            self._store.create(rows)
        elif dimension != self._base.dimension:
            # subtle: Lance lets this pass whatever others have written.
            if self._store.latest().version != self._base.dataset.version:
                raise IndexBusyError(f"another process wrote to {self._store.place} meanwhile: run the command again")
            self._store.create(rows, replace=True)
        else:
            merge = self._base.dataset.merge_insert("row").when_matched_update_all().when_not_matched_insert_all()
            if gone := self._rows_gone():
                merge = merge.when_not_matched_by_source_delete(gone)
            # subtle: every commit writes the meta row again, so of two that began with one version one is refused.
            merge.conflict_retries(0).execute(rows)
        return LanceSnapshot(self._store.latest())

    def close(self) -> None:
        """Let go of the file of what was to be written."""
        if self._staged is not None:
            self._staged.close()
            self._staged = None

    def _stage(self, rows: list[dict[str, Any]]) -> None:
        made = batch(rows, self._dimension)
        if self._writer is None:
            self._staged = tempfile.TemporaryFile()  # noqa: SIM115  # open until `close`
            self._writer = pa.ipc.new_stream(self._staged, made.schema)
        self._writer.write_batch(made)

    def _rows(self, dimension: int) -> Iterator[pa.RecordBatch]:
        """Yield what is to be written: documents that were not removed again, files, and the description."""
        if self._writer is not None and self._staged is not None:
            self._writer.close()
            self._staged.seek(0)
            gone = pa.array(sorted(self._gone), pa.int64())
            for made in pa.ipc.open_stream(self._staged):
                yield made.filter(pc.invert(pc.is_in(made["document_id"], value_set=gone)))
        noted = [_file_row(file) for file in self._files.values() if file is not None]
        yield batch([*noted, self._description(dimension)], dimension)

    def _description(self, dimension: int) -> dict[str, Any]:
        before = self._base.description
        described = {
            "format": FORMAT_VERSION,
            "made_with": asdict(self._meta),
            "dimension": dimension,
            "generation": self.generation if self.changed else before["generation"],
            "commit": secrets.token_hex(8) if self.changed else before["commit"],
            "at": now() if self.changed else before["at"],
            "removed": self.generation if self._gone else before["removed"],
            "next_document": self._next_document,
            "next_chunk": self._next_chunk,
        }
        return {"row": META, "kind": "meta", "metadata": json.dumps(described)}

    def _rows_gone(self) -> str:
        """Return the condition for the rows that are to go, "" for none."""
        conditions = []
        if self._gone:
            is_all = self._gone.issuperset(self._base.document_ids().values())
            conditions.append("kind IN ('document', 'chunk')" if is_all else one_of("document_id", self._gone))
        if names := [f"file/{name}" for name, file in self._files.items() if file is None]:
            conditions.append(one_of("row", names))
        return " OR ".join(conditions)


def _file_row(file: FileRecord) -> dict[str, Any]:
    seen = {"stat": astuple(file.stat), "reason": file.reason, "at": file.at or now()}
    named = {"row": f"file/{file.name}", "kind": "file", "name": file.name}
    return {**named, "content_sha256": file.content_sha256, "metadata": json.dumps(seen)}


def new_table(meta: IndexMeta) -> "LanceDataset":
    """Return a table in memory with nothing in it: what a first transaction begins with."""
    import lance

    described = {"format": FORMAT_VERSION, "made_with": asdict(meta), "dimension": 0, "generation": 0, "commit": ""}
    described |= {"at": "", "removed": 0, "next_document": 1, "next_chunk": 1}
    rows = batch([{"row": META, "kind": "meta", "metadata": json.dumps(described)}], 1)
    return lance.write_dataset(rows, f"memory://{secrets.token_hex(8)}", schema=rows.schema)
