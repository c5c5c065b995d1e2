"""The encoder as LangChain `Embeddings`, and LangChain `Embeddings` as an encoder."""

import os
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from langchain_core.embeddings import Embeddings

from index.encoders import question_encoder
from index.encoding import DEFAULT_ENCODER, Encoder, Vectors


class EncoderEmbeddings(Embeddings):
    """Our encoder for LangChain. The model is the one named, or `RAG_ENCODER`, and is loaded at the first use."""

    def __init__(self, model: str | None = None) -> None:
        self.model = model or os.environ.get("RAG_ENCODER") or DEFAULT_ENCODER

    @cached_property
    def encoder(self) -> Encoder:
        """Return the encoder itself."""
        return question_encoder(self.model)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one unit vector for each text."""
        vectors: list[list[float]] = self.encoder.encode(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Return the unit vector of a question."""
        return self.embed_documents([text])[0]


class LangChainEncoder:
    """Any LangChain `Embeddings` for our store; its vectors are scaled to length 1."""

    def __init__(self, embeddings: Embeddings) -> None:
        self.embeddings = embeddings

    @cached_property
    def identity(self) -> str:
        """Name the model as LangChain knows it, and the length of its vectors."""
        model = getattr(self.embeddings, "model", None) or getattr(self.embeddings, "model_name", None)
        named = f"/{model}" if isinstance(model, str) else ""
        return f"langchain/{type(self.embeddings).__name__}{named}@{len(self.embeddings.embed_query('length'))}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), length of a vector)."""
        vectors = np.array(self.embeddings.embed_documents(list(texts)), np.float32).reshape(len(texts), -1)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Vectors = (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)
        return unit

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count words: LangChain's interface has no tokenizer."""
        return [len(text.split()) for text in texts]
