"""How well a text answers a question: a cross-encoder reads both together.

The model is ms-marco-MiniLM-L-12-v2 (Apache-2.0), 8-bit, from a pinned package. Its score is a logit: above 0 it holds
the text for relevant. If the package is missing, the encoder's cosine similarity stands in, with one warning.
"""

import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.encoding import Encoder
from index.errors import ModelMissingError
from index.models import RERANKER_FILES

logger = logging.getLogger("rag")

Scores = NDArray[np.float32]

MAX_TOKENS = 320
REMEMBERED_PAIRS = 5_000


class Reranker(Protocol):
    """Score texts against a question."""

    @property
    def name(self) -> str:
        """Name the model; thresholds belong to a name."""

    @property
    def scale(self) -> float:
        """Return how much a clear difference between two scores is: 1 for logits."""

    @property
    def clear(self) -> float:
        """Return the score from which a passage answers so clearly that no others need be scored."""

    def score(self, question: str, texts: Sequence[str]) -> Scores:
        """Return one score for each text, higher is better, shape (len(texts),)."""


class CrossEncoder:
    """The pinned cross-encoder on onnxruntime."""

    name = RERANKER_FILES.name
    scale = 1.0
    clear = 5.0  # on SQuAD 2.0, among questions where one of the first three has it, 2 % had a better one further down

    def __init__(self) -> None:
        from tokenizers import Tokenizer

        from index.batching import open_session

        self._tokenizer = Tokenizer.from_file(str(RERANKER_FILES.checked("tokenizer.json")))
        self._tokenizer.enable_truncation(MAX_TOKENS)  # the longer of the two is cut
        self._tokenizer.no_padding()
        self._session = open_session(RERANKER_FILES.checked("model.onnx"))

    def score(self, question: str, texts: Sequence[str]) -> Scores:
        """Return the logits of the pairs (question, text), each the same whatever else is scored."""
        from index.batching import ALONE, run

        scores = np.empty((len(texts), 1), np.float32)
        run(self._session, self._tokenizer.encode_batch([(question, text) for text in texts]), scores, ALONE)
        return scores[:, 0]


class CosineReranker:
    """The stand-in without a cross-encoder: cosine similarity of question and text."""

    scale = 0.03
    clear = math.inf

    def __init__(self, encoder: Encoder) -> None:
        self.name = f"cosine/{encoder.identity.partition('@')[0]}"
        self._encoder = encoder

    def score(self, question: str, texts: Sequence[str]) -> Scores:
        """Return the cosine similarities."""
        vectors = self._encoder.encode([question, *texts])
        scores: Scores = vectors[1:] @ vectors[0]
        return scores


class Remembering:
    """A reranker that knows the scores of the pairs that it was asked for last: a question's stages share them."""

    def __init__(self, reranker: Reranker, pairs: int = REMEMBERED_PAIRS) -> None:
        self._reranker = reranker
        self._pairs = pairs
        self._known: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = threading.Lock()
        self.name = reranker.name
        self.scale = reranker.scale
        self.clear = reranker.clear

    def score(self, question: str, texts: Sequence[str]) -> Scores:
        """Return the scores, computing those that are not known."""
        with self._lock:
            known = {text: self._known[question, text] for text in texts if (question, text) in self._known}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known |= dict(zip(new, self._reranker.score(question, new).tolist(), strict=True))
        with self._lock:
            for text in dict.fromkeys(texts):
                self._known[question, text] = known[text]
                self._known.move_to_end((question, text))
            while len(self._known) > self._pairs:
                self._known.popitem(last=False)
        return np.array([known[text] for text in texts], np.float32)


def load_reranker(make_encoder: Callable[[], Encoder]) -> Reranker:
    """Return the cross-encoder, or the stand-in with a warning if it is not installed."""
    try:
        return Remembering(CrossEncoder())
    except ModelMissingError as error:
        logger.warning("%s; ranking by cosine similarity, which answers less well", error)
        return Remembering(CosineReranker(make_encoder()))
