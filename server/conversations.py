"""`/api/conversations`, `/api/turns`, `/api/feedback`: what was asked before, its sources, and what people thought."""

from dataclasses import asdict
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from rag.answer import Answer
from rag.transcript import as_json, as_markdown
from server.ask import answer_of
from server.documents import picture
from server.problems import responses
from server.visiting import Admin, Reader, Room, Words, example
from ui.conversations import Conversation, StoredTurn
from ui.talk import history, nearest

Number = Annotated[int, Path(ge=1, le=10_000, description="A source's number; the passages' go on above the sources'")]


class Title(BaseModel):
    """A conversation's title."""

    model_config = ConfigDict(json_schema_extra=example({"title": "The lease"}))

    title: Words = Field(min_length=1, max_length=500, pattern=r"\S")


class NextQuestion(BaseModel):
    """A question in a conversation; "When was it built?" knows what "it" is."""

    model_config = ConfigDict(json_schema_extra=example({"question": "When does the lease end?"}))

    question: Words = Field(max_length=20_000)
    where: Words = Field("", max_length=1_000, description="Only documents like this: `path:reports/* date>=2024`")


class Turn(BaseModel):
    """A question of a conversation with its answer; without one, `note` says why."""

    id: str
    question: str
    answer: Answer | None
    note: str = ""
    thumb: str | None = None


class Feedback(BaseModel):
    """A thumb on a turn; an empty one takes it back."""

    model_config = ConfigDict(json_schema_extra=example({"thumb": "up", "comment": "just what I needed"}))

    thumb: Literal["up", "down", ""]
    comment: Words = Field("", max_length=2_000)


class Rated(BaseModel):
    """The thumb that a turn has now."""

    thumb: str


class Entry(BaseModel):
    """A thumb, and what it is on."""

    created: str
    thumb: str
    comment: str
    question: str
    answer: Answer | None


class Around(BaseModel):
    """A source with the text around it. `there` is false if the document no longer says this there."""

    id: int | None = Field(description="The document's")
    document: str
    start: int
    end: int
    quote: str
    heading: list[str]
    place: str
    there: bool
    gone: bool
    before: str
    after: str
    pages: bool = False


class PageTop(BaseModel):
    """A page that a source stands on, and how far down its first line is (a fraction of the page)."""

    page: int
    top: float


class Pages(BaseModel):
    """The pages that a source stands on."""

    pages: list[PageTop]


class Id(BaseModel):
    """The conversation that was made, changed or deleted."""

    id: str


router = APIRouter(prefix="/api", tags=["Conversations"])


@router.get("/conversations", responses=responses(422))
def conversations(room: Reader, words: Annotated[Words, Query(max_length=1_000)] = "") -> list[Conversation]:
    """List the conversations of the one who asks in a collection, newest first; with `words`, those that have them."""
    return room.conversations.listed(room.owner, words)


@router.post("/conversations", responses=responses(422))
def start(room: Reader, title: Title) -> Id:
    """Begin a conversation."""
    return Id(id=room.conversations.start(room.owner, title.title))


@router.get("/conversations/{id}", response_model=list[Turn], responses=responses(404, 422))
def turns(room: Reader, id: str) -> Response:
    """Return the turns of a conversation, oldest first."""
    room = _holding(room, id)
    # As they were kept, by whatever version of this program.
    return JSONResponse([asdict(turn) for turn in room.conversations.turns(room.owner, id)])


@router.post("/conversations/{id}/turns", responses=responses(404, 422))
def ask_next(room: Reader, id: str, asked: NextQuestion) -> Turn:
    """Answer a question that may lean on the conversation, and keep both in it."""
    room = _holding(room, id)
    answer = answer_of(room, asked.question, history(room.conversations.turns(room.owner, id)), asked.where)
    try:
        turn = room.conversations.add(room.owner, id, asked.question, answer.to_dict())
    except KeyError as error:
        raise HTTPException(404, "the conversation was deleted meanwhile") from error
    return Turn(id=turn, question=asked.question, answer=answer)


@router.patch("/conversations/{id}", responses=responses(404, 422))
def rename(room: Reader, id: str, title: Title) -> Id:
    """Give a conversation another title."""
    room = _holding(room, id)
    room.conversations.rename(room.owner, id, title.title)
    return Id(id=id)


@router.delete("/conversations/{id}", responses=responses(404, 422))
def delete(room: Reader, id: str) -> Id:
    """Delete a conversation with all its answers."""
    room = _holding(room, id)
    room.conversations.delete(room.owner, id)
    return Id(id=id)


@router.get(
    "/conversations/{id}/export.{form}",
    response_class=Response,
    responses={**responses(404, 422), 200: {"content": {"application/json": {}, "text/markdown": {}}}},
)
def export(room: Reader, id: str, form: Literal["json", "md"]) -> Response:
    """Return a conversation as a file, with every quote."""
    room = _holding(room, id)
    title = next(c.title for c in room.conversations.listed(room.owner) if c.id == id)
    kept = room.conversations.turns(room.owner, id)
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(title[:60], safe='')}.{form}"}
    if form == "json":
        return JSONResponse(as_json(title, kept), headers=headers)
    return PlainTextResponse(as_markdown(title, kept), headers=headers, media_type="text/markdown")


@router.get("/turns/{id}/sources/{number}", responses=responses(404, 422))
def source(room: Reader, id: str, number: Number) -> Around:
    """Return a source of a turn in its document."""
    room, place = _place(room, id, number)
    return Around.model_validate(room.desk.in_document(place))


@router.get("/turns/{id}/sources/{number}/pages", responses=responses(404, 409, 422))
def source_pages(room: Reader, id: str, number: Number) -> Pages:
    """Return the pages that a source stands on."""
    room, place = _place(room, id, number)
    found = room.desk.pages(place)
    tops = [(mark.page, min((box[1] for box in mark.boxes), default=0.0)) for mark in found.marks]
    return Pages(pages=[PageTop(page=page, top=top) for page, top in tops])


@router.get(
    "/turns/{id}/sources/{number}/page.png",
    response_class=Response,
    responses={**responses(404, 409, 422), 200: {"content": {"image/png": {}}}},
)
def source_page(room: Reader, id: str, number: Number, page: Annotated[int, Query(ge=1, le=1_000_000)]) -> Response:
    """Return a page that a source stands on, with the quote painted over."""
    room, place = _place(room, id, number)
    return picture(room.desk.pages(place).draw(page).png)


@router.put("/feedback/{turn}", responses=responses(404, 422), tags=["Feedback"])
def rate(room: Reader, turn: str, feedback: Feedback) -> Rated:
    """Say whether an answer was helpful."""
    rated = (there.conversations.rate(room.owner, turn, feedback.thumb, feedback.comment) for there in room.around())
    if not any(rated):
        raise HTTPException(404, "there is no such answer")
    return Rated(thumb=feedback.thumb)


@router.get("/feedback", response_model=list[Entry], responses=responses(), tags=["Feedback"])
def feedback(room: Admin) -> Response:
    """Return what everybody thought of their answers in a collection, oldest first, without who they are."""
    return JSONResponse(room.conversations.feedback())


def _place(room: Room, turn: str, number: int) -> tuple[Room, dict[str, Any]]:
    """Return a source of a turn, or, above their number, what was nearest, and the collection that it is in."""
    found: tuple[Room, StoredTurn] | None = next(
        ((there, kept) for there in room.around() if (kept := there.conversations.turn(room.owner, turn))), None
    )
    if found is None:
        raise HTTPException(404, "there is no such answer")
    there, stored = found
    places = [*stored.answer["sources"], *nearest(stored.answer)] if stored.answer else []
    if number > len(places):
        raise HTTPException(404, "there is no such source")
    return there, places[number - 1]


def _holding(room: Room, conversation: str) -> Room:
    """Return the visitor's collection that a conversation is in, in which it goes on."""
    for there in room.around():
        if there.conversations.owns(room.owner, conversation):
            return there
    raise HTTPException(404, "there is no such conversation")
