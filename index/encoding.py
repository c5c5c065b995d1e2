"""Texts to vectors: what an encoder is, and how one is identified."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.errors import ModelError
from index.models import ENCODER_FILES, MULTILINGUAL_FILES

Vectors = NDArray[np.float32]

DEFAULT_ENCODER = ENCODER_FILES.name
MULTILINGUAL_ENCODER = MULTILINGUAL_FILES.name


class Encoder(Protocol):
    """Turn texts into unit vectors."""

    @property
    def identity(self) -> str:
        """Name the model and its weights, such as `all-MiniLM-L6-v2@53aa51172d14`."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return an array of shape (len(texts), dimension); each row has length 1."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of model tokens of each text, without the special ones."""


def encoder_identity(name: str) -> str:
    """Return the identity that the encoder called `name` has, without loading it."""
    if name == DEFAULT_ENCODER:
        return ENCODER_FILES.identity("model.safetensors")
    if name == MULTILINGUAL_ENCODER:
        return MULTILINGUAL_FILES.identity("e5-small-q4.bin")
    # Not *.bin: these are pickles, which are programs.
    weights = sorted(Path(name).glob("*.safetensors"))
    if not weights:
        raise ModelError(
            f"no model at {name}: RAG_ENCODER is {DEFAULT_ENCODER}, {MULTILINGUAL_ENCODER}, or a folder in the"
            " sentence-transformers format with its weights as safetensors"
        )
    with weights[0].open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{Path(name).resolve().name}@{digest[:12]}"
