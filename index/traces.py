"""Prove that nothing of a removed document is left in an index folder, or say where something is.

Every file of the folder is searched, byte by byte, for pieces of the document's text, for its chunks' vectors (and the
8-bit codes that FAISS may keep them as) and for its name: the database with its free pages and its log, the FAISS
files, tantivy's segments, databases set aside, and whatever else lies there. Pieces that another document holds, too,
prove nothing and are left out. tantivy keeps words in a form of its own, so it is also asked for them, and none of its
segments may hold a deleted chunk.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from index.collections import own_files
from index.encoding import Vectors
from index.lexical import FOLDER, LexicalView
from index.reading import IndexSnapshot
from index.segments import has_deleted
from index.snapshot import Snapshot
from index.store import Store
from index.vectors import VectorView
from index.views import View, ViewState, view_state

PIECE_CHARACTERS = 24
PIECES = 64  # of a document, spread evenly over its text
MIN_BYTES = 5  # what is shorter is found by chance
WORDS = 50
VECTOR_BYTES = 64
BLOCK_BYTES = 1 << 24
WORD = re.compile(r"[^\W_]{3,}")


@dataclass(frozen=True)
class Trace:
    """What a document leaves behind if anything is left of it: to be taken before it is removed."""

    name: str
    pieces: frozenset[bytes]
    words: tuple[str, ...]
    vectors: frozenset[bytes] = frozenset()


@dataclass
class Proof:
    """What was looked for, and the places where something was found: (file, what), none if all is gone."""

    documents: int = 0
    pieces: int = 0
    files: int = 0
    found: list[tuple[str, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        """Return plain values, ready for JSON."""
        found = [{"file": file, "what": what} for file, what in self.found]
        return {"documents": self.documents, "pieces": self.pieces, "files": self.files, "found": found}


def trace_of(name: str, text: str, vectors: Iterable[bytes] = ()) -> Trace:
    """Return pieces of a text, its words, and its vectors (float32, as stored)."""
    step = max(1, (len(text) - PIECE_CHARACTERS) // PIECES)
    starts = range(0, max(1, len(text) - PIECE_CHARACTERS + 1), step)
    pieces = frozenset(text[start : start + PIECE_CHARACTERS].encode("utf-8") for start in starts)
    words = tuple(dict.fromkeys(WORD.findall(unicodedata.normalize("NFC", text).lower())))
    return Trace(name, pieces, words, frozenset(vectors))


def stored_trace(snapshot: IndexSnapshot, document_id: int, name: str) -> Trace:
    """Return the trace of a document that is still stored."""
    return trace_of(name, snapshot.text(document_id), snapshot.vectors_in(document_id))


def prove_gone(store: Store, traces: Sequence[Trace], beside: Sequence[str] = ()) -> Proof:
    """Look for what documents would leave behind, in every file of the index folder.

    Files whose names begin with one of `beside` are the caller's to look at. Call it after the views were brought in
    step. Raises IndexMissingError, StorageError.
    """
    with store.snapshot() as snapshot:
        in_step = [k for k in (VectorView, LexicalView) if _is_in_step(k, store, snapshot)]
        codes_of = VectorView.load(store.folder).codes_of if VectorView in in_step else _no_codes
        needles, words = _distinctive(snapshot, traces, codes_of)
        proof = Proof(len(traces), len(needles))
        for kind in (VectorView, LexicalView):
            if kind in in_step:
                proof.found += _in_view(kind.load(store.folder), store, snapshot, words)
            else:
                problem = f"the {kind.name} files are not in step: run `rag index FOLDER`"
                proof.found.append((kind.stamp_file, problem))
    for path in own_files(store.folder):
        if path.is_file() and not path.name.startswith(tuple(beside)):
            proof.files += 1
            proof.found += [(str(path.relative_to(store.folder)), what) for what in _in_file(path, needles)]
    return proof


def _distinctive(
    snapshot: Snapshot, traces: Sequence[Trace], codes_of: Callable[[Vectors], list[bytes]]
) -> tuple[dict[bytes, str], list[str]]:
    """Return what to search files for, with what each is, and words: all that no document left in the store holds."""
    pieces = {piece: f"text of {trace.name}" for trace in traces for piece in trace.pieces}
    vectors = {
        needle: f"a vector of {trace.name}"
        for trace in traces
        for needle in _needles(trace.vectors, snapshot, codes_of)
    }
    names = {trace.name.encode("utf-8"): f"the name {trace.name}" for trace in traces}
    words = dict.fromkeys(word for trace in traces for word in trace.words)
    for record in snapshot.documents():
        data = snapshot.text(record.id).encode("utf-8") + b"\0" + record.name.encode("utf-8")
        for piece in [piece for piece in pieces | names if piece in data]:
            pieces.pop(piece, None)
            names.pop(piece, None)
        text = unicodedata.normalize("NFC", data.decode("utf-8")).lower()
        words = {word: None for word in words if word not in text}
        for needle in _needles(snapshot.vectors_in(record.id), snapshot, codes_of) if vectors else ():
            vectors.pop(needle, None)
    for file in snapshot.files().values():
        names = {name: what for name, what in names.items() if name not in file.name.encode("utf-8")}
    needles = {needle: what for needle, what in (pieces | vectors | names).items() if len(needle) >= MIN_BYTES}
    return needles, list(words)[:WORDS]


def _in_file(path: Path, needles: dict[bytes, str]) -> Iterator[str]:
    """Yield what is found in a file, each kind once."""
    said: set[str] = set()
    longest = max(map(len, needles), default=1)
    tail = b""
    with path.open("rb") as file:
        while needles and (block := file.read(BLOCK_BYTES)):
            data = tail + block
            said |= {what for needle, what in needles.items() if what not in said and needle in data}
            tail = data[-longest:]
    yield from sorted(said)


def _needles(vectors: Collection[bytes], snapshot: Snapshot, codes_of: Callable[[Vectors], list[bytes]]) -> list[bytes]:
    """Return the beginnings of vectors, and what FAISS keeps them as."""
    rows = np.frombuffer(b"".join(vectors), "<f4").reshape(len(vectors), snapshot.dimension)
    return [vector[:VECTOR_BYTES] for vector in vectors] + codes_of(rows)


def _no_codes(vectors: Vectors) -> list[bytes]:
    return []


def _is_in_step(kind: type[View], store: Store, snapshot: Snapshot) -> bool:
    return view_state(kind, store.folder, snapshot, thorough=True)[0] is ViewState.IN_STEP


def _in_view(view: View, store: Store, snapshot: Snapshot, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    if len(view) != snapshot.counts()[1]:
        yield view.stamp_file, f"{len(view)} entries for {snapshot.counts()[1]} chunks"
    if isinstance(view, LexicalView):
        if has_deleted(store.folder / FOLDER):
            yield FOLDER, "a deleted chunk"
        yield from ((FOLDER, f"the word {word}") for word in words if view.has_word(word))
