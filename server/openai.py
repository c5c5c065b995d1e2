"""`/v1`: what clients of OpenAI's API call, so that they find our answers where they look for a model's.

The model `checkable-rag` is the collection that is opened first, `checkable-rag/legal` the one called legal.
The last message is the question, and those before it what it may lean on. The text of the answer has `[n]` behind
every sentence; where these stand is in `annotations`, and the whole Answer in `answer`, a field of our own. What steers
a language model (`temperature`, system messages and so on) is read over: the documents alone say what is answered, and
the server's own setting which language model, if any, writes it.
"""

import json
import time
import uuid
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from index.errors import RagError
from rag.answer import Answer
from rag.stages import Step
from server.annotations import Annotation, CitedText, growing
from server.ask import EVENT_SCHEMA, EVENT_STREAM, NOT_KEPT, PastTurn, history_of
from server.problems import openai_error, responses, status_of
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
    """Tokens of the messages and of the reply, as the encoder counts them.

    What a language model has read and written for it is in `answer.writing`.
    """

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
    """List what can be asked, each collection by a name of its own if there are several, and what encodes."""
    return Models(data=[Model(id=id) for id in _ids(room)])


@router.get("/models/{id:path}", responses=responses(404))
def model(room: Reader, id: str) -> Model:
    """Return one of the models."""
    if id not in _ids(room):
        raise HTTPException(404, f"there is no model {id!r}: GET /v1/models lists all")
    return Model(id=id)


def _ids(room: Room) -> list[str]:
    several = [f"{MODEL}/{name}" for name in room.names] if len(room.names) > 1 else []
    return [MODEL, *several, room.desk.settings.encoder]


@router.post(
    "/chat/completions",
    response_model=Completion,
    responses={**responses(404, 422), 200: {"content": {EVENT_STREAM: {"schema": EVENT_SCHEMA}}}},
)
def chat(room: Reader, asked: ChatRequest, request: Request) -> Any:
    """Answer the last message; with `stream`, sentence by sentence."""
    name, _, collection = asked.model.partition("/")
    if name != MODEL:
        raise HTTPException(404, f"there is no model {asked.model!r} to ask: name {MODEL}")
    room = room.beside(collection) if collection else room
    last = asked.messages[-1]
    if last.role != "user":
        raise HTTPException(422, "the last message must be the user's: it is the question")
    reply = _Reply(room, asked, f"{str(request.base_url).rstrip('/')}/api/documents")
    steps = room.desk.ask(last.text, history_of(_past(asked.messages[:-1])), asked.where)
    if not asked.stream:
        for _ in reply.pieces(steps):
            pass
        return JSONResponse(reply.completion().model_dump(mode="json"))
    first = next(steps)  # what is wrong with the question is said by the status
    return StreamingResponse(_chunks(reply, chain([first], steps)), media_type=EVENT_STREAM, headers=NOT_KEPT)


def _past(messages: list[Message]) -> list[PastTurn]:
    """Return the questions before, each with the lines of the reply to it."""
    turns: list[PastTurn] = []
    for message in messages:
        if message.role == "user":
            turns.append(PastTurn(question=message.text))
        elif message.role == "assistant" and turns:
            turns[-1].sentences += [line for line in message.text.splitlines() if line.strip()]
    return turns


class _Reply:
    """A reply that is being made from the steps of an answer."""

    def __init__(self, room: Room, asked: ChatRequest, documents: str) -> None:
        ids = {document.name: document.id for document in room.desk.documents()}
        self.asked = asked
        self.text = CitedText(documents, ids, room.name if room.name != room.names[0] else "")
        self.answer: Answer | None = None
        self.base = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": asked.model}
        self._count = room.desk.chain().searcher.encoder.count_tokens

    def pieces(self, steps: Iterable[Step]) -> Iterator[str]:
        """Yield what each checked sentence adds to the text; then the answer is there."""
        for line in growing(steps, self.asked.messages[-1].text, self._keep):
            yield self.text.add(line)

    def _keep(self, answer: Answer) -> None:
        self.answer = answer

    def usage(self) -> Usage:
        """Count the tokens."""
        prompt = sum(self._count([message.text for message in self.asked.messages]))
        (written,) = self._count([self.text.text])
        return Usage(prompt_tokens=prompt, completion_tokens=written, total_tokens=prompt + written)

    def completion(self) -> Completion:
        """Return the whole."""
        assert self.answer is not None, "the last step has the answer"
        choice = Choice(message=Reply(content=self.text.text, annotations=self.text.annotations))
        return Completion.model_validate(
            {**self.base, "choices": [choice], "usage": self.usage(), "answer": self.answer}
        )


def _chunks(reply: _Reply, steps: Iterable[Step]) -> Iterator[str]:
    """Yield a reply piece by piece: a line as soon as it is checked, at last the annotations and the Answer."""

    def chunk(*choices: dict[str, Any], **more: Any) -> str:
        whole = {**reply.base, "object": "chat.completion.chunk", "choices": choices, **more}
        return f"data: {json.dumps(whole, ensure_ascii=False)}\n\n"

    def choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {"index": 0, "delta": delta, "finish_reason": finish}

    yield chunk(choice({"role": "assistant", "content": ""}))
    try:
        for piece in reply.pieces(steps):
            yield chunk(choice({"content": piece}))
    except RagError as error:
        yield f"data: {json.dumps({'error': openai_error(str(error), status_of(error))})}\n\n"
        return
    assert reply.answer is not None, "the last step has the answer"
    marks = [annotation.model_dump(mode="json") for annotation in reply.text.annotations]
    yield chunk(choice({"annotations": marks}, "stop"), answer=reply.answer.to_dict())
    if reply.asked.stream_options and reply.asked.stream_options.include_usage:
        yield chunk(usage=reply.usage().model_dump())
    yield "data: [DONE]\n\n"
