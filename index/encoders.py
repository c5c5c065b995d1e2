"""Which encoder to use.

The default is one model in two implementations: `encoding_torch` runs it with sentence-transformers, which reads any
model but takes seconds to import; `encoding_onnx` runs it in a tenth of a second. A test holds them to the same
numbers. Documents are encoded with the first, questions with the second. The multilingual one has an engine of its own.
"""

from index.encoding import DEFAULT_ENCODER, MULTILINGUAL_ENCODER, Encoder


def document_encoder(name: str = DEFAULT_ENCODER) -> Encoder:
    """Return the encoder for indexing."""
    if name == MULTILINGUAL_ENCODER:
        from index.encoding_e5 import E5Encoder

        return E5Encoder(is_question=False)
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
    return document_encoder(name)
