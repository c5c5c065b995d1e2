"""`/api/collections`: which collections there are for the one who asks."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from server.problems import responses
from server.visiting import Reader


class Counted(BaseModel):
    """A collection, and how much of it there is for the one who asks."""

    name: str = Field(description="What `collection` says in any other request")
    documents: int
    passages: int


router = APIRouter(prefix="/api/collections", tags=["Collections"])


@router.get("", responses=responses())
def collections(room: Reader) -> list[Counted]:
    """List the collections of the one who asks; the first is meant where a request names none."""
    rooms = [room.beside(name) for name in room.names]
    counts = [(there.name, *there.desk.counts()) for there in rooms]
    return [Counted(name=name, documents=documents, passages=passages) for name, documents, passages in counts]
