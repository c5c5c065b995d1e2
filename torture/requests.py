"""Requests that no client would send, to every route of a running server, on loopback.

Bodies that are damaged, huge, nested too deep, of a wrong type or no UTF-8; odd headers; uploads that are cut off, or
damaged; chunks that are none. A case fails if the server answers with a 500, or not at all within the limit. Now and
then it must answer a question rightly, and its memory is bounded. `--only NUMBER` sends one case again.
"""

import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torture.fuzz import altered, any_text, damaged
from torture.trials import Tally, scratch
from torture.worlds import AFTER, World, own_word

LIMIT_SECONDS = 10.0
INCOMPLETE_SECONDS = 0.5
MAX_BYTES = 1_500_000_000  # of the server's memory
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
CHECK_EVERY = 50
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW")
TYPES = (
    "application/json",
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "",
)
BODIES: dict[str, object] = {
    "/api/ask": {"question": "What is alpha?", "where": "type=txt", "history": [{"question": "x", "sentences": ["y"]}]},
    "/api/conversations": {"title": "alpha"},
    "/api/feedback/{id}": {"thumb": "up", "comment": "x"},
    "/api/conversations/{id}/turns": {"question": "What is alpha?"},
    "/v1/chat/completions": {"model": "checkable-rag", "messages": [{"role": "user", "content": "What is alpha?"}]},
    "/v1/embeddings": {"model": "words@64", "input": ["alpha", "beta"]},
    "/gradio_api/queue/join": {"data": ["x", None, None, ""], "fn_index": 0, "session_hash": "s", "event_data": None},
}
# A server of the tests' small models over the index in the folder where it is started.
SERVER = """
import sys, uvicorn
from pathlib import Path
from rag.abstention import Gate
from rag.chain import Chain
from index.search import Searcher
from index.store import Store
from rag.settings import Settings
from tests.conftest import META, WordEncoder, WordReranker
from ui import desk
store = Store(Path(".rag"))
desk.index_meta = lambda settings: META
desk.open_chain = lambda settings: Chain(
    Searcher(store, WordEncoder()), WordReranker(), Gate("words", 0, None, None, "by hand"), 5)
from server.app import create_app
uvicorn.run(create_app(desk.Desk(Settings(index=store.folder))), port=int(sys.argv[1]), log_level="critical")
"""
Draw = random.Random


class Target:
    """A server of its own over a small index."""

    def __init__(self, folder: Path) -> None:
        world = World(folder)
        world.write(AFTER)
        world.build()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        root = str(Path(__file__).resolve().parent.parent)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(self.port)], cwd=folder, env={**os.environ, "PYTHONPATH": root}
        )
        deadline = time.monotonic() + 120
        while not self._is_ready():
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.2)
        described = json.loads(self.send(request("GET", "/api/openapi.json", {}, b"")).partition(b"\r\n\r\n")[2])
        self.routes = sorted({*described["paths"], *BODIES, "/", "/ui/chat.js", "/gradio_api/queue/data", "/config"})

    def send(self, data: bytes, *, half: int | None = None, limit: float = LIMIT_SECONDS) -> bytes:
        """Return what comes back; with `half`, hang up after so many bytes. Raises TimeoutError after the limit."""
        with socket.create_connection(("127.0.0.1", self.port), limit) as connection:
            answer, deadline = b"", time.monotonic() + limit
            try:
                connection.sendall(data[:half])
                if half is not None:
                    return b""
                while part := connection.recv(1 << 16):
                    answer += part
                    if time.monotonic() > deadline:
                        raise TimeoutError
            except (ConnectionResetError, BrokenPipeError):  # it has read enough
                pass
            return answer

    def check(self) -> None:
        """Ask a question, and see what the process has taken. Raises AssertionError."""
        body = json.dumps({"question": f"What is {own_word('beta')}?"}).encode()
        answer = self.send(request("POST", "/api/ask", {"content-type": "application/json"}, body))
        status, _, said = answer.partition(b"\r\n\r\n")
        assert STATUS.match(status + b"\r\n"), status[:100]
        claims = json.loads(said)["claims"]
        assert any(own_word("beta") in claim["text"] for claim in claims), claims
        memory = int(Path(f"/proc/{self.process.pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert memory < MAX_BYTES, f"{memory / 1e6:.0f} MB"

    def _is_ready(self) -> bool:
        try:
            return b" 200 " in self.send(request("GET", "/readyz", {}, b""))[:20]
        except OSError:
            return False


@contextmanager
def target() -> Iterator[Target]:
    """Give a server that ends afterwards."""
    with scratch() as folder:
        found = Target(Path(folder))
        try:
            yield found
        finally:
            found.process.kill()
            found.process.wait()


def requests(cases: int, seed: int, only: int | None = None) -> list[Tally]:
    """Send so many requests; `only` sends one of them."""
    tally, began = Tally("requests"), time.monotonic()
    with target() as server:
        for number in range(cases) if only is None else [only]:
            draw = random.Random(f"{seed} request {number}")
            try:
                outcome, failure = sent(draw, server)
                if number % CHECK_EVERY == 0 or only is not None:
                    server.check()
            except (OSError, AssertionError, ValueError) as error:
                outcome, failure = "failed", f"{type(error).__name__}: {str(error)[:300]}"
            tally.add(outcome, f"request {number}: {failure}" if failure else "")
        server.check()
    tally.seconds = time.monotonic() - began
    return [tally]


def sent(draw: Draw, server: Target) -> tuple[str, str]:
    """Send one odd request; return what came of it, and what is wrong with that."""
    route = draw.choice(server.routes)
    method = draw.choice(METHODS) if draw.random() < 0.3 else "POST" if route in BODIES else draw.choice(METHODS[:5])
    ids = ["0", "-1", "x", "%00", "%ff", "..%2f", "9" * 30] + ["1"] * (method != "DELETE")  # no document is removed
    path = re.sub(r"\{\w+\}", lambda _: draw.choice(ids), route)
    headers, body = payload(draw, route)
    if draw.random() < 0.2:
        path += "?" + draw.choice(
            ["question=%ff", "where=" + "x" * 3_000, "k=99999999999999999999", "session_hash=%00", "=&=&="]
        )
    if draw.random() < 0.15:
        name = draw.choice(["content-length", "transfer-encoding", "host", "cookie", "authorization", "x-odd", "range"])
        headers[name] = draw.choice(
            ["", "-1", "99999999", "\xff\xfe", "chunked", "gzip, chunked", "x" * 5_000, "bytes=9-1"]
        )
    whole = request(method, path, headers, body, is_chunked=draw.random() < 0.1)
    if draw.random() < 0.1:
        whole = damaged(draw, whole, [b"\x00\xff", b"\r\n\r\n", whole])
    half = draw.randrange(len(whole)) if draw.random() < 0.15 else None
    answer = answered(server, whole, half)
    status = STATUS.match(answer)
    if half is not None or not status:
        return "no answer" if half is None else "hung up", ""
    code = int(status[1])
    # 501 and 503 say what is not done, and what is not done now.
    is_wrong = code >= 500 and code not in (501, 503)
    return f"{code // 100}xx", f"{code} to {method} {path[:80]}" if is_wrong else ""


def answered(server: Target, whole: bytes, half: int | None) -> bytes:
    """Return what comes back. A request that is not complete has no answer to wait for: it is hung up on."""
    if is_complete(whole):
        return server.send(whole, half=half)
    try:
        return server.send(whole, half=half, limit=INCOMPLETE_SECONDS)
    except TimeoutError:
        alive = server.send(request("GET", "/healthz", {}, b""))
        assert b" 200 " in alive[:20], alive[:100]
        return b""


def is_complete(whole: bytes) -> bool:
    """Say whether a request has all of the body that it promises, as far as its first header says."""
    head, end, body = whole.partition(b"\r\n\r\n")
    promised = re.search(rb"(?i)\r\ncontent-length: *(\d+)\r\n", head + b"\r\n")
    is_chunked = re.search(rb"(?i)\r\ntransfer-encoding:", head) is not None
    is_stream = b"/gradio_api/" in head.partition(b"\r\n")[0]  # news, as long as the page is open
    return bool(end) and not is_stream and not is_chunked and len(body) >= int(promised[1] if promised else 0)


def payload(draw: Draw, route: str) -> tuple[dict[str, str], bytes]:
    """Return headers and a body for a route."""
    if route == "/api/documents" or draw.random() < 0.1:
        return multipart(draw)
    sound = BODIES.get(route, {"question": "What is alpha?"})
    value = sound if draw.random() < 0.3 else altered(draw, sound)
    body = json.dumps(value).encode("utf-8", "surrogatepass")
    kind = draw.randrange(8)
    if kind == 0:
        body = damaged(draw, body, [body])
    elif kind == 1:
        depth = draw.choice([50, 5_000, 100_000])
        body = b'{"question":' + b"[" * depth + b"]" * depth + b"}"
    elif kind == 2:
        body = json.dumps({"question": "x" * draw.choice([30_000, 2_500_000]), "history": [{}] * 500}).encode()
    elif kind == 3:
        body = any_text(draw, 200).encode(draw.choice(["utf-8", "utf-16", "latin-1"]), "replace")
    elif kind == 4:
        body = draw.choice(
            [b'{"question": "\xff\xfe"}', b'{"question": "\\ud800"}', b"\xef\xbb\xbf{}", b"NaN", b"", b"1e9999"]
        )
    kind_of = draw.choice(TYPES) if draw.random() < 0.2 else "application/json"
    return {"content-type": kind_of}, body


def multipart(draw: Draw) -> tuple[dict[str, str], bytes]:
    """Return an upload, sound or not."""
    boundary = draw.choice(["b", "-" * 70, "x" * 300, "", '"b"'])
    name = draw.choice(["a.txt", "../a.txt", "a\x00.txt", "x" * 400 + ".txt", "\xff.txt", "a.pdf", ""])
    field = draw.choice(["file", "file", "other", ""])
    disposition = f'Content-Disposition: form-data; name="{field}"; filename="{name}"'
    content = draw.choice([b"Alpha is here.", b"\x00" * 1000, draw.randbytes(3_000), b"x" * 300_000, b""])
    parts = draw.choice([1, 1, 2, 200])
    one = f"--{boundary}\r\n{disposition}\r\nContent-Type: text/plain\r\n\r\n".encode("latin-1") + content + b"\r\n"
    body = one * parts + draw.choice([f"--{boundary}--\r\n".encode(), b"", b"--"])
    if draw.random() < 0.4:
        body = damaged(draw, body, [body])
    return {"content-type": f"multipart/form-data; boundary={boundary}"}, body[:2_000_000]


def request(method: str, path: str, headers: dict[str, str], body: bytes, *, is_chunked: bool = False) -> bytes:
    """Return a request as it goes over the wire. Headers that are given come in place of ours."""
    ours = {"host": "127.0.0.1", "connection": "close"}
    if is_chunked:
        ours["transfer-encoding"] = "chunked"
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:100], body[100:]) if part) + b"0\r\n\r\n"
    else:
        ours["content-length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in {**ours, **headers}.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
