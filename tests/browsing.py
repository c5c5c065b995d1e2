"""A real browser on the real page, with the real models.

Debian's chromium, driven by playwright; a missing browser fails these tests, it does not skip them.
"""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect, sync_playwright

from index.build import Builder
from index.encoders import question_encoder
from index.store import Store
from rag.assemble import index_meta
from rag.settings import Settings
from server.app import create_app
from tests.conftest import SEED
from ui.desk import Desk

expect.set_options(timeout=30_000)  # a slow machine is no failure

WHY = "Why wasn't Ábrego García returned?"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield launched
        launched.close()


@dataclass
class Site:
    """A running server, and its desk for a test to reach behind the page."""

    address: str
    desk: Desk
    folder: Path


def index(folder: Path, name: str) -> None:
    """Index a folder below one, as `serve` expects it."""
    settings = Settings(index=folder / ".rag")
    Builder(Store(settings.index), index_meta(settings), question_encoder).build(folder / name)


def serve(folder: Path, *, seeds: bool = True, **values: object) -> Iterator[Site]:
    settings = Settings(index=folder / ".rag", **values)
    if seeds:
        (folder / "seeds").mkdir()
        (folder / "seeds" / SEED.name).write_bytes(SEED.read_bytes())
        index(folder, "seeds")
    desk = Desk(settings)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(desk), log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield Site(f"http://127.0.0.1:{listening.getsockname()[1]}/", desk, folder)
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from serve(tmp_path_factory.mktemp("site"))


@dataclass
class Person:
    """A page of a browser of its own, everything that it asked for, and what went wrong in it."""

    page: Page
    context: BrowserContext
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def open(self, address: str) -> "Person":
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.page.on("dialog", self._accept)
        self.page.goto(address)
        expect(self.page.locator("#status")).to_contain_text(re.compile("Ready|No documents"), timeout=60_000)
        return self

    def _accept(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.accept()

    def ask(self, question: str) -> None:
        before = self.page.locator(".turn:not(.live)").count()
        self.page.fill("#question textarea", question)
        self.page.press("#question textarea", "Enter")
        expect(self.page.locator(".turn:not(.live)")).to_have_count(before + 1, timeout=60_000)

    def last(self, selector: str) -> str:
        return self.page.locator(".turn").last.locator(selector).first.inner_text()

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def upload(self, name: str, content: bytes) -> str:
        self.tab("Documents")
        self.page.set_input_files("#files", {"name": name, "mimeType": "text/plain", "buffer": content})
        state = self.page.locator("#uploads li span")
        expect(state).to_have_text(re.compile("indexed|not indexed"), timeout=60_000)
        return state.inner_text()


@pytest.fixture
def person(browser: Browser, site: Site) -> Iterator[Callable[..., Person]]:
    contexts = []

    def make(address: str = site.address, **options: object) -> Person:
        context = browser.new_context(**options)
        contexts.append(context)
        return Person(context.new_page(), context).open(address)

    yield make
    for context in contexts:
        context.close()
