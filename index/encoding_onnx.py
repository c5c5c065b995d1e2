"""The default encoder on onnxruntime: the same weights as sentence-transformers reads, without importing it.

`encoder.onnx` holds the computation only (see scripts/build_encoder_graph.py); onnxruntime reads the weights out of the
pinned package's `model.safetensors`.
"""

from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from index.encoding import DEFAULT_ENCODER, Vectors, encoder_identity
from index.models import ENCODER_FILES

MAX_TOKENS = 256
BATCH = 32


class OnnxEncoder:
    """Encode texts with all-MiniLM-L6-v2 on the CPU."""

    identity = encoder_identity(DEFAULT_ENCODER)
    dimension = 384

    def __init__(self) -> None:
        folder = ENCODER_FILES.checked("model.safetensors").parent
        self._tokenizer = Tokenizer.from_file(str(ENCODER_FILES.checked("tokenizer.json")))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
        graph = files("index").joinpath("encoder.onnx").read_bytes()
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    @cached_property
    def _counter(self) -> Tokenizer:
        """Return the tokenizer without a limit; a question needs no counting, so it is loaded when used."""
        counter = Tokenizer.from_file(str(ENCODER_FILES.checked("tokenizer.json")))
        counter.no_truncation()
        counter.no_padding()
        return counter

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), 384)."""
        batches = [self._encode(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)]
        return np.concatenate(batches) if batches else np.zeros((0, self.dimension), np.float32)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch(list(texts))
        feed = {
            "input_ids": np.array([e.ids for e in encoded], np.int64),
            "attention_mask": np.array([e.attention_mask for e in encoded], np.int64),
        }
        vectors: Vectors = self._session.run(None, feed)[0]
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without [CLS] and [SEP]."""
        return [len(e.ids) for e in self._counter.encode_batch(list(texts), add_special_tokens=False)]
