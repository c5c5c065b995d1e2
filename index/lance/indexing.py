"""The indexes of the table: by words, and from many chunks on by vector; and that what was removed leaves the storage.

A vector index is used only once its recall was measured: an index of Lance that was merged wrongly gives wrong
neighbours and no error (lance issue 7731). Here indexes of vectors are never merged but made anew, and one that finds
less than `RECALL` of what an exact search finds is dropped. Until it is approved, searches compare every vector.
"""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from index.lance.snapshot import LanceSnapshot
from index.lance.table import WORD_COLUMNS, rows_of

if TYPE_CHECKING:
    from lance import LanceDataset

INDEXED_CHUNKS = 20_000  # from here on vectors are indexed, and again when so many are not in the index
RECALL = 0.95
SAMPLE, K = 100, 10
PROBED = 64  # cells of the index that a search looks at, of about sqrt(n)
FRAGMENTS = 64  # so many files of rows are put together
VECTORS = "vectors"
# In the table's config: the id of the vector index that may be used, and the generation up to which removals are done.
APPROVED, PURGED = "rag.vectors", "rag.purged"
READERS_NEED = timedelta(hours=1)  # for a version from which nothing was removed
LOOKED_UP = ("row", "id", "document_id", "digest")  # by which rows are found
# The words are made by index/words.py, as for the local index; Lance only takes them apart at the blanks.
WORDS_AS_THEY_ARE: dict[str, Any] = {
    "base_tokenizer": "whitespace",
    "max_token_length": None,
    **dict.fromkeys(("with_position", "stem", "lower_case", "ascii_folding", "remove_stop_words"), False),
}

logger = logging.getLogger("rag")


def mend_table(snapshot: LanceSnapshot, place: str) -> None:
    """Index what is not indexed, and let what was removed leave the storage. `snapshot` is the newest.

    Where something was removed since that was last done, all that may hold it is made anew, and older versions go: who
    reads one at that moment meets IndexMovedError, and begins again. Files that a writer is making are of no version
    yet, and stay.
    """
    dataset, removed = snapshot.dataset, snapshot.description["removed"]
    purge = removed > int(dataset.config().get(PURGED, 0))
    is_scattered = len(dataset.get_fragments()) > FRAGMENTS
    if purge or is_scattered:
        dataset.optimize.compact_files(materialize_deletions=True, materialize_deletions_threshold=0.0)
    _index_words(dataset, purge=purge)
    _index_vectors(dataset, place, purge=purge)
    if purge:
        dataset.update_config({PURGED: str(removed)})
    if purge or is_scattered:
        dataset.cleanup_old_versions(older_than=timedelta(0) if purge else READERS_NEED)


def approved(dataset: "LanceDataset") -> bool:
    """Say whether the table has a vector index whose recall was measured and found good."""
    known = _ids(dataset).get(VECTORS)
    return known is not None and dataset.config().get(APPROVED) == known


def _index_words(dataset: "LanceDataset", *, purge: bool) -> None:
    there = _ids(dataset)
    for column in WORD_COLUMNS:
        if purge or column not in there:
            dataset.create_scalar_index(column, "INVERTED", column, **WORDS_AS_THEY_ARE)
        elif _not_indexed(dataset, column):
            dataset.optimize.optimize_indices(index_names=[column])


def _index_vectors(dataset: "LanceDataset", place: str, *, purge: bool) -> None:
    chunks = dataset.count_rows("kind = 'chunk'")
    if chunks < INDEXED_CHUNKS:
        for name in {VECTORS, *LOOKED_UP} & _ids(dataset).keys():
            dataset.drop_index(name)
        return
    if not purge and approved(dataset) and _not_indexed(dataset, VECTORS) < INDEXED_CHUNKS:
        return
    for column in LOOKED_UP:
        dataset.create_scalar_index(column, "BTREE", column)
    cells = round(chunks**0.5)
    dataset.create_index("vector", "IVF_SQ", VECTORS, metric="dot", num_partitions=cells, replace=True)
    recall = measured_recall(dataset)
    if recall < RECALL:
        dataset.drop_index(VECTORS)
        logger.warning(
            "the index of the vectors of %s finds %.3f of what an exact search finds, less than %.2f: it is not used,"
            " and every vector is compared",
            *(place, recall, RECALL),
        )
    else:
        dataset.update_config({APPROVED: _ids(dataset)[VECTORS]})


def measured_recall(dataset: "LanceDataset") -> float:
    """Return recall@10 of the vector index for vectors between those of two chunks, against comparing every vector.

    A chunk's own vector would be too easy, so each is the middle of two that are drawn by chance (seeded).
    """
    from index.lance.rankings import nearest

    ids = np.array([id_ for (id_,) in rows_of(dataset, ["id"], "kind = 'chunk'")])
    drawn = np.random.default_rng(0).choice(ids, 2 * SAMPLE)
    table = dataset.to_table(columns=["id", "vector"], filter=f"id IN ({','.join(map(str, drawn))})")
    vectors = dict(zip(table["id"].to_pylist(), np.array(table["vector"].to_pylist(), np.float32), strict=True))
    found = wanted = 0
    for one, other in drawn.reshape(-1, 2).tolist():
        query = vectors[one] + vectors[other]
        query /= max(float(np.linalg.norm(query)), 1e-9)
        exact = {id_ for id_, _ in nearest(dataset, query, K, use_index=False)}
        found += len(exact & {id_ for id_, _ in nearest(dataset, query, K, use_index=True)})
        wanted += len(exact)
    return found / max(1, wanted)


def _ids(dataset: "LanceDataset") -> dict[str, str]:
    """Return the ids of the segments of each index, by its name."""
    return {found.name: ",".join(str(part.uuid) for part in found.segments) for found in dataset.describe_indices()}


def _not_indexed(dataset: "LanceDataset", name: str) -> int:
    found: dict[str, Any] = dataset.stats.index_stats(name)
    return int(found["num_unindexed_rows"])
