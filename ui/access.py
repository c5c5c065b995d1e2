"""Who may come in: a password for everyone but this machine, no other site's requests, headers that shut pages in.

One rule for the page and every route, as ASGI middleware, so that a route cannot forget it.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from http.cookies import SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "rag_browser"
COOKIE_SECONDS = 400 * 24 * 3600  # the longest that browsers keep one
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, and put our headers on the response."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        browser = _browser(headers)
        refusal = self._refusal(scope["method"], headers)
        if refusal is not None:
            await refusal(scope, receive, self._with_headers(send, None))
            return
        fresh = None if browser else secrets.token_hex(16)
        if fresh:
            # This very request knows the browser by it, too.
            scope["headers"] = [*scope["headers"], (b"cookie", f"{COOKIE}={fresh}".encode())]
        await self.app(scope, receive, self._with_headers(send, fresh))

    def _refusal(self, method: str, headers: Headers) -> PlainTextResponse | None:
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
        return None

    def _with_headers(self, send: Send, fresh: str | None) -> Send:
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
    return f"user:{user}" if user is not None else f"browser:{_browser(headers)}"


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


def _browser(headers: Mapping[str, str]) -> str:
    cookie = SimpleCookie()
    cookie.load(headers.get("cookie", ""))
    value = cookie[COOKIE].value if COOKIE in cookie else ""
    return value if len(value) == 32 and value.isalnum() else ""


def _host_name(host: str) -> str:
    return host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
