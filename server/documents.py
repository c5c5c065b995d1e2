"""`/api/documents`: what is indexed, adding and removing, a document's text and pages."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, HTTPException, Path, Query, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, Field

from index.parsing import FORMATS
from server.access import MAX_UPLOAD_BYTES
from server.problems import responses
from server.visiting import Editor, Reader, Room, Words, example
from ui.desk import Listed

GONE = "the document is not indexed (any more)"
Id = Annotated[int, Path(ge=1, le=2**62, description="A document's `id`; a document that changes gets another")]


class Documents(BaseModel):
    """What is indexed, and what can be added by whoever asks."""

    documents: list[Listed]
    passages: int
    formats: list[str] = Field(description="The formats that are read")
    limit: int = Field(description="The largest file, in bytes")
    may_edit: bool = Field(description="Whether the one who asks may add and remove")
    uploads: str = Field(description="The folder, beside the index, of what is added")


class Text(BaseModel):
    """A document's text as it was extracted, or a part of it: offsets are characters."""

    document: str
    start: int
    end: int
    text: str


class Kept(BaseModel):
    """A file that was added, by the name it has now."""

    name: str
    detail: None = None


class Removed(BaseModel):
    """A document that was removed."""

    removed: str


class Skipped(BaseModel):
    """A file that could not be read."""

    document: str
    reason: str


class Reread(BaseModel):
    """What reading the files again has changed."""

    changed: int
    removed: int
    skipped: list[Skipped]


router = APIRouter(prefix="/api/documents", tags=["Documents"])


@router.get("", responses=responses(422))
def documents(
    room: Reader, name: Annotated[Words | None, Query(max_length=4_096, description="Only the one of this name")] = None
) -> Documents:
    """List the documents."""
    listed = [document for document in room.desk.documents() if name in (None, document.name)]
    return Documents(
        documents=listed,
        passages=sum(document.chunks for document in listed),
        formats=[kind.name for kind in FORMATS],
        limit=MAX_UPLOAD_BYTES,
        may_edit=room.may_edit,
        uploads=room.desk.uploads.name,
    )


@router.post("", responses=responses(422))
async def upload(room: Editor, file: UploadFile) -> Kept:
    """Keep and index one file. Status 422 with the reason if it cannot be read."""
    # Browsers write quotes and line ends of a name in this way (HTML standard, multipart/form-data).
    name = (file.filename or "unnamed").replace("%22", '"').replace("%0A", "\n").replace("%0D", "\r")
    data = await file.read(MAX_UPLOAD_BYTES + 1)
    if len(data) > MAX_UPLOAD_BYTES:
        raise HTTPException(413, f"larger than {MAX_UPLOAD_BYTES // 1_000_000} MB")
    return Kept(name=await anyio.to_thread.run_sync(room.desk.keep, name, data))


@router.post("/reread", responses=responses())
def reread(room: Editor) -> Reread:
    """Read the indexed files again, and nothing else: what changed is indexed anew, what is gone is removed."""
    return Reread.model_validate(room.desk.reread())


@router.get("/{id}", responses=responses(404, 422))
def status(room: Reader, id: Id) -> Listed:
    """Return what is known of a document."""
    return _document(room, id)


@router.delete("/{id}", responses=responses(404, 422))
def remove(room: Editor, id: Id) -> Removed:
    """Take a document out of the index. An uploaded one's file is deleted; any other file stays where it is."""
    name = _document(room, id).name
    if not room.desk.remove(name):
        raise HTTPException(404, GONE)
    return Removed(removed=name)


@router.get("/{id}/text", responses=responses(404, 422))
def text(
    room: Reader,
    id: Id,
    start: Annotated[int, Query(ge=0, le=2**40, **example(0))] = 0,
    end: Annotated[int | None, Query(ge=0, le=2**40)] = None,
) -> Text:
    """Return the text of a document, or the part from `start` to `end`, so that a citation can be checked."""
    name = _document(room, id).name
    whole = room.desk.text(name)
    if whole is None:
        raise HTTPException(404, GONE)
    part = whole[start:end]
    return Text(document=name, start=min(start, len(whole)), end=min(start, len(whole)) + len(part), text=part)


@router.get(
    "/{id}/page/{number}.png",
    response_class=Response,
    responses={**responses(404, 409, 422), 200: {"content": {"image/png": {}}}},
)
def page(
    room: Reader,
    id: Id,
    number: Annotated[int, Path(ge=1, le=1_000_000)],
    span: Annotated[str, Query(pattern=r"^\d{1,9}-\d{1,9}$", **example("1364-1561"))],
) -> Response:
    """Return a page of a PDF as a picture, with the characters of `span` painted over that stand on it."""
    name = _document(room, id).name
    start, end = map(int, span.split("-"))
    whole = room.desk.text(name)
    if whole is None:
        raise HTTPException(404, GONE)
    found = room.desk.pages({"document": name, "start": start, "end": end, "quote": whole[start:end], "heading": ()})
    return picture(found.draw(number).png)


def picture(png: bytes) -> Response:
    """Return a picture that a browser may keep for its user, if it asks each time whether it is still so."""
    return Response(png, media_type="image/png", headers={"cache-control": "private, no-cache"})


def _document(room: Room, id: int) -> Listed:
    found = room.desk.documents(id)
    if not found:
        raise HTTPException(404, GONE)
    return found[0]
