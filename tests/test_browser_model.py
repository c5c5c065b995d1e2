"""The page with a language model: sentences appear as they are checked, and say what became of the others."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import expect

from rag.generation.providers import served
from tests.browsing import Person, Site, browser, index, person, serve
from tests.servers import KEY, Server, openai, scripted_server, status, stream, tiny_model

__all__ = ["browser", "person"]

QUESTION = "What is the rent of the lease?"
GOOD = "The rent is 900 euros [1]. "
EVIL = "<img src=x onerror=document.title='run'> [x](javascript:alert(1)) costs 7 euros [1]. "


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with scripted_server() as scripted:
        yield scripted


def lease(folder: Path) -> None:
    (folder / "papers").mkdir()
    (folder / "papers" / "lease.txt").write_text("The lease\n\nThe lease ends on 3 May 2031. The rent is 900 euros.\n")
    index(folder, "papers")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("model")
    lease(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        model = {"model": "openai:m", "model_url": server.url, "keep_unsupported": True}
        yield from serve(folder, seeds=False, **model)


def test_a_sentence_is_seen_while_the_next_is_written(
    person: Callable[..., Person], site: Site, server: Server
) -> None:
    go_on = threading.Event()
    events = openai([GOOD, "The lease ends on 3 May 2031", " [1]."])

    def reply(handler: BaseHTTPRequestHandler) -> None:
        stream(events[:2])(handler)
        go_on.wait(30)
        for line in events[2:]:
            handler.wfile.write(line.encode() + b"\n")

    server.replies = [reply]
    page = person().page
    page.fill("#question textarea", QUESTION)
    page.press("#question textarea", "Enter")
    live = page.locator(".turn.live .sentence")
    expect(live).to_contain_text("The rent is 900 euros.", timeout=60_000)
    expect(live.locator(".marks")).to_contain_text("[1]")
    expect(page.locator(".turn.live")).to_contain_text("Writing …")
    go_on.set()
    done = page.locator(".turn:not(.live)")
    expect(done.locator(".sentence")).to_have_count(2, timeout=60_000)
    expect(done).to_contain_text("Written by openai:m; every sentence is checked against its source.")
    expect(done).to_contain_text("70 + 9 tokens")
    done.locator(".cite").last.click()
    expect(page.locator(".panel mark")).to_contain_text("The lease ends on 3 May 2031.")


def test_what_a_model_invents_is_marked_and_cannot_run(
    person: Callable[..., Person], site: Site, server: Server
) -> None:
    server.replies = [stream(openai([EVIL, GOOD]))]
    someone = person()
    someone.ask(QUESTION)
    turn = someone.page.locator(".turn").last
    expect(turn.locator(".sentence")).to_have_count(2)
    expect(turn.locator(".sentence .unsupported")).to_have_count(1)
    assert "onerror" in someone.last(".sentence")
    assert turn.locator(".sentence img, .sentence a").count() == 0
    assert someone.page.title() != "run"
    assert someone.errors == []
    assert all(url.startswith((site.address, "data:", "blob:")) for url in someone.requests)


def test_a_model_that_fails_is_told_and_replaced(person: Callable[..., Person], site: Site, server: Server) -> None:
    server.replies = [status(401)]
    someone = person()
    someone.ask(QUESTION)
    turn = someone.page.locator(".turn").last
    expect(turn).to_contain_text("The rent is 900 euros.")
    expect(turn).to_contain_text("Word for word from the documents instead: the server of openai:m refused the key")
    assert KEY not in someone.page.content()


def test_llama_cpps_server_writes_on_the_page(
    person: Callable[..., Person], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same with a real server and a real, poor model: what is shown is supported, or is the documents' own."""
    folder = tmp_path_factory.mktemp("llama")
    lease(folder)
    url, key = served(str(tiny_model()), 2_048)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", key)
        for site in serve(folder, seeds=False, model="openai:tiny", model_url=url, k=1):
            someone = person(site.address)
            someone.ask(QUESTION)
            turn = someone.page.locator(".turn").last
            text = turn.inner_text()
            assert "Written by openai:tiny" in text or "Word for word from the documents instead" in text
            assert turn.locator(".sentence .supported").count() == turn.locator(".sentence").count() > 0
