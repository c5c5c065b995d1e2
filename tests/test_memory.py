"""A server that answers for weeks keeps nothing of what it has answered: objects are counted, what is kept is bounded.

Each question is another one, since what is remembered of a question that is asked again would hide what is kept.
"""

import gc
import re
import socket
import subprocess
import sys
import urllib.parse
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from gradio.state_holder import StateHolder

from rag.garbage import USUAL, WHILE_STARTING, collect_seldom
from rag.reranking import Remembering
from server.app import create_app
from tests.conftest import WordReranker, clean_environment
from tests.serving import BROWSER
from ui import page as page_module
from ui.desk import Desk

QUESTIONS = 60
NUMBERS = count()


def question() -> str:
    return f"What does paragraph {next(NUMBERS)} of the lease say about dogs?"


def objects() -> Counter[str]:
    """Count the objects that are left when all garbage is gone, and what the standard library remembers."""
    re.purge()
    urllib.parse.clear_cache()
    gc.collect()
    return Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())


def growth(ask: Callable[[], object]) -> dict[str, int]:
    """Return what has grown by one or more with every question."""
    for _ in range(10):
        ask()
    before = objects()
    for _ in range(QUESTIONS):
        ask()
    return {name: more for name, more in (objects() - before).items() if more >= QUESTIONS}


def asked(client: TestClient, path: str, body: dict[str, object]) -> None:
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    assert response.content


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/ask", lambda: {"question": question()}),
        ("/api/ask", lambda: {"question": question(), "stream": True}),
        ("/v1/chat/completions", lambda: {"messages": [{"role": "user", "content": question()}]}),
    ],
    ids=["ask", "stream", "openai"],
)
def test_no_object_stays_of_an_answer(client: TestClient, path: str, body: Callable[[], dict[str, object]]) -> None:
    assert growth(lambda: asked(client, path, body())) == {}


def test_what_stays_would_be_found() -> None:
    kept: list[list[str]] = []
    assert growth(lambda: kept.append([question()])) == {"builtins.list": QUESTIONS}


def test_no_object_stays_of_a_question_that_is_no_question_or_of_a_search(client: TestClient) -> None:
    def ask() -> None:
        assert client.post("/api/ask", json={"question": "?" * next(NUMBERS)}).status_code == 422
        assert client.get(f"/api/search?question={question()}").status_code == 200
        assert client.get(f"/api/nothing/{next(NUMBERS)}").status_code == 404
        assert client.get("/metrics").status_code == 200

    assert growth(ask) == {}


def test_scores_are_remembered_of_so_many_pairs_and_no_more() -> None:
    reranker = Remembering(WordReranker(), pairs=100)
    for _ in range(50):
        reranker.score(question(), [f"text {number}" for number in range(20)])
    assert len(reranker._known) == 100


def test_gradio_keeps_so_many_pages_and_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "MAX_PAGES", 3)
    kept = set()
    with TestClient(create_app(desk), base_url="http://127.0.0.1", cookies={"rag_browser": BROWSER}) as client:
        for number in range(6):
            join = {"data": [None], "fn_index": 4, "session_hash": f"page{number}", "event_data": None}
            response = client.post("/gradio_api/queue/join", json=join)
            assert response.status_code == 200, response.text
            (holder,) = [one for one in gc.get_objects() if isinstance(one, StateHolder) and f"page{number}" in one]
            kept = set(holder.session_data)
    assert kept == {"page3", "page4", "page5"}


# What a process looks like when it begins to serve.
SERVING = """
import gc, sys, uvicorn
uvicorn.Server.run = lambda *given, **named: print(gc.get_threshold()[0], gc.get_freeze_count() > 0)
from rag.__main__ import main
sys.argv[0] = "rag"
main()
"""


def test_a_server_looks_for_garbage_as_usual_and_a_command_that_ends_soon_does_not(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    served = subprocess.run(
        [sys.executable, "-c", SERVING, "serve", "--no-page", "--port", port],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert served.stdout.split() == [str(USUAL[0]), "True"]
    try:
        collect_seldom()
        assert gc.get_threshold()[0] == WHILE_STARTING > USUAL[0]
    finally:
        gc.set_threshold(*USUAL)
