"""`/api/ask` and `/api/search`: a question to its answer, at once or as it comes, and to its passages."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from index.errors import RagError
from rag.answer import Answer
from rag.conversation import Turn, standalone
from rag.stages import Step
from server.problems import responses
from server.visiting import Reader, Room, Words, example

MAX_TURNS = 50
EVENT_STREAM = "text/event-stream"
# Of each event of a stream.
EVENT_SCHEMA = {
    "type": "object",
    "properties": {"event": {"type": "string"}, "data": {"type": "string", "contentMediaType": "application/json"}},
    "required": ["data"],
}
STREAM_EXAMPLE = (
    'event: searched\ndata: {"searched": "When does the lease end?"}\n\n'
    "event: passages\ndata: [...]\n\n"
    'event: claim\ndata: {"claim": {...}, "sources": [{...}]}\n\n'
    "event: answer\ndata: {...}\n\n"
)


class PastTurn(BaseModel):
    """A question that was asked before, with the sentences of its answer, or the choices that it offered."""

    question: Words = Field(max_length=20_000)
    sentences: list[Words] = Field(default=[], max_length=100)
    choices: list[Words] = Field(default=[], max_length=20)


class Ask(BaseModel):
    """A question, the turns that it may lean on (oldest first), and which documents are asked."""

    model_config = ConfigDict(
        json_schema_extra=example({"question": "When does the lease end?", "where": "type=txt", "stream": False})
    )

    question: Words = Field(max_length=20_000)
    where: Words = Field("", max_length=1_000, description="Only documents like this: `path:reports/* date>=2024`")
    history: list[PastTurn] = Field(default=[], max_length=MAX_TURNS)
    stream: bool = Field(False, description="Send events as they come, not one JSON at the end")


class FoundPassage(BaseModel):
    """A passage that matches: `text` stands at `start` to `end` (characters) of the document."""

    document: str
    start: int
    end: int
    heading: list[str]
    text: str
    score: float
    dense: float | None
    lexical: float | None


class Found(BaseModel):
    """The passages for a question, best first, and the state of the index that they are from."""

    generation: int
    hits: list[FoundPassage]


router = APIRouter(tags=["Asking"])


@router.post(
    "/api/ask",
    response_model=Answer,
    responses={
        **responses(422),
        200: {"content": {EVENT_STREAM: {"schema": EVENT_SCHEMA, "example": STREAM_EXAMPLE}}},
    },
)
def ask(room: Reader, asked: Ask) -> Any:
    """Answer a question with sentences of the documents, each with its source; the Answer is that of `rag ask --json`.

    With `stream` it comes as server-sent events: `searched`, `passages`, a `claim` for every sentence once it has been
    checked, with its sources, and at last `answer`, the whole; or `error`. Nothing that was not checked is ever sent.
    """
    steps = room.desk.ask(asked.question, history_of(asked.history), asked.where)
    if not asked.stream:
        return list(steps)[-1].answer
    first = next(steps)  # what is wrong with the question is said by the status
    return StreamingResponse(_events(chain([first], steps)), media_type=EVENT_STREAM, headers=NOT_KEPT)


NOT_KEPT = {"cache-control": "no-store", "x-accel-buffering": "no"}  # nginx passes events on as they come


@router.get("/api/search", responses=responses(422))
def search(
    room: Reader,
    question: Annotated[Words, Query(max_length=20_000, **example("lease"))],
    k: Annotated[int, Query(ge=1, le=50)] = 8,
    where: Annotated[Words, Query(max_length=1_000)] = "",
) -> Found:
    """Return the passages that match by meaning and by words."""
    results = room.desk.search(question, k, where)
    return Found.model_validate({"generation": results.generation, "hits": [hit.to_dict() for hit in results.hits]})


def history_of(past: Sequence[PastTurn]) -> list[Turn]:
    """Return earlier turns as the chain takes them, each with what it was searched for."""
    turns: list[Turn] = []
    for turn in past:
        searched = standalone(turn.question, turns)
        turns.append(Turn(turn.question, searched, tuple(turn.sentences), tuple(turn.choices)))
    return turns


def _events(steps: Iterator[Step]) -> Iterator[str]:
    """Yield server-sent events (WHATWG HTML, 9.2)."""
    said = 0
    try:
        for step in steps:
            for claim in step.claims[said:]:
                sources = [asdict(step.sources[number - 1]) for number in claim.citations]
                yield _event("claim", {"claim": asdict(claim), "sources": sources})
            said = len(step.claims)
            if step.answer is not None:
                yield _event("answer", step.answer.to_dict())
            elif step.hits and not step.claims:
                passages = [{**ranked.hit.to_dict(), "rerank": finite(ranked.score)} for ranked in step.hits]
                yield _event("passages", passages)
            elif not step.claims:
                yield _event("searched", {"searched": step.searched})
    except RagError as error:
        yield _event("error", {"detail": str(error)})


def finite(score: float) -> float | None:
    """Return a score as JSON can say it: none for a passage that was not scored."""
    return score if math.isfinite(score) else None


def _event(name: str, value: object) -> str:
    # subtle: JSON has no line ends of its own, so one `data:` line holds it all.
    return f"event: {name}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n"


def answer_of(room: Room, question: str, history: Sequence[Turn], where: str = "") -> Answer:
    """Return the answer, when it is there."""
    answer = list(room.desk.ask(question, history, where))[-1].answer
    assert answer is not None, "the last step has the answer"
    return answer
