"""The default encoder on onnxruntime: the same weights as sentence-transformers reads, without importing it.

`encoder.onnx` holds the computation only (see scripts/build_encoder_graph.py); onnxruntime reads the weights out of the
pinned package's `model.safetensors`.
"""

from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files

import numpy as np
from tokenizers import Tokenizer

from index.batching import open_session, run
from index.encoding import DEFAULT_ENCODER, Vectors, encoder_identity
from index.models import ENCODER_FILES

MAX_TOKENS = 256


class OnnxEncoder:
    """Encode texts with all-MiniLM-L6-v2 on the CPU. Thread-safe."""

    identity = encoder_identity(DEFAULT_ENCODER)
    dimension = 384

    def __init__(self) -> None:
        folder = ENCODER_FILES.checked("model.safetensors").parent
        self._tokenizer = Tokenizer.from_file(str(ENCODER_FILES.checked("tokenizer.json")))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._session = open_session(files("index").joinpath("encoder.onnx").read_bytes(), folder)

    @cached_property
    def _counter(self) -> Tokenizer:
        """Return the tokenizer without a limit; a question needs no counting, so it is loaded when used."""
        counter = Tokenizer.from_file(str(ENCODER_FILES.checked("tokenizer.json")))
        counter.no_truncation()
        counter.no_padding()
        return counter

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), 384)."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        run(self._session, self._tokenizer.encode_batch(list(texts)), vectors)
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without [CLS] and [SEP]."""
        return [len(e.ids) for e in self._counter.encode_batch(list(texts), add_special_tokens=False)]
