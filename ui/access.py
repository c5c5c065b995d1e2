"""Who may come in, and how far: passwords, no other site's requests, only what the page needs of Gradio.

One rule for the page and every route, as ASGI middleware, so that a route cannot forget it.

Gradio has many routes that our page does not use (files, uploads, deep links, plain calls), and it resolves anything
in a question that looks like a file of its own, `{"path": ...}`, by copying that file to where it can be fetched. So
only the few routes that the page calls are open, and what goes into its queue may be text and nothing else.
"""

import base64
import binascii
import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "rag_browser"
COOKIE_SECONDS = 400 * 24 * 3600  # the longest that browsers keep one
OWN_COOKIE = re.compile(rf"(?:^|;)\s*{COOKIE}=([0-9a-f]{{32}})\s*(?=;|$)")
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
MAX_QUEUE_BYTES = 200_000
MAX_PAGES = 10_000
GRADIO = "/gradio_api/"
GRADIO_OPEN = ("queue/join", "queue/data", "heartbeat/", "startup-events", "app_id")
CLOSED = ("/proxy=", "/dev/", "/openapi.json", "/monitoring", "/login", "/logout", "/docs", "/redoc", "/file")
SECURITY_HEADERS = {
    # subtle: Gradio's page starts with scripts of its own inside the page and compiles templates, hence the two
    # 'unsafe'; nothing of a document is ever made into markup, and nothing but this origin can be reached.
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:;"
        " object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


class Access:
    """Let a request through, or answer it with what is wrong."""

    def __init__(self, app: ASGIApp, host: str, users: Mapping[str, str]) -> None:
        self.app = app
        self.hosts = {*LOCAL_HOSTS, host}
        self.any_host = bool(users) and host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        self.users = dict(users)
        self.pages: OrderedDict[str, str] = OrderedDict()  # the owner of each of Gradio's sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, and put our headers on the response."""
        if scope["type"] == "websocket":  # the page has none
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        fresh = None if browser_of(Headers(scope=scope)) else secrets.token_hex(16)
        if fresh:
            # This very request knows the browser by it, too.
            others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
            scope["headers"] = [*others, (b"cookie", f"{COOKIE}={fresh}".encode())]
        sending = _with_headers(send, fresh)
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["method"], scope["path"], headers)
        if refusal is None and scope["path"].startswith(GRADIO):
            request = Request(scope, receive)
            body = await _limited_body(request)
            refusal = self._gradio_refusal(request, body, owner_of(headers, self.users))
            receive = _again(body, receive)
        if refusal is None:
            await self.app(scope, receive, sending)
        else:
            await refusal(scope, receive, sending)

    def _refusal(self, method: str, path: str, headers: Headers) -> PlainTextResponse | None:
        host = headers.get("host", "")
        if not self.any_host and _host_name(host) not in self.hosts:
            return PlainTextResponse("this server is not called by that name\n", 421)
        origin = headers.get("origin")
        if method not in ("GET", "HEAD") and origin is not None and origin.partition("://")[2] != host:
            return PlainTextResponse("requests from other sites are refused\n", 403)
        if self.users and user_of(headers, self.users) is None:
            return PlainTextResponse(
                "a user name and a password are needed\n",
                401,
                {"www-authenticate": 'Basic realm="checkable-rag", charset="UTF-8"'},
            )
        is_closed = path.startswith(GRADIO) and not path.removeprefix(GRADIO).startswith(GRADIO_OPEN)
        if is_closed or path.startswith(CLOSED):
            return PlainTextResponse("not found\n", 404)
        return None

    def _gradio_refusal(self, request: Request, body: bytes | None, owner: str) -> PlainTextResponse | None:
        """Refuse what is no plain text for the queue, and a session of somebody else's."""
        if body is None:
            return PlainTextResponse("the request is too large\n", 413)
        session = parse_qs(request.scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
        if request.scope["path"].startswith(f"{GRADIO}heartbeat/"):
            session = request.scope["path"].rpartition("/")[2]
        if body:
            try:
                value = json.loads(body)
            except (ValueError, RecursionError):
                value = None
            if not _is_plain(value):
                return PlainTextResponse("only text can be asked\n", 422)
            session = value.get("session_hash", "")
        if session:
            self.pages.setdefault(session, owner)
            self.pages.move_to_end(session)
            if len(self.pages) > MAX_PAGES:
                self.pages.popitem(last=False)
            if self.pages[session] != owner:
                return PlainTextResponse("this is another page's\n", 403)
        return None


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


async def _limited_body(request: Request) -> bytes | None:
    """Return the body, or None if it is too large."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_QUEUE_BYTES:
            return None
    return body


def _again(body: bytes | None, receive: Receive) -> Receive:
    """Give a body that was read to whoever reads it next."""
    messages: list[Message] = [{"type": "http.request", "body": body or b"", "more_body": False}]

    async def receiving() -> Message:
        return messages.pop() if messages else await receive()

    return receiving


def _with_headers(send: Send, fresh: str | None) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
            if fresh:
                headers.append(
                    "set-cookie",
                    f"{COOKIE}={fresh}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict",
                )
        await send(message)

    return sending


def owner_of(headers: Mapping[str, str], users: Mapping[str, str]) -> str:
    """Return whose conversations a request may see: the user's, or, without users, the browser's."""
    user = user_of(headers, users) if users else None
    return f"user:{user}" if user is not None else f"browser:{browser_of(headers)}"


def user_of(headers: Mapping[str, str], users: Mapping[str, str]) -> str | None:
    """Return the user whose name and password a request carries (HTTP Basic, RFC 7617), or None."""
    kind, _, coded = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(coded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    expected = users.get(name, "")
    # Compared in the same time whatever is wrong, and also if there is no such user.
    same = secrets.compare_digest(password.encode(), expected.encode())
    return name if same and name in users else None


def browser_of(headers: Mapping[str, str]) -> str:
    """Return the browser's own number, or nothing. Cookies of other programs on this machine come along, too."""
    found = OWN_COOKIE.search(headers.get("cookie", ""))
    return found[1] if found else ""


def _host_name(host: str) -> str:
    return host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
