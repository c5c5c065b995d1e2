"""Our store as a LangChain `VectorStore`: the same rows, vectors and checks as the folder's documents.

A text added here is a document of its own with one chunk; its id is its name. Documents of files are found too; they
come and go with `rag index` only.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from index.chunking import Chunk, Sentence
from index.documents import content_hash
from index.encoding import Encoder, Vectors
from index.errors import IndexIncompatibleError, IndexMissingError
from index.interface import IndexStore, Rankings
from index.parsing import Block, ParsedDocument
from index.reading import IndexSnapshot
from index.records import NewDocument, StoredChunk
from index.schema import IndexMeta
from index.sentences import split_sentences
from rag.embeddings import EncoderEmbeddings, LangChainEncoder
from rag.settings import Settings


class IndexVectorStore(VectorStore):
    """Texts and their vectors in an index."""

    def __init__(self, store: IndexStore, embedding: Embeddings) -> None:
        self._store = store
        self._embedding = embedding
        self._open: tuple[str, Rankings] | None = None  # the commit, and what it is searched with
        self._encoder: Encoder
        if isinstance(embedding, EncoderEmbeddings):
            self._encoder = embedding.encoder
        else:
            self._encoder = LangChainEncoder(embedding)

    @property
    def embeddings(self) -> Embeddings:
        """Return the embeddings that texts and questions are encoded with."""
        return self._embedding

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> "IndexVectorStore":
        """Make a store in the index given by the keyword `store`, and add the texts."""
        if "store" not in kwargs:
            raise TypeError("from_texts needs store=Store(folder)")
        made = cls(kwargs["store"], embedding)
        made.add_texts(texts, metadatas, ids=ids)
        return made

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts, each in place of one of the same id, all in one transaction; return their ids.

        Raises ValueError for the id of a file or of a file's chunk.
        """
        listed = list(texts)
        if not listed:
            return []
        names = [given or str(uuid.uuid4()) for given in (ids or [None] * len(listed))]
        metas = metadatas or [{} for _ in listed]
        vectors = self._encoder.encode(listed)
        with self._store.transaction(self._meta()) as transaction:
            _refuse_files(transaction.snapshot, names)
            for text, name, metadata, vector in zip(listed, names, metas, vectors, strict=True):
                parsed = ParsedDocument(text, (Block(0, len(text)),), "utf-8")
                sentences = tuple(Sentence(start, end) for start, end in split_sentences(text, 0, len(text)))
                chunk = Chunk(0, len(text), (), sentences)
                sha256 = content_hash(text.encode())
                transaction.put(NewDocument(name, sha256, parsed, [chunk], vector[None], metadata, [name]))
        self._store.mend()
        return names

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:
        """Remove texts by id, or all that were added here if `ids` is None; ids that are not there are passed over.

        Raises ValueError for the id of a file or of a file's chunk.
        """
        with self._store.transaction(self._meta()) as transaction:
            if ids is None:
                ids = [d.name for d in transaction.snapshot.documents() if not d.is_file]
            _refuse_files(transaction.snapshot, ids)
            for name in ids:
                transaction.remove(name)
            changed = transaction.changed
        if changed:
            self._store.mend()
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Return the texts with these ids, in that order; ids that are not there are left out."""
        try:
            with self._store.snapshot() as snapshot:
                return [to_document(snapshot, stored) for stored in snapshot.chunks_by_key(ids)]
        except IndexMissingError:
            return []

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """Return the `k` nearest texts, nearest first."""
        return [document for document, _ in self.similarity_search_with_score(query, k)]

    def similarity_search_with_score(self, query: str, k: int = 4, **kwargs: Any) -> list[tuple[Document, float]]:
        """Return the `k` nearest texts with their cosine similarity (higher is nearer)."""
        return self._nearest(self._encoder.encode([query]).reshape(-1), k)

    def similarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> list[Document]:
        """Return the `k` texts nearest to a vector."""
        return [document for document, _ in self._nearest(np.array(embedding, np.float32), k)]

    def _select_relevance_score_fn(self) -> Any:
        """Map cosine similarity, -1 to 1, to LangChain's 0 to 1."""
        return lambda cosine: (cosine + 1) / 2

    def _nearest(self, vector: Vectors, k: int) -> list[tuple[Document, float]]:
        try:
            with self._store.snapshot() as snapshot:
                if snapshot.meta.encoder != self._encoder.identity:
                    raise IndexIncompatibleError(
                        f"the index was made with {snapshot.meta.encoder}, not with {self._encoder.identity}"
                    )
                if self._open is None or self._open[0] != snapshot.commit:
                    self._open = (snapshot.commit, self._store.rankings(snapshot))
                found = dict(self._open[1].dense(snapshot, vector, k))
                return [(to_document(snapshot, s), found[s.id]) for s in snapshot.chunks(list(found))]
        except IndexMissingError:
            return []

    def _meta(self) -> IndexMeta:
        """Return this encoder with the chunk sizes of the index, or the defaults for a new one."""
        try:
            with self._store.snapshot() as snapshot:
                return replace(snapshot.meta, encoder=self._encoder.identity)
        except IndexMissingError:
            return IndexMeta(self._encoder.identity, Settings.chunk_size, Settings.chunk_overlap)


def _refuse_files(snapshot: IndexSnapshot, ids: Sequence[str]) -> None:
    files = {d.name for d in snapshot.documents() if d.is_file}
    chunks = {c.key for c in snapshot.chunks_by_key(ids) if c.document in files}
    for id_ in ids:
        if id_ in files or id_ in chunks:
            raise ValueError(f"{id_} belongs to a file, which comes and goes with `rag index`")


def to_document(snapshot: IndexSnapshot, stored: StoredChunk) -> Document:
    """Return a chunk as a LangChain document; a file's chunk says where it stands."""
    metadata = place(stored) if snapshot.is_file(stored.document_id) else snapshot.metadata(stored.document_id)
    return Document(id=stored.key, page_content=stored.text, metadata=metadata)


def place(stored: StoredChunk) -> dict[str, object]:
    """Say where a chunk stands, in LangChain's metadata."""
    return {
        "source": stored.document,
        "start": stored.chunk.start,
        "end": stored.chunk.end,
        "heading": list(stored.chunk.heading),
    }
