"""The rows of chunks as they are stored: each is compared with its checksum before anything of it is used."""

import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from index.encoding import Vectors
from index.reading import CHUNK_COLUMNS, IndexSnapshot, Row

BATCH = 1_000
LAST_ID = 2**63 - 1  # SQLite's highest
COLUMNS = ", ".join(f'"{column}"' for column in CHUNK_COLUMNS)

Ids = NDArray[np.int64]


class ChunkRows(IndexSnapshot):
    """The chunks of one generation, by id: their vectors, and which came and went."""

    def __init__(self, connection: sqlite3.Connection, dimension: int) -> None:
        super().__init__()
        self._connection = connection
        self.dimension = dimension

    def vectors_of(self, digests: Sequence[str], since: int = 0) -> dict[str, bytes]:
        """Return the vectors (as stored) of the texts with these digests, of chunks added after a generation."""
        found: dict[str, bytes] = {}
        for first in range(0, len(digests), BATCH):
            part = list(digests[first : first + BATCH])
            marks = ",".join("?" * len(part))
            for row in self._connection.execute(
                f"SELECT {COLUMNS} FROM chunks WHERE digest IN ({marks}) AND generation > ?", [*part, since]
            ):
                self.check_row(row)
                found[row[8]] = row[7]
        return found

    def vectors_between(self, first: int, last: int) -> Iterator[tuple[Ids, Vectors]]:
        """Yield batches of the ids from `first` to `last`, in that order, and their vectors (a row each)."""
        yield from map(self._ids_and_vectors, self.rows_between(first, last))

    def vectors_since(self, generation: int) -> Iterator[tuple[Ids, Vectors]]:
        """Yield the same of the chunks that were added after a generation; their ids are higher than all before."""
        row = self._connection.execute(
            "SELECT id FROM chunks WHERE generation > ? ORDER BY generation, id LIMIT 1", (generation,)
        ).fetchone()
        if row is not None:
            yield from self.vectors_between(row[0], LAST_ID)

    def vectors(self, ids: Sequence[int]) -> tuple[Ids, Vectors]:
        """Return the ids that are there of these, in their own order, and their vectors (a row each)."""
        rows: list[Row] = []
        for first in range(0, len(ids), BATCH):
            part = list(ids[first : first + BATCH])
            marks = ",".join("?" * len(part))
            rows += self._connection.execute(f"SELECT {COLUMNS} FROM chunks WHERE id IN ({marks}) ORDER BY id", part)
        return self._ids_and_vectors(rows)

    def rows_between(self, first: int, last: int) -> Iterator[list[Row]]:
        """Yield batches of the rows with ids from `first` to `last`, in that order, unchecked."""
        while True:
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id LIMIT {BATCH}", (first, last)
            ).fetchall()
            if not rows:
                return
            yield rows
            first = rows[-1][0] + 1

    def _ids_and_vectors(self, rows: Sequence[Row]) -> tuple[Ids, Vectors]:
        for row in rows:
            self.check_row(row)
            self.check_length(row)
        ids = np.array([row[0] for row in rows], np.int64)
        return ids, np.frombuffer(b"".join(row[7] for row in rows), "<f4").reshape(len(rows), self.dimension)

    def chunk_ids_evenly(self, count: int) -> list[int]:
        """Return up to `count` ids of chunks, evenly spread over all."""
        ids = [id_ for (id_,) in self._connection.execute("SELECT id FROM chunks ORDER BY id")]
        return ids[:: max(1, -(-len(ids) // count))]

    def count_since(self, generation: int) -> int:
        """Return the number of chunks that were added after a generation."""
        row = self._connection.execute("SELECT count(*) FROM chunks WHERE generation > ?", (generation,)).fetchone()
        return int(row[0])

    def removed_since(self, generation: int) -> list[int]:
        """Return the ids of the chunks that were removed after a generation."""
        rows = self._connection.execute("SELECT chunk_id FROM removed WHERE generation > ?", (generation,))
        return [row[0] for row in rows]
