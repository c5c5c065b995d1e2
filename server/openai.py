"""`/v1`: what clients of OpenAI's API call, so that they find our answers where they look for a model's.

The last message is the question, and those before it what it may lean on. The text of the answer has `[n]` behind
every sentence; where these stand is in `annotations`, and the whole Answer in `answer`, a field of our own. What steers
a language model (`temperature`, system messages and so on) is read over: the documents alone say what is answered.
"""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from rag.answer import Answer
from server.annotations import Annotation, annotations, said
from server.ask import EVENT_SCHEMA, EVENT_STREAM, NOT_KEPT, PastTurn, answer_of, history_of
from server.problems import responses
from server.visiting import Reader, Room, Words, example

MODEL = "checkable-rag"
MAX_MESSAGES = 200
CREATED = 1_764_028_800  # of the model: when the program was first written


class Part(BaseModel):
    """A part of a message; only text is read."""

    type: str
    text: Words = ""


class Message(BaseModel):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Words | list[Part] | None = None

    @property
    def text(self) -> str:
        """Return what it says."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    """What else comes in a stream."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """A conversation. What is not here and steers a language model is read over."""

    model_config = ConfigDict(
        json_schema_extra=example({"model": MODEL, "messages": [{"role": "user", "content": "When does it end?"}]})
    )

    model: Words = MODEL
    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = 1
    tools: list[Any] | None = Field(None, max_length=0, description="There are none to be called")
    where: Words = Field("", max_length=1_000, description="Ours: only documents like this")


class Usage(BaseModel):
    """Tokens as the encoder counts them; no language model has read any."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Reply(BaseModel):
    """The answer as text, with the places where its sources are cited."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[Annotation]


class Choice(BaseModel):
    """The one reply."""

    index: Literal[0] = 0
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None
    message: Reply


class Completion(BaseModel):
    """A reply, and the Answer that it was made from."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    answer: Answer


class Model(BaseModel):
    """A name that can stand in a request."""

    id: str
    object: Literal["model"] = "model"
    created: int = CREATED
    owned_by: str = MODEL


class Models(BaseModel):
    """All names."""

    object: Literal["list"] = "list"
    data: list[Model]


router = APIRouter(prefix="/v1", tags=["As OpenAI's API"])


@router.get("/models", responses=responses())
def models(room: Reader) -> Models:
    """List what can be asked, and what encodes."""
    return Models(data=[Model(id=MODEL), Model(id=room.desk.settings.encoder)])


@router.get("/models/{id}", responses=responses(404))
def model(room: Reader, id: str) -> Model:
    """Return one of the models."""
    if id not in (MODEL, room.desk.settings.encoder):
        raise HTTPException(404, f"there is no model {id!r}: GET /v1/models lists all")
    return Model(id=id)


@router.post(
    "/chat/completions",
    response_model=Completion,
    responses={**responses(404, 422), 200: {"content": {EVENT_STREAM: {"schema": EVENT_SCHEMA}}}},
)
def chat(room: Reader, asked: ChatRequest, request: Request) -> Any:
    """Answer the last message; with `stream`, sentence by sentence."""
    if asked.model != MODEL:
        raise HTTPException(404, f"there is no model {asked.model!r} to ask: name {MODEL}")
    last = asked.messages[-1]
    if last.role != "user":
        raise HTTPException(422, "the last message must be the user's: it is the question")
    answer = answer_of(room, last.text, history_of(_past(asked.messages[:-1])), asked.where)
    completion = _completion(room, asked, answer, f"{str(request.base_url).rstrip('/')}/api/documents")
    if not asked.stream:
        return JSONResponse(completion.model_dump(mode="json"))
    usage = bool(asked.stream_options and asked.stream_options.include_usage)
    return StreamingResponse(_chunks(completion, usage), media_type=EVENT_STREAM, headers=NOT_KEPT)


def _past(messages: list[Message]) -> list[PastTurn]:
    """Return the questions before, each with the lines of the reply to it."""
    turns: list[PastTurn] = []
    for message in messages:
        if message.role == "user":
            turns.append(PastTurn(question=message.text))
        elif message.role == "assistant" and turns:
            turns[-1].sentences += [line for line in message.text.splitlines() if line.strip()]
    return turns


def _completion(room: Room, asked: ChatRequest, answer: Answer, documents: str) -> Completion:
    count = room.desk.chain().searcher.encoder.count_tokens
    content, places = said(answer)
    prompt = sum(count([message.text for message in asked.messages]))
    (completion,) = count([content])
    usage = Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)
    ids = {document.name: document.id for document in room.desk.documents()}
    reply = Reply(content=content, annotations=annotations(answer, places, ids, documents))
    id_ = f"chatcmpl-{uuid.uuid4().hex}"
    now = int(time.time())
    return Completion(id=id_, created=now, model=MODEL, choices=[Choice(message=reply)], usage=usage, answer=answer)


def _chunks(whole: Completion, with_usage: bool) -> Iterator[str]:
    """Yield a completion piece by piece: a line at a time, then the annotations and the Answer."""
    base = {"id": whole.id, "object": "chat.completion.chunk", "created": whole.created, "model": whole.model}
    reply = whole.choices[0].message

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return f"data: {json.dumps({**base, 'choices': [choice], **more}, ensure_ascii=False)}\n\n"

    yield chunk({"role": "assistant", "content": ""})
    for line in reply.content.splitlines(keepends=True):
        yield chunk({"content": line})
    marks = [annotation.model_dump(mode="json") for annotation in reply.annotations]
    yield chunk({"annotations": marks}, "stop", answer=whole.answer.to_dict())
    if with_usage:
        yield f"data: {json.dumps({**base, 'choices': [], 'usage': whole.usage.model_dump()})}\n\n"
    yield "data: [DONE]\n\n"
