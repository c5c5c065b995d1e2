"""What a person does with a question on the page: stop it, edit it, ask again, copy, judge."""

import re
import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browsing import WHY, Person, Site, browser, person, site
from tests.conftest import SEED

__all__ = ["browser", "person", "site"]


def held_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Hold every answer up until the event is set."""
    reranker = site.desk.chain().judge.reranker
    score = reranker.score
    go_on = threading.Event()

    def slow(question: str, texts: list[str]) -> object:
        go_on.wait(30)
        return score(question, texts)

    monkeypatch.setattr(reranker, "score", slow)
    return go_on


def test_stop_while_it_is_answering(person: Callable[..., Person], site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ana = person()
    go_on = held_up(site, monkeypatch)
    ana.page.fill("#question textarea", WHY)
    ana.page.press("#question textarea", "Enter")
    expect(ana.page.locator(".turn.live")).to_be_visible()
    ana.page.get_by_role("button", name="Stop").click()
    expect(ana.page.locator(".turn .note")).to_have_text("Stopped before there was an answer.")
    expect(ana.page.locator("#send")).to_be_visible()
    go_on.set()
    monkeypatch.undo()
    ana.page.get_by_role("button", name="Ask again").click()
    expect(ana.page.locator(".turn .sentence").first).to_be_visible(timeout=60_000)
    assert ana.page.locator(".turn").count() == 1


def test_a_reload_while_it_is_answering_loses_nothing(
    person: Callable[..., Person], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = person()
    go_on = held_up(site, monkeypatch)
    ana.page.fill("#question textarea", "What is CECOT?")
    ana.page.press("#question textarea", "Enter")
    expect(ana.page.locator(".turn.live")).to_be_visible()
    ana.page.fill("#question textarea", "typed while waiting")
    ana.page.reload()
    expect(ana.page.locator(".turn.live")).to_be_visible(timeout=30_000)
    ana.page.fill("#question textarea", "typed while waiting")
    go_on.set()
    expect(ana.page.locator(".turn:not(.live) .sentence").first).to_be_visible(timeout=60_000)
    assert ana.page.input_value("#question textarea") == "typed while waiting"


def test_an_edit_can_be_given_up_and_survives_an_empty_question(person: Callable[..., Person]) -> None:
    ana = person()
    ana.ask("What is CECOT?")
    ana.page.get_by_role("button", name="Edit").click()
    expect(ana.page.locator("#question textarea")).to_have_value("What is CECOT?")
    ana.page.fill("#question textarea", "")
    ana.page.press("#question textarea", "Enter")
    expect(ana.page.get_by_text("Write a question first.")).to_be_visible()
    ana.page.get_by_role("button", name="Cancel").click()
    expect(ana.page.get_by_role("button", name="Cancel")).to_have_count(0)
    ana.ask("Who is Pam Bondi?")
    assert ana.page.locator(".turn").count() == 2


def test_edit_replaces_the_question_and_what_came_after(person: Callable[..., Person]) -> None:
    ana = person()
    ana.ask("What is CECOT?")
    ana.ask("Who is Pam Bondi?")
    ana.page.locator(".turn").first.get_by_role("button", name="Edit").click()
    expect(ana.page.locator("#question textarea")).to_have_value("What is CECOT?")
    ana.page.fill("#question textarea", "Who is Kristi Noem?")
    ana.page.press("#question textarea", "Enter")
    expect(ana.page.locator(".turn:not(.live) .asked")).to_have_text([re.compile("Who is Kristi Noem")], timeout=60_000)


def test_helpful_or_not_is_kept(person: Callable[..., Person]) -> None:
    ana = person()
    ana.ask("What is CECOT?")
    button = ana.page.get_by_role("button", name="Not helpful")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    ana.page.get_by_label("Comment on this answer").fill("too short")
    ana.page.get_by_role("button", name="Send").click()
    expect(ana.page.locator(".actions [role=status]")).to_have_text("Thank you, noted.")
    ana.page.reload()
    expect(ana.page.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")


def test_copy_gives_the_answer_with_its_quotes(person: Callable[..., Person]) -> None:
    ana = person(permissions=["clipboard-read", "clipboard-write"])
    ana.ask("What is CECOT?")
    ana.page.get_by_role("button", name="Copy").click()
    expect(ana.page.get_by_role("button", name="Copied")).to_be_visible()
    copied = ana.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("What is CECOT?\n\n")
    assert f"[1] seeds/{SEED.name}" in copied
