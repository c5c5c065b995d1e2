"""The default encoder on onnxruntime: the same weights as sentence-transformers reads, without importing it.

`encoder.onnx` holds the computation only (see scripts/build_encoder_graph.py); onnxruntime reads the weights out of the
pinned package's `model.safetensors`. Small batches of about the same length, each on one core, are a quarter quicker
than sentence-transformers: what a batch works on stays in the core's cache, nothing is padded, and no core waits for
another.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.resources import files

import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

from index.batching import batches
from index.encoding import DEFAULT_ENCODER, Vectors, encoder_identity
from index.models import ENCODER_FILES

MAX_TOKENS = 256
BATCH_TOKENS = 700


class OnnxEncoder:
    """Encode texts with all-MiniLM-L6-v2 on the CPU. Thread-safe."""

    identity = encoder_identity(DEFAULT_ENCODER)
    dimension = 384

    def __init__(self) -> None:
        folder = ENCODER_FILES.checked("model.safetensors").parent
        self._tokenizer = Tokenizer.from_file(str(ENCODER_FILES.checked("tokenizer.json")))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
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
        encoded = self._tokenizer.encode_batch(list(texts))
        vectors = np.empty((len(texts), self.dimension), np.float32)
        groups = batches([len(text.ids) for text in encoded], BATCH_TOKENS)
        parts = [[encoded[i] for i in group] for group in groups]
        if len(parts) < 2:  # a question: no thread is worth its while
            found = list(map(self._encode, parts))
        else:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                found = list(pool.map(self._encode, parts))
        for group, part in zip(groups, found, strict=True):
            vectors[group] = part
        return vectors

    def _encode(self, encoded: Sequence[Encoding]) -> Vectors:
        width = max(len(text.ids) for text in encoded)
        feed = {name: np.zeros((len(encoded), width), np.int64) for name in ("input_ids", "attention_mask")}
        for row, text in enumerate(encoded):
            feed["input_ids"][row, : len(text.ids)] = text.ids
            feed["attention_mask"][row, : len(text.ids)] = 1
        vectors: Vectors = self._session.run(None, feed)[0]
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without [CLS] and [SEP]."""
        return [len(e.ids) for e in self._counter.encode_batch(list(texts), add_special_tokens=False)]
