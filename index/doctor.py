"""Check everything an index promises: the store's rows, the texts behind the spans, the vectors, the views."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from index.chunking import text_to_encode
from index.encoding import Encoder
from index.errors import IndexDamagedError
from index.lexical import LexicalView
from index.recall import measured
from index.records import StoredChunk
from index.snapshot import Snapshot
from index.store import Store
from index.vectors import VectorView
from index.views import View, ViewState, open_view, view_state

SAMPLE = 8
MIN_COSINE = 0.999
MIN_RECALL = 0.95
MEND_VIEWS = "rag index FOLDER"
MEND_STORE = "rag index FOLDER --rebuild"
MEND_COPY = "rag follow --verify"


@dataclass(frozen=True)
class Check:
    """The outcome of one check; `mend` is the command that mends it."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


def examine(
    store: Store, make_encoder: Callable[[], Encoder], seed: int = 0, *, measure_recall: bool = False
) -> Iterator[Check]:
    """Run every check in order; the later ones are left out if the database is damaged. `seed` draws samples.

    With `measure_recall`, searches for sentences of the documents are compared with exact ones (a minute for a million
    chunks). Raises IndexMissingError, or another error that says why there is nothing to check.
    """
    for check in _checks(store, make_encoder, seed, measure_recall):
        is_of_copy = store.is_copy and check.mend in (MEND_STORE, MEND_VIEWS)
        yield replace(check, mend=MEND_COPY) if is_of_copy else check


def _checks(store: Store, make_encoder: Callable[[], Encoder], seed: int, measure_recall: bool) -> Iterator[Check]:
    try:
        with store.snapshot() as snapshot:
            yield from _examine_store(snapshot)
            for kind in (VectorView, LexicalView):
                yield _examine_view(kind, store, snapshot)
            yield _examine_vectors(snapshot, make_encoder(), seed)
            if measure_recall:
                yield _examine_recall(store, snapshot, make_encoder())
    except IndexDamagedError as error:
        yield Check("database", False, str(error), MEND_STORE)
    aside = store.set_aside()
    detail = ", ".join(map(str, aside)) or "no damaged database set aside"
    yield Check("remains", not aside, detail, f"rm {' '.join(f'{path}' for path in aside)}")


def _examine_store(snapshot: Snapshot) -> Iterator[Check]:
    snapshot.check_pages()
    documents, chunks = snapshot.counts()
    yield Check("database", True, f"pages sound, generation {snapshot.generation}")
    snapshot.check_rows()
    yield Check("texts", True, f"{documents} documents are what was written")
    for stored, _ in snapshot.all_chunks():
        if not _spans_hold(snapshot, stored):
            yield Check("spans", False, f"a sentence of chunk {stored.key} is outside its text", MEND_STORE)
            return
    yield Check("spans", True, f"all sentences of {chunks} chunks are at their place in the text")


def _spans_hold(snapshot: Snapshot, stored: StoredChunk) -> bool:
    """Say whether every sentence lies in its chunk and reads the same from the document as from the chunk."""
    text, chunk = snapshot.text(stored.document_id), stored.chunk
    return all(
        chunk.start <= s.start < s.end <= chunk.end
        and text[s.start : s.end] == stored.text[s.start - chunk.start : s.end - chunk.start]
        for s in chunk.sentences
    )


def _examine_view(kind: type[View], store: Store, snapshot: Snapshot) -> Check:
    state, _ = view_state(kind, store.folder, snapshot, thorough=True)
    if state is not ViewState.IN_STEP:
        return Check(kind.name, False, f"its files are {state}", MEND_VIEWS)
    view = kind.load(store.folder)
    (_, chunks) = snapshot.counts()
    return Check(kind.name, len(view) == chunks, f"{len(view)} entries for {chunks} chunks", MEND_VIEWS)


def _examine_vectors(snapshot: Snapshot, encoder: Encoder, seed: int) -> Check:
    """Encode a sample of chunks again: their vectors must be the ones of their own text."""
    if encoder.identity != snapshot.meta.encoder:
        return Check("vectors", False, f"made with {snapshot.meta.encoder}, asked with {encoder.identity}", MEND_STORE)
    _, chunks = snapshot.counts()
    chosen = set(np.random.default_rng(seed).choice(chunks, min(SAMPLE, chunks), replace=False).tolist())
    sample = [pair for number, pair in enumerate(snapshot.all_chunks()) if number in chosen]
    texts = [text_to_encode(snapshot.text(stored.document_id), stored.chunk) for stored, _ in sample]
    if not texts:
        return Check("vectors", True, "none")
    cosines = np.sum(encoder.encode(texts) * np.array([vector for _, vector in sample]), axis=1)
    ok = bool(cosines.min() >= MIN_COSINE)
    return Check("vectors", ok, f"{len(texts)} encoded again, lowest cosine {cosines.min():.6f}", MEND_STORE)


def _examine_recall(store: Store, snapshot: Snapshot, encoder: Encoder) -> Check:
    found, count = measured(snapshot, open_view(VectorView, store, snapshot), encoder)
    detail = f"recall@10 is {found:.3f} for {count} sentences of the documents, against comparing every vector"
    return Check("recall", found >= MIN_RECALL, detail, MEND_STORE)
