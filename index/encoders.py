"""Which encoder to use.

The default is one model in two implementations: `encoding_torch` runs it with sentence-transformers, which reads any
model but takes seconds to import; `encoding_onnx` runs it in a tenth of a second. A test holds them to the same
numbers. Questions are encoded with the second, and so are the first few texts of a run, since one edit should not wait
for an import; many with the first. The multilingual one has an engine of its own.
"""

from collections.abc import Sequence

from index.encoding import DEFAULT_ENCODER, MULTILINGUAL_ENCODER, Encoder, Vectors

# Up to here the import (8 s of one core) costs more than it saves (a sixth of 0.1 s for each text).
FEW = 256


def document_encoder(name: str = DEFAULT_ENCODER) -> Encoder:
    """Return the encoder for indexing."""
    if name == MULTILINGUAL_ENCODER:
        from index.encoding_e5 import E5Encoder

        return E5Encoder(is_question=False)
    if name == DEFAULT_ENCODER:
        return DefaultDocumentEncoder()
    return _torch_encoder(name)


class DefaultDocumentEncoder:
    """The default encoder for documents: the quick one for the first `FEW` texts, then the one for many."""

    def __init__(self) -> None:
        self._encoder = question_encoder()
        self._room = FEW
        self.identity = self._encoder.identity

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), 384)."""
        if self._room >= 0:
            self._room -= len(texts)
            if self._room < 0:
                self._encoder = _torch_encoder(DEFAULT_ENCODER)
        return self._encoder.encode(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without the special ones."""
        return self._encoder.count_tokens(texts)


def _torch_encoder(name: str) -> Encoder:
    from index.encoding_torch import SentenceTransformerEncoder

    return SentenceTransformerEncoder(name)


def question_encoder(name: str = DEFAULT_ENCODER) -> Encoder:
    """Return the encoder for questions: the fast path if the model has one."""
    if name == DEFAULT_ENCODER:
        from index.encoding_onnx import OnnxEncoder

        return OnnxEncoder()
    if name == MULTILINGUAL_ENCODER:
        from index.encoding_e5 import E5Encoder

        return E5Encoder(is_question=True)
    return _torch_encoder(name)
