"""Which encoder to use: two implementations of one model.

`encoding_torch` runs it with sentence-transformers, which reads any model but takes seconds to import; `encoding_onnx`
runs the pinned default in a tenth of a second. A test holds them to the same numbers. Documents are encoded with the
first, questions with the second where it can.
"""

from index.encoding import DEFAULT_ENCODER, Encoder


def document_encoder(name: str = DEFAULT_ENCODER) -> Encoder:
    """Return the encoder for indexing: sentence-transformers."""
    from index.encoding_torch import SentenceTransformerEncoder

    return SentenceTransformerEncoder(name)


def question_encoder(name: str = DEFAULT_ENCODER) -> Encoder:
    """Return the encoder for questions: the fast path if the model has one."""
    if name != DEFAULT_ENCODER:
        return document_encoder(name)
    from index.encoding_onnx import OnnxEncoder

    return OnnxEncoder()
