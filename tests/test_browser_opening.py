"""What a person sees of the page before everything is loaded."""

import threading
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from rag.assemble import open_chain
from rag.chain import Chain
from rag.settings import Settings
from tests.browsing import browser, serve
from ui.conversations import Conversation, Conversations

__all__ = ["browser"]


def test_the_page_is_there_before_the_models(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def slow(settings: Settings) -> Chain:
        go_on.wait(60)
        return open_chain(settings)

    monkeypatch.setattr("ui.desk.open_chain", slow)
    running = serve(tmp_path)
    site = next(running)
    page = browser.new_page()
    page.goto(site.address)
    expect(page.locator("#status")).to_contain_text("Loading the models")
    page.fill("#question textarea", "What is CECOT?")
    page.press("#question textarea", "Enter")
    expect(page.locator(".turn.live")).to_be_visible()
    go_on.set()
    expect(page.locator("#status")).to_contain_text("Ready", timeout=60_000)
    expect(page.locator(".turn:not(.live) .sentence").first).to_be_visible(timeout=60_000)
    page.close()
    next(running, None)


def test_a_question_that_is_asked_early_stays_in_sight(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = threading.Event(), threading.Event()
    listed = Conversations.listed

    def slow_list(self: Conversations, *args: Any) -> list[Conversation]:
        found = listed(self, *args)  # there is none yet
        asked.wait(30)
        return found

    def slow_models(settings: Settings) -> Chain:
        go_on.wait(60)
        return open_chain(settings)

    monkeypatch.setattr("ui.desk.open_chain", slow_models)
    monkeypatch.setattr(Conversations, "listed", slow_list)
    running = serve(tmp_path)
    site = next(running)
    page = browser.new_page()
    page.goto(site.address)
    page.fill("#question textarea", "What is CECOT?")
    page.press("#question textarea", "Enter")
    live = page.locator(".turn.live")
    expect(live).to_be_visible()
    asked.set()
    page.wait_for_timeout(1_000)
    expect(live).to_be_visible()
    # What is opened meanwhile stays open too, and the answer is not lost.
    page.get_by_role("button", name="New conversation").click()
    expect(live).to_have_count(0)
    go_on.set()
    page.get_by_role("tab", name="Conversations").click()
    expect(page.locator(".listed .open")).to_have_text(["What is CECOT?"])
    expect(page.locator("#status")).to_contain_text("Ready", timeout=60_000)
    page.wait_for_timeout(3_000)
    page.get_by_role("tab", name="Chat").click()
    expect(page.locator(".turn")).to_have_count(0)
    page.get_by_role("tab", name="Conversations").click()
    page.locator(".listed .open").click()
    expect(page.locator(".turn:not(.live) .sentence").first).to_be_visible(timeout=60_000)
    page.close()
    next(running, None)
