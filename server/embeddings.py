"""`/v1/embeddings`: the encoder's vectors, as OpenAI's API gives them."""

import base64
from typing import Any, Literal

import numpy as np
from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict

from server.problems import responses
from server.visiting import Reader, Words, example

MAX_TEXTS = 256
MAX_CHARACTERS = 20_000


class EmbeddingRequest(BaseModel):
    """Texts to encode, as questions are. Lists of token numbers are not taken: they are another model's."""

    model_config = ConfigDict(json_schema_extra=example({"model": "all-MiniLM-L6-v2", "input": ["The lease ends."]}))

    model: Words
    input: Words | list[Words | Any]
    encoding_format: Literal["float", "base64"] = "float"


class Embedding(BaseModel):
    """The unit vector of a text; base64 is of little-endian float32."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(BaseModel):
    """Tokens as the encoder counts them."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(BaseModel):
    """One vector for each text, in their order."""

    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]
    usage: EmbeddingUsage


router = APIRouter(prefix="/v1", tags=["As OpenAI's API"])


@router.post("/embeddings", responses=responses(404, 422))
def embeddings(room: Reader, asked: EmbeddingRequest) -> Embeddings:
    """Encode texts with the index's encoder."""
    if asked.model != room.desk.settings.encoder:
        raise HTTPException(404, f"there is no encoder {asked.model!r}: name {room.desk.settings.encoder}")
    texts = _texts(asked.input)
    encoder = room.desk.chain().searcher.encoder
    vectors = encoder.encode(texts).astype("<f4")
    tokens = sum(encoder.count_tokens(texts))
    data = [Embedding(index=i, embedding=_shown(v, asked.encoding_format)) for i, v in enumerate(vectors)]
    return Embeddings(model=asked.model, data=data, usage=EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens))


def _texts(given: str | list[Any]) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if not texts or len(texts) > MAX_TEXTS:
        raise HTTPException(422, f"there are {len(texts)} texts, it must be 1 to {MAX_TEXTS}")
    if not all(isinstance(text, str) for text in texts):
        raise HTTPException(422, "only texts are encoded: with LangChain, give check_embedding_ctx_length=False")
    longest = max(map(len, texts))
    if longest > MAX_CHARACTERS:
        raise HTTPException(422, f"a text has {longest:,} characters, at most {MAX_CHARACTERS:,} are read")
    return texts


def _shown(vector: np.ndarray[Any, Any], form: str) -> list[float] | str:
    values: list[float] = vector.tolist()
    return base64.b64encode(vector.tobytes()).decode("ascii") if form == "base64" else values
