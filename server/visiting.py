"""What every route asks first: who is it, what do they see, and may they do this."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from pydantic import AfterValidator

from ui.conversations import Conversations
from ui.desk import Desk
from ui.visitor import Role, Visitor, visitor_of


def _encodable(text: str) -> str:
    """Return the text. Raises ValueError if it holds half of a character, which no file can."""
    text.encode("utf-8")
    return text


Words = Annotated[str, AfterValidator(_encodable)]


@dataclass(frozen=True)
class Room:
    """What a visitor finds: the documents that exist for them, and the conversations, which ask for the owner."""

    visitor: Visitor
    desk: Desk
    conversations: Conversations

    @property
    def owner(self) -> str:
        """Return whose conversations these are."""
        return self.visitor.owner

    @property
    def may_edit(self) -> bool:
        """Say whether the visitor may add and remove documents."""
        return self.visitor.may(Role.EDITOR)


def room_of(request: Request) -> Room:
    """Return what the sender of a request finds."""
    visitor = visitor_of(request.scope)
    state = request.app.state
    return Room(visitor, state.desk.seen_by(visitor.only), state.conversations)


@dataclass(frozen=True)
class Needs:
    """A route's demand: who sends the request must have this role, or one above it."""

    role: Role

    def __call__(self, request: Request) -> Room:
        """Return what the sender finds. Raises HTTPException 403."""
        room = room_of(request)
        if not room.visitor.may(self.role):
            raise HTTPException(403, f"this needs the role {self.role}: `rag user change NAME --role {self.role}`")
        return room


Reader = Annotated[Room, Depends(Needs(Role.READER))]
Editor = Annotated[Room, Depends(Needs(Role.EDITOR))]
Admin = Annotated[Room, Depends(Needs(Role.ADMIN))]


def example(value: Any) -> dict[str, Any]:
    """Return what a field's documentation needs to show an example."""
    return {"examples": [value]}
