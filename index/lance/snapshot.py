"""Read one version of the table."""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from index.documents import FileStat
from index.lance.table import META, one_of, rows_of
from index.reading import CHUNK_COLUMNS, DOCUMENT_COLUMNS, IndexSnapshot, Row, damaged, from_json
from index.records import DocumentRecord, FileRecord
from index.schema import IndexMeta

if TYPE_CHECKING:
    from lance import LanceDataset

BATCH = 1_000
SHARED = ("document_id", "name")  # columns that rows of two kinds have
FORMAT_VERSION = 1


class LanceSnapshot(IndexSnapshot):
    """One generation of a table."""

    def __init__(self, dataset: "LanceDataset") -> None:
        super().__init__()
        self.dataset = dataset
        ((_, described),) = rows_of(dataset, ["row", "metadata"], one_of("row", [META])) or ((META, "{}"),)
        try:
            self.description: dict[str, Any] = json.loads(described)
            self.meta = IndexMeta(**self.description["made_with"])
            self.dimension = int(self.description["dimension"])
            self.generation = int(self.description["generation"])
            self.committed_at = str(self.description["at"])
            # subtle: mending changes what lies on the disk and nothing that is read; whoever keeps what he opened for
            # one generation must still open it anew then, since the files below it go.
            self.commit = f"{self.description['commit']}@{dataset.version}"
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(f"its description is not readable ({error})") from error

    def counts(self) -> tuple[int, int]:
        """Return (number of documents, number of chunks)."""
        return self.dataset.count_rows("kind = 'document'"), self.dataset.count_rows("kind = 'chunk'")

    def documents(self) -> list[DocumentRecord]:
        """Return all documents in the order of their names."""
        chunks: dict[int, int] = {}
        for (document_id,) in rows_of(self.dataset, ["document_id"], "kind = 'chunk'"):
            chunks[document_id] = chunks.get(document_id, 0) + 1
        columns = ["document_id", "name", "content_sha256", "encoding", "is_file"]
        rows = rows_of(self.dataset, columns, "kind = 'document'")
        found = [DocumentRecord(i, name, sha, enc, bool(file), chunks.get(i, 0)) for i, name, sha, enc, file in rows]
        return sorted(found, key=lambda record: record.name.encode())

    def checksums(self) -> dict[int, tuple[str, bytes]]:
        """Return the name and the checksum of every document, by its id, without reading any."""
        rows = rows_of(self.dataset, ["document_id", "name", "checksum"], "kind = 'document'")
        return {id_: (name, checksum) for id_, name, checksum in rows}

    def document_ids(self) -> dict[str, int]:
        """Return the ids of all documents by name."""
        return dict(rows_of(self.dataset, ["name", "document_id"], "kind = 'document'"))

    def files(self) -> dict[str, FileRecord]:
        """Return what was last seen of every file, by name, in the order of the names."""
        found = {}
        for name, sha, seen in rows_of(self.dataset, ["name", "content_sha256", "metadata"], "kind = 'file'"):
            values = from_json(seen)
            found[name] = FileRecord(name, FileStat(*values["stat"]), sha, values["reason"], values["at"])
        return dict(sorted(found.items(), key=lambda item: item[0].encode()))

    def chunk_ids(self, wanted: Callable[[str, dict[str, Any]], bool]) -> list[int]:
        """Return the ids of the chunks of the documents that are wanted, by their name and metadata."""
        rows = rows_of(self.dataset, ["document_id", "name", "metadata"], "kind = 'document'")
        documents = [id_ for id_, name, metadata in rows if wanted(name, from_json(metadata))]
        return [id_ for (id_,) in self._in_parts(["id"], "document_id", documents)]

    def names(self, wanted: Callable[[str, dict[str, Any]], bool]) -> set[str]:
        """Return the names of the documents that are wanted, by their name and metadata."""
        rows = rows_of(self.dataset, ["name", "metadata"], "kind = 'document'")
        return {name for name, metadata in rows if wanted(name, from_json(metadata))}

    def copies_among(self, ids: Sequence[int]) -> set[int]:
        """Return those of these chunks that another of them, of an older document with the same content, repeats."""
        chunks = list(self._in_parts(["document_id", "id", "start", "end"], "id", ids))
        columns = ["document_id", "content_sha256", "is_file"]
        documents = self._in_parts(columns, "document_id", list({row[0] for row in chunks}), kind="document")
        content = {id_: sha for id_, sha, is_file in documents if is_file}
        first: dict[tuple[str, int, int], int] = {}
        return {
            id_
            for document_id, id_, start, end in sorted(chunks)
            if document_id in content and first.setdefault((content[document_id], start, end), id_) != id_
        }

    def vectors_of(self, digests: Sequence[str], since: int = 0) -> dict[str, bytes]:
        """Return the vectors (as stored) of the texts with these digests, of chunks added after a generation."""
        found: dict[str, bytes] = {}
        for *row, generation in self._in_parts([*CHUNK_COLUMNS, "generation"], "digest", digests):
            if generation > since:
                self.check_row(tuple(row))
                found[row[8]] = row[7]
        return found

    def check_rows(self) -> None:
        """Compare the checksum of every row. Raises IndexDamagedError at the first that differs."""
        for record in self.documents():
            self._load_texts([record.id])
            for row in self._chunk_rows("document_id", [record.id]):
                self.check_row(row)
                self.check_length(row)

    def _document_rows(self, document_ids: Collection[int]) -> Iterator[tuple[int, Row]]:
        for id_, *row in self._in_parts(
            ["document_id", *DOCUMENT_COLUMNS], "document_id", list(document_ids), kind="document"
        ):
            yield id_, tuple(row)

    def _metadata_of(self, document_id: int) -> str | None:
        found = list(self._in_parts(["metadata"], "document_id", [document_id], kind="document"))
        return str(found[0][0]) if found else None

    def id_of(self, name: str) -> int | None:
        """Return the id of the document of this name, or None if there is none."""
        found = list(self._in_parts(["document_id"], "name", [name], kind="document"))
        return int(found[0][0]) if found else None

    def _chunk_rows(self, column: str, values: Sequence[int] | Sequence[str]) -> Iterator[Row]:
        return self._in_parts(CHUNK_COLUMNS, column, values)

    def _in_parts(
        self, columns: Sequence[str], column: str, values: Sequence[int] | Sequence[str], kind: str = "chunk"
    ) -> Iterator[Row]:
        """Yield the rows of a kind that have one of these values in a column, a thousand values at a time."""
        of_kind = f" AND kind = '{kind}'" if column in SHARED else ""
        for first in range(0, len(values), BATCH):
            yield from rows_of(self.dataset, columns, one_of(column, values[first : first + BATCH]) + of_kind)
