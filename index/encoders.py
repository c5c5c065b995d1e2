"""Which encoder to use.

The default has an implementation of its own (`encoding_onnx`), since to import sentence-transformers takes seconds; a
test holds the two to the same numbers. sentence-transformers runs any other model, from a folder. The multilingual one
has an engine of its own, which treats questions and documents differently.
"""

from index.encoding import DEFAULT_ENCODER, MULTILINGUAL_ENCODER, Encoder


def document_encoder(name: str = DEFAULT_ENCODER) -> Encoder:
    """Return the encoder for documents."""
    return _encoder(name, is_question=False)


def question_encoder(name: str = DEFAULT_ENCODER) -> Encoder:
    """Return the encoder for questions."""
    return _encoder(name, is_question=True)


def _encoder(name: str, *, is_question: bool) -> Encoder:
    if name == DEFAULT_ENCODER:
        from index.encoding_onnx import OnnxEncoder

        return OnnxEncoder()
    if name == MULTILINGUAL_ENCODER:
        from index.encoding_e5 import E5Encoder

        return E5Encoder(is_question=is_question)
    from index.encoding_torch import SentenceTransformerEncoder

    return SentenceTransformerEncoder(name)
