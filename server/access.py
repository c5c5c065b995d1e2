"""Who may come in, and how far: passwords and tokens, no other site's requests, only what the page needs of Gradio.

One rule for the page and every route, as ASGI middleware, so that a route cannot forget it. It also puts the
`Visitor` into the request's scope, the path below the proxy's prefix, and our headers on every response.
"""

import asyncio
import base64
import binascii
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from math import ceil

import anyio.to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.collections import DEFAULT
from index.errors import RagError
from index.filters import parse_filter
from server.accounts import Accounts, User
from server.gradio_gate import GradioGate
from server.problems import problem
from server.public import Public
from server.throttle import Throttle
from ui.visitor import KEY, Role, Visitor

logger = logging.getLogger("rag")

COOKIE = "rag_browser"
COOKIE_SECONDS = 400 * 24 * 3600  # the longest that browsers keep one
OWN_COOKIE = re.compile(rf"(?:^|;)\s*{COOKIE}=([0-9a-f]{{32}})\s*(?=;|$)")
OPEN = ("/healthz", "/readyz")  # to anybody: they say whether it works, and nothing else
FORWARDED = {"forwarded", "x-forwarded-for", "x-real-ip"}
MAX_BODY_BYTES = 2_000_000
MAX_UPLOAD_BYTES = 25_000_000
UPLOADS = "/api/documents"
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
    """Let a request through, or answer it with what is wrong. `on_failure` is told of every wrong password or token."""

    def __init__(
        self,
        app: ASGIApp,
        accounts: Accounts,
        public: Public,
        throttle: Throttle | None = None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self.app = app
        self.accounts = accounts
        self.public = public
        self.throttle = throttle or Throttle()
        self.on_failure = on_failure
        self.gradio = GradioGate()
        self._checking = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, and put our headers on the response."""
        if scope["type"] == "websocket":  # the page has none
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), self._enter_prefix(scope)
        browser = browser_of(headers)
        fresh = "" if browser else secrets.token_hex(16)
        sending = self._with_headers(send, fresh)
        try:
            self._check_site(scope["method"], headers)
            self._name_as_public(scope)
            if path not in OPEN:
                scope[KEY] = await self._visitor(scope, headers, browser or fresh)
            if path.startswith(CLOSED):
                raise HTTPException(404, "not found")
            receive = _limited(receive, MAX_UPLOAD_BYTES + 100_000 if path == UPLOADS else MAX_BODY_BYTES)
            if self.gradio.is_gradio(path):
                receive = await self.gradio.checked(scope, path, receive, scope[KEY].owner)
        except HTTPException as refusal:
            response = problem(path, refusal.status_code, refusal.detail, refusal.headers)
            await response(scope, receive, sending)
            return
        except RagError as error:
            logger.warning("nobody can be let in: %s", error)  # a stranger is not told where users are kept
            await problem(path, 503, "users cannot be looked up at the moment")(scope, receive, sending)
            return
        await self.app(scope, receive, sending)

    def _enter_prefix(self, scope: Scope) -> str:
        """Tell the application the prefix that it is below, whether or not the proxy takes it off; return the rest."""
        prefix, path = self.public.prefix, str(scope["path"])
        if not prefix:
            return path
        if path != prefix and not path.startswith(f"{prefix}/"):
            scope["path"] = prefix + path
            scope["raw_path"] = prefix.encode() + (scope.get("raw_path") or path.encode())
        scope["root_path"] = prefix
        return str(scope["path"]).removeprefix(prefix) or "/"

    def _name_as_public(self, scope: Scope) -> None:
        """Have the application write addresses as people use them, whatever of it the proxy passes on."""
        if self.public.url:
            scope["scheme"], _, host = self.public.origin.partition("://")
            passed_on = [pair for pair in scope["headers"] if pair[0] not in (b"host", b"x-forwarded-host")]
            scope["headers"] = [(b"host", host.encode()), *passed_on]

    def _check_site(self, method: str, headers: Headers) -> None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self.public.is_called(host):
            raise HTTPException(421, "this server is not called by that name")
        if method in ("GET", "HEAD") or origin is None or origin == self.public.origin:
            return
        if origin.partition("://")[2] != host:
            raise HTTPException(403, "requests from other sites are refused")

    async def _visitor(self, scope: Scope, headers: Headers, browser: str) -> Visitor:
        """Return who sent the request. Raises HTTPException 401, 403 or 429."""
        # In threads: a database that does not answer must not hold up everybody else.
        if self.public.is_local and not await anyio.to_thread.run_sync(self.accounts.any):
            # Somebody put a proxy before a server that takes everybody for its owner.
            if FORWARDED & set(headers.keys()):
                raise HTTPException(
                    403, "this came through a proxy: `rag serve --url` says its address, after `rag user add`"
                )
            return Visitor(f"browser:{browser}")
        kind, _, given = headers.get("authorization", "").partition(" ")
        address = scope["client"][0] if scope.get("client") else ""
        user: User | None = None
        if kind.lower() == "bearer":
            user = await anyio.to_thread.run_sync(self.accounts.by_token, given.strip())
        elif named := _name_and_password(kind, given):
            user = await self._by_password(address, *named)
        if user is None:
            if given:
                self.on_failure()
            challenge = {"www-authenticate": 'Basic realm="checkable-rag", charset="UTF-8"'}
            raise HTTPException(401, "a user name and a password are needed, or a token", challenge)
        collections = None if user.role is Role.ADMIN else user.collections or (DEFAULT,)
        return Visitor(f"user:{user.name}", user.role, parse_filter(user.documents), collections)

    async def _by_password(self, address: str, name: str, password: str) -> User | None:
        # subtle: one at a time, so that a hundred guesses at once do not all come before the first is counted.
        async with self._checking:
            seconds = self.throttle.wait(address, name)
            if seconds:
                raise HTTPException(429, "too many wrong passwords: wait", {"retry-after": str(ceil(seconds))})
            user = await anyio.to_thread.run_sync(self.accounts.by_password, name, password)
            if user is None:
                self.throttle.failed(address, name)
            else:
                self.throttle.succeeded(address, name)
        return user

    def _with_headers(self, send: Send, fresh: str) -> Send:
        cookie = (
            f"{COOKIE}={fresh}; Path={self.public.prefix}/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict"
            f"{'; Secure' if self.public.is_secure else ''}"
        )

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                if fresh:
                    headers.append("set-cookie", cookie)
            await send(message)

        return sending


def _limited(receive: Receive, limit: int) -> Receive:
    """Read no more of a body than `limit` bytes, whatever its header says."""
    size = 0

    async def receiving() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise HTTPException(413, f"the request is larger than {limit:,} bytes")
        return message

    return receiving


def _name_and_password(kind: str, coded: str) -> tuple[str, str] | None:
    """Return what HTTP Basic (RFC 7617) carries."""
    if kind.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(coded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


def browser_of(headers: Mapping[str, str]) -> str:
    """Return the browser's own number, or nothing. Cookies of other programs on this machine come along, too."""
    found = OWN_COOKIE.search(headers.get("cookie", ""))
    return found[1] if found else ""
