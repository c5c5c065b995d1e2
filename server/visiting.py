"""What every route asks first: who is it, what do they see, and may they do this."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Query, Request
from pydantic import AfterValidator

from ui.collections import Collections
from ui.conversations import Conversations
from ui.desk import Desk
from ui.visitor import Role, Visitor, visitor_of


def _encodable(text: str) -> str:
    """Return the text. Raises ValueError if it holds half of a character, which no file can."""
    text.encode("utf-8")
    return text


Words = Annotated[str, AfterValidator(_encodable)]
CollectionName = Annotated[Words, Query(max_length=100, description="Which collection [the first of the one who asks]")]


@dataclass(frozen=True)
class Room:
    """What a visitor finds in a collection: the documents that exist for them, and conversations, by their owner.

    `is_named` says whether the request named the collection.
    """

    visitor: Visitor
    collections: Collections
    name: str
    desk: Desk
    conversations: Conversations
    is_named: bool = False

    @property
    def owner(self) -> str:
        """Return whose conversations these are."""
        return self.visitor.owner

    @property
    def may_edit(self) -> bool:
        """Say whether the visitor may add and remove documents."""
        return self.visitor.may(Role.EDITOR)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the visitor's collections, the one that is opened first at the beginning."""
        return self.collections.names(self.visitor)

    def beside(self, name: str) -> "Room":
        """Return what the visitor finds in another collection. Raises CollectionMissingError."""
        return room_in(self.collections, self.visitor, name)

    def around(self) -> Iterator["Room"]:
        """Yield the rooms in which an id may be meant: this one, and all of the visitor's if the request named none."""
        yield self
        if not self.is_named:
            yield from (self.beside(name) for name in self.names if name != self.name)


def room_in(collections: Collections, visitor: Visitor, name: str) -> Room:
    """Return what a visitor finds in a collection, in their first one if none is named."""
    found = collections.open(visitor, name)
    desk = found.desk.seen_by(visitor.only)
    return Room(visitor, collections, found.name, desk, found.conversations, bool(name))


@dataclass(frozen=True)
class Needs:
    """A route's demand: who sends the request must have this role, or one above it."""

    role: Role

    def __call__(self, request: Request, collection: CollectionName = "") -> Room:
        """Return what the sender finds. Raises HTTPException 403, CollectionMissingError."""
        visitor = visitor_of(request.scope)
        if not visitor.may(self.role):
            raise HTTPException(403, f"this needs the role {self.role}: `rag user change NAME --role {self.role}`")
        return room_in(request.app.state.collections, visitor, collection)


Reader = Annotated[Room, Depends(Needs(Role.READER))]
Editor = Annotated[Room, Depends(Needs(Role.EDITOR))]
Admin = Annotated[Room, Depends(Needs(Role.ADMIN))]


def example(value: Any) -> dict[str, Any]:
    """Return what a field's documentation needs to show an example."""
    return {"examples": [value]}
