"""Any sentence-transformers model as an encoder. Importing this file takes seconds."""

import logging
from collections.abc import Sequence

import numpy as np

from index.encoding import Vectors, encoder_identity
from index.errors import ModelError
from index.models import go_offline

go_offline()
from sentence_transformers import SentenceTransformer  # noqa: E402 - reads the environment when imported

BATCH = 32


class SentenceTransformerEncoder:
    """Encode texts with a sentence-transformers model from a folder."""

    def __init__(self, name: str) -> None:
        self.identity = encoder_identity(name)
        logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
        try:
            safe = {"use_safetensors": True}
            self._model = SentenceTransformer(name, device="cpu", local_files_only=True, model_kwargs=safe)
        except Exception as error:  # each file format of a model has its own errors
            raise ModelError(f"cannot load the model {name}: {error}") from error
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise ModelError(f"the model {name} does not say the length of its vectors")
        self.dimension: int = dimension

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dimension)."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        vectors = self._model.encode(
            list(texts), batch_size=BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(vectors, np.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without the special ones."""
        if not texts:
            return []
        encoded = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]
