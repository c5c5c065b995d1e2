"""What is open of Gradio: the few routes that our page calls, with text and nothing else going in.

Gradio has many routes that our page does not use (files, uploads, deep links, plain calls), and it resolves anything
in a question that looks like a file of its own, `{"path": ...}`, by copying that file to where it can be fetched.
"""

import json
from collections import OrderedDict
from typing import Any
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

MAX_QUEUE_BYTES = 200_000
MAX_PAGES = 10_000
GRADIO = "/gradio_api/"
HEARTBEAT = f"{GRADIO}heartbeat/"
OPEN = ("queue/join", "queue/data", "heartbeat/", "startup-events", "app_id")


class GradioGate:
    """Refuse what the page does not need, and a page's session to anybody but its owner."""

    def __init__(self) -> None:
        self.pages: OrderedDict[str, str] = OrderedDict()  # the owner of each of Gradio's sessions

    def is_gradio(self, path: str) -> bool:
        """Say whether a path is one of Gradio's own."""
        return path.startswith(GRADIO)

    async def checked(self, scope: Scope, path: str, receive: Receive, owner: str) -> Receive:
        """Return what gives the request's body, which was read. Raises HTTPException."""
        if not path.removeprefix(GRADIO).startswith(OPEN):
            raise HTTPException(404, "not found")
        body = await _body(Request(scope, receive))
        session = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
        if path.startswith(HEARTBEAT):
            session = path.rpartition("/")[2]
        if body:
            session = _session_of(body)
        if session:
            self.pages.setdefault(session, owner)
            self.pages.move_to_end(session)
            if len(self.pages) > MAX_PAGES:
                self.pages.popitem(last=False)
            if self.pages[session] != owner:
                raise HTTPException(403, "this is another page's")
        return _again(body, receive)


def _session_of(body: bytes) -> str:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not _is_plain(value):
        raise HTTPException(422, "only text can be asked")
    return str(value["session_hash"])


def _is_plain(value: Any) -> bool:
    """Say whether it is an event of our page: its data text or nothing, its event data a few named texts."""
    if not isinstance(value, dict) or not isinstance(value.get("session_hash"), str):
        return False
    data, event = value.get("data"), value.get("event_data")
    named = event is None or (
        isinstance(event, dict)
        and event.keys() <= {"action", "turn", "question", "conversation"}
        and all(text is None or isinstance(text, str) for text in event.values())
    )
    return named and isinstance(data, list) and all(text is None or isinstance(text, str) for text in data)


async def _body(request: Request) -> bytes:
    """Return the body. Raises HTTPException if it is too large."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_QUEUE_BYTES:
            raise HTTPException(413, "the request is too large")
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read to whoever reads it next."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return messages.pop() if messages else await receive()

    return receiving
