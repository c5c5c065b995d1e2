"""The Lance table of an index: its columns, and rows on their way in and out.

One table holds everything, so that a generation is one version of it, which Lance commits as a whole or not at all.
`kind` says what a row is:

document  `DOCUMENT_COLUMNS`, and `document_id`
chunk     `CHUNK_COLUMNS` (the id is `id`), and the words that it is searched by
file      what was last seen of a file, as JSON in `metadata`
meta      one row: what the index was made with, its generation, the last one that removed something, the next ids; as
          JSON in `metadata`

`row` names a row for ever ("chunk/7"): what is written again takes the place of the row of the same name.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from index.reading import CHUNK_COLUMNS, DOCUMENT_COLUMNS, Row

if TYPE_CHECKING:
    from lance import LanceDataset

META = "meta"
WORD_COLUMNS = ("exact", "folded")  # as in index/words.py: words as they are written, and without accents and endings
_TYPES: Mapping[str, pa.DataType] = {
    **dict.fromkeys(("row", "kind"), pa.string()),
    **dict.fromkeys((*DOCUMENT_COLUMNS, *CHUNK_COLUMNS, *WORD_COLUMNS), pa.string()),
    **dict.fromkeys(("id", "document_id", "start", "end", "is_file", "generation"), pa.int64()),
    "text": pa.large_string(),
    "checksum": pa.binary(),
}


def schema(dimension: int) -> pa.Schema:
    """Return the table's columns for vectors of this length."""
    return pa.schema({**_TYPES, "vector": pa.list_(pa.float32(), dimension)})


def batch(rows: Sequence[Mapping[str, Any]], dimension: int) -> pa.RecordBatch:
    """Return rows as Arrow has them; what a row does not name is null. Vectors are bytes, as the local store has them.

    subtle: floats do not go through Python's lists, which would take most of the time of a load.
    """
    fields = schema(dimension)
    zeros = bytes(4 * dimension)
    flat = np.frombuffer(b"".join(row.get("vector") or zeros for row in rows), "<f4")
    missing = pa.array(["vector" not in row for row in rows])
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat), dimension, mask=missing)
    columns = [
        vectors if field.name == "vector" else pa.array([row.get(field.name) for row in rows], field.type)
        for field in fields
    ]
    return pa.RecordBatch.from_arrays(columns, schema=fields)


def tuples(table: pa.Table, columns: Sequence[str]) -> Iterable[Row]:
    """Return the rows of a table as tuples of these columns; vectors become bytes again."""
    return zip(*(_values(table.column(name)) for name in columns), strict=True)


def _values(column: pa.ChunkedArray) -> list[Any]:
    if not pa.types.is_fixed_size_list(column.type):
        return list(column.to_pylist())
    size = column.type.list_size
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False).astype("<f4", copy=False)
    return [row.tobytes() for row in flat.reshape(-1, size)]


def one_of(column: str, values: Iterable[int] | Iterable[str]) -> str:
    """Return the condition that a column has one of these values (at least one), in Lance's SQL."""
    return f"{column} IN ({','.join(_literal(value) for value in values)})"


def _literal(value: int | str) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def rows_of(dataset: "LanceDataset", columns: Sequence[str], condition: str) -> Iterable[Row]:
    """Return the rows that meet a condition, as tuples of these columns."""
    return tuples(dataset.to_table(columns=list(columns), filter=condition), columns)
