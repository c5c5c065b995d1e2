"""A language model behind the API: its sentences come as they are checked, and what became of the others is said."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx
import openai as openai_client
import pytest
import uvicorn

from rag.generation.providers import served
from rag.generation.writer import open_writer
from rag.settings import Settings
from server.app import create_app
from tests.conftest import WordEncoder
from tests.servers import KEY, Server, openai, scripted_server, status, stream, tiny_model
from ui.desk import Desk

QUESTION = "What is the rent of the lease?"
ASKED = {"model": "checkable-rag", "messages": [{"role": "user", "content": QUESTION}]}
GOOD = "The rent is 900 euros [1]. "
BAD = "It costs 7 dollars [1]. "


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with scripted_server() as scripted:
        yield scripted


@contextmanager
def running(desk: Desk, model: str, url: str, **values: object) -> Iterator[str]:
    """Serve the desk with a language model, and yield the address."""
    settings = Settings(model=model, model_url=url, **values)
    desk.warm.load()
    desk.chain().writer = open_writer(settings, WordEncoder().count_tokens)
    listening = socket.create_server(("127.0.0.1", 0))
    app = create_app(desk, with_page=False)
    uvicorn_server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=uvicorn_server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        uvicorn_server.should_exit = True
        thread.join(20)


def halting(pieces: list[str], go_on: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
    """Send the first piece, which ends a sentence, and what the next begins with; the rest when it may go on."""
    lines = openai(pieces)

    def reply(handler: BaseHTTPRequestHandler) -> None:
        stream(lines[:2])(handler)
        assert go_on.wait(30)
        for line in lines[2:]:
            handler.wfile.write(line.encode() + b"\n")

    return reply


def test_events_have_each_sentence_before_the_next_is_written(desk: Desk, server: Server) -> None:
    go_on = threading.Event()
    server.replies = [halting([GOOD, "The lease ends on 3 May 2031", " [1]. ", BAD], go_on)]
    found = []
    with running(desk, "openai:m", server.url) as address:
        asked = {"question": QUESTION, "stream": True}
        with httpx.stream("POST", f"{address}/api/ask", json=asked, timeout=60) as events:
            name = ""
            for line in events.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line:
                    found.append((name, json.loads(line.removeprefix("data: "))))
                    if name == "claim":
                        go_on.set()
    assert [name for name, _ in found] == ["searched", "passages", "claim", "claim", "answer"]
    assert found[2][1]["claim"]["text"] == "The rent is 900 euros."
    assert found[2][1]["sources"][0]["quote"] == "The rent is 900 euros."
    answer = found[-1][1]
    assert answer["model"] == "openai:m"
    assert [rejected["text"] for rejected in answer["writing"]["rejected"]] == ["It costs 7 dollars."]
    assert "7 dollars" not in str(found[:-1])


def test_a_completion_streams_each_sentence_before_the_next_is_written(desk: Desk, server: Server) -> None:
    go_on = threading.Event()
    server.replies = [halting([GOOD, "The lease ends on 3 May 2031", " [1]. ", BAD], go_on)]
    text, last = "", None
    with (
        running(desk, "openai:m", server.url) as address,
        openai_client.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0) as client,
    ):
        for chunk in client.chat.completions.create(**ASKED, stream=True):
            text += chunk.choices[0].delta.content or ""
            last = chunk
            if text:
                assert text.startswith("The rent is 900 euros. [1]")
                go_on.set()
        assert text == "The rent is 900 euros. [1]\nThe lease ends on 3 May 2031. [2]"
        assert last is not None
        cited = [mark["url_citation"] for mark in last.choices[0].delta.model_extra["annotations"]]
        assert [text[mark["start_index"] : mark["end_index"]] for mark in cited] == ["[1]", "[2]"]
        assert [httpx.get(mark["url"]).json()["text"] for mark in cited] == [
            "The rent is 900 euros.",
            "The lease ends on 3 May 2031.",
        ]
        assert last.model_extra["answer"]["writing"]["model"] == "openai:m"


def test_what_is_not_supported_is_marked_as_such(desk: Desk, server: Server) -> None:
    server.replies = [stream(openai([BAD, GOOD]))]
    with running(desk, "openai:m", server.url, keep_unsupported=True) as address:
        whole = httpx.post(f"{address}/v1/chat/completions", json=ASKED, timeout=60).json()
    lines = whole["choices"][0]["message"]["content"].splitlines()
    assert lines == ["It costs 7 dollars. (not supported)", "The rent is 900 euros. [1]"]


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_model_that_fails_gives_the_documents_own_sentences(desk: Desk, server: Server, is_stream: bool) -> None:
    """Before its first sentence it fails silently for a client; the Answer says why."""
    server.replies = [status(401)]
    with (
        running(desk, "openai:m", server.url) as address,
        openai_client.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0) as client,
    ):
        if is_stream:
            chunks = list(client.chat.completions.create(**ASKED, stream=True))
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            answer = chunks[-1].model_extra["answer"]
        else:
            whole = client.chat.completions.create(**ASKED)
            text, answer = whole.choices[0].message.content, whole.model_extra["answer"]
    assert "The rent is 900 euros. [" in text
    assert answer["model"] == "extractive/words"
    assert "refused the key" in answer["writing"]["failure"]
    assert KEY not in str(answer)


def test_a_model_that_breaks_off_is_told_and_the_documents_speak(desk: Desk, server: Server) -> None:
    server.replies = [stream(openai([GOOD, "The lease ends on 3 May 2031, and"])[:2], breaks=True)]
    with (
        running(desk, "openai:m", server.url) as address,
        openai_client.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0) as client,
    ):
        chunks = list(client.chat.completions.create(**ASKED, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    first, told, *own = text.splitlines()
    assert first == "The rent is 900 euros. [1]"
    assert told.startswith("Word for word from the documents instead: the connection to openai:m failed")
    assert [line.rpartition(" [")[0] for line in own] == [
        claim["text"] for claim in chunks[-1].model_extra["answer"]["claims"]
    ]
    cited = [mark["url_citation"] for mark in chunks[-1].choices[0].delta.model_extra["annotations"]]
    assert len(cited) == 1 + len(own)
    assert all(text[mark["start_index"]] == "[" and text[mark["end_index"] - 1] == "]" for mark in cited)


def test_llama_cpps_server_writes_through_the_api(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with a real server and a real, poor model: what is said is supported, or is the documents' own."""
    url, key = served(str(tiny_model()), 2_048)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with running(desk, "openai:tiny", url) as address:
        desk.chain().k = 1
        answer = httpx.post(f"{address}/api/ask", json={"question": QUESTION}, timeout=120).json()
    assert answer["verdict"] == "answered"
    assert answer["writing"]["output_tokens"] > 0
    assert answer["model"] == ("extractive/words" if answer["writing"]["failure"] else "openai:tiny")
    for claim in answer["claims"]:
        quotes = " ".join(answer["sources"][n - 1]["quote"] for n in claim["citations"])
        assert all(word in quotes for word in claim["text"].split() if any(c.isdigit() for c in word.strip(".,")))
    for source in answer["sources"]:
        assert desk.text(source["document"])[source["start"] : source["end"]] == source["quote"]
