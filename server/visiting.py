"""What every route asks first: who is it, what do they see, and may they do this."""

from collections.abc import Callable
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


def _needs(role: Role) -> Callable[..., Room]:
    def checked(request: Request) -> Room:
        room = room_of(request)
        if not room.visitor.may(role):
            raise HTTPException(403, f"this needs the role {role}: `rag user change NAME --role {role}`")
        return room

    return checked


Reader = Annotated[Room, Depends(_needs(Role.READER))]
Editor = Annotated[Room, Depends(_needs(Role.EDITOR))]
Admin = Annotated[Room, Depends(_needs(Role.ADMIN))]


def example(value: Any) -> dict[str, Any]:
    """Return what a field's documentation needs to show an example."""
    return {"examples": [value]}
