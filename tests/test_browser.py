"""What a person sees on the page: answers and their sources, documents, conversations; by keyboard, and on a phone."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import expect

from index.build import Builder
from index.encoders import question_encoder
from index.store import Store
from rag.assemble import index_meta
from tests.browsing import WHY, Person, Site, browser, person, serve, site
from tests.conftest import SEED

__all__ = ["browser", "person", "site"]

EVIL = "<img src=x onerror=document.title='run'>.txt"
EVIL_TEXT = """The zebra secret is ![image](http://evil.example/a.png) and [link](javascript:alert(1)).

The zebra script is <script>document.title='run'</script> <img src="http://evil.example/b.png">
${document.title} {{value}}.
"""


def test_ask_and_click_a_citation(person: Callable[..., Person]) -> None:
    ana = person()
    ana.ask(WHY)
    page = ana.page
    assert page.title() == "Ask your documents"
    assert page.locator("h1").count() == 1
    assert page.get_by_text("Built with").count() == 0
    assert len(page.locator(".turn .sentence").all()) >= 2
    assert all(s.locator(".cite").count() >= 1 for s in page.locator(".turn .sentence").all())
    assert "supported" in page.locator(".support").first.inner_text()
    assert page.locator(".legend").is_visible()
    text = SEED.read_text("utf-8")
    for number, sentence in enumerate(page.locator(".turn .sentence").all(), start=1):
        sentence.locator(".cite").click()
        expect(page.locator(".panel h2")).to_have_text(f"Source {number}")
        marked = page.locator("#marked").inner_text()
        start, end = map(int, re.search(r"characters (\d+)–(\d+)", page.locator(".where").inner_text()).groups())
        assert marked == text[start:end]
        assert marked in sentence.inner_text()
    assert SEED.name in page.locator(".where").inner_text()
    page.get_by_role("button", name="Previous").click()
    expect(page.locator(".panel h2")).to_have_text(f"Source {number - 1}")
    page.get_by_role("button", name="Open the document").click()
    expect(page.locator(".passage")).to_contain_text("For more insights on international relations")
    assert page.locator(".passage p").inner_text() == text
    marked_top, passage = page.evaluate(
        "[document.querySelector('#marked').getBoundingClientRect().top,"
        " document.querySelector('.passage').getBoundingClientRect().toJSON()]"
    )
    assert passage["top"] <= marked_top <= passage["bottom"], "scrolled to the mark"
    assert ana.errors == []
    assert {r for r in ana.requests if not r.startswith(("http://127.0.0.1:", "data:", "blob:"))} == set()


def test_not_in_the_documents_looks_different_and_lists_what_was_near(person: Callable[..., Person]) -> None:
    ana = person()
    ana.ask("What is the boiling point of water?")
    refusal = ana.page.locator(".refusal")
    expect(refusal).to_contain_text("Not in the documents.")
    expect(refusal).to_contain_text("Searched for “What is the boiling point of water?”")
    assert ana.page.locator(".turn .sentence").count() == 0
    assert refusal.locator("li").count() == 3
    refusal.locator(".cite").nth(1).click()
    expect(ana.page.locator(".panel h2")).to_have_text("Passage")
    assert ana.page.locator("#marked").inner_text().split()[0] in refusal.inner_text()


def test_a_follow_up_says_what_was_searched_for(person: Callable[..., Person]) -> None:
    ana = person()
    ana.ask("What is CECOT?")
    ana.ask("Who built it?")
    assert ana.last(".searched") == "Searched for: What is CECOT? Who built it?"
    assert "constructed under Bukele" in ana.last(".sentence")


def test_a_reload_keeps_the_conversation_and_its_citations(person: Callable[..., Person]) -> None:
    ana = person()
    ana.ask(WHY)
    ana.ask("What is CECOT?")
    said = ana.page.locator(".log").inner_text()
    ana.page.reload()
    expect(ana.page.locator(".turn")).to_have_count(2)
    assert ana.page.locator(".log").inner_text() == said
    ana.page.locator(".turn").first.locator(".cite").first.click()
    expect(ana.page.locator("#marked")).to_contain_text("he will not allow")
    bob = person()
    assert bob.page.locator(".turn").count() == 0, "another browser has its own conversations"


def test_conversations_are_listed_and_opened(person: Callable[..., Person]) -> None:
    ana = person()
    ana.ask("What is CECOT?")
    ana.page.get_by_role("button", name="New conversation").click()
    expect(ana.page.locator(".turn")).to_have_count(0)
    ana.ask("Who is Pam Bondi?")
    ana.tab("Conversations")
    expect(ana.page.locator(".listed .open")).to_have_text(["Who is Pam Bondi?", "What is CECOT?"])
    ana.page.locator("#listed input").fill("maximum-security")
    expect(ana.page.locator(".listed .open")).to_have_text(["What is CECOT?"])
    with ana.page.expect_download() as saved:
        ana.page.get_by_role("link", name="Save as Markdown").click()
    assert "maximum-security" in Path(saved.value.path()).read_text("utf-8")
    ana.page.locator(".listed .open").click()
    expect(ana.page.locator(".turn .asked")).to_have_text(re.compile("What is CECOT?"))
    ana.tab("Conversations")
    ana.page.get_by_role("button", name="Delete: What is CECOT?").click()
    ana.page.locator("#listed input").fill("")
    expect(ana.page.locator(".listed .open")).to_have_text(["Who is Pam Bondi?"])
    assert "Delete" in ana.dialogs[0]


def test_upload_ask_remove_ask_again(person: Callable[..., Person], site: Site) -> None:
    ana = person()
    assert ana.upload("otters.txt", b"Sea otters hold hands while they sleep.\n") == "indexed"
    assert "up to 25 MB" in ana.page.locator("#limit").inner_text()
    expect(ana.page.locator("#documents tbody")).to_contain_text("uploads/otters.txt")
    ana.tab("Chat")
    ana.ask("What do sea otters do while they sleep?")
    assert "Sea otters hold hands" in ana.last(".sentence")
    ana.tab("Documents")
    ana.page.get_by_role("button", name="Remove uploads/otters.txt").click()
    expect(ana.page.locator("#documents-said")).to_have_text("Removed uploads/otters.txt.")
    assert "Its uploaded file is deleted." in ana.dialogs[0]
    ana.tab("Chat")
    ana.page.locator(".turn .cite").first.click()
    expect(ana.page.locator(".changed")).to_contain_text("not indexed any more")
    expect(ana.page.locator("#marked")).to_have_text("Sea otters hold hands while they sleep.")
    ana.page.keyboard.press("Escape")
    ana.ask("What do sea otters do while they sleep?")
    expect(ana.page.locator(".turn").last.locator(".refusal")).to_be_visible()
    for name, content, reason in (
        ("a.jpeg", b"x", "not read"),
        ("b.txt", b"", "empty"),
        ("c.txt", bytes(99), "binary"),
    ):
        assert ana.upload(name, content).startswith("not indexed")
        assert reason in ana.page.locator("#uploads li").inner_text()


def test_nothing_in_a_document_runs_or_calls_out(person: Callable[..., Person]) -> None:
    ana = person()
    assert ana.upload(EVIL, EVIL_TEXT.encode()) == "indexed"
    ana.tab("Chat")
    for question in ("What is the zebra secret?", "What is the zebra script?", f"{EVIL} ${{document.title='run'}}"):
        ana.ask(question)
    page = ana.page
    for cite in page.locator(".turn .cite").all():
        cite.click()
        expect(page.locator(".panel")).to_be_visible()
    page.get_by_role("button", name="Open the document").click()
    for name in ("Documents", "Conversations", "Chat"):
        ana.tab(name)
    page.reload()
    expect(page.locator(".turn")).to_have_count(3)
    page.wait_for_timeout(300)
    assert page.title() == "Ask your documents", "no script ran"
    assert page.locator("img[src*=evil], .log a, .panel a, .log img, .log script").count() == 0
    assert "<script>document.title='run'</script>" in page.locator(".log").inner_text()
    assert [r for r in ana.requests if "evil" in r] == []
    assert {r for r in ana.requests if not r.startswith(("http://127.0.0.1:", "data:", "blob:"))} == set()
    ana.tab("Documents")
    page.get_by_role("button", name=f"Remove uploads/{EVIL}").click()
    expect(page.locator("#documents-said")).to_contain_text("Removed")


def test_examples_come_from_the_documents(person: Callable[..., Person]) -> None:
    ana = person()
    ana.page.locator(".examples button").first.click()
    expect(ana.page.locator(".turn:not(.live)")).to_have_count(1, timeout=60_000)
    assert ana.last(".asked").endswith("What is said about El Salvador?")


def test_questions_that_are_none(person: Callable[..., Person]) -> None:
    ana = person()
    ana.page.press("#question textarea", "Enter")
    expect(ana.page.locator(".log .note")).to_have_text("Write a question first.")
    ana.ask("???")
    assert ana.last(".note") == "The question has no words."
    ana.page.evaluate("document.querySelector('#question textarea').removeAttribute('maxlength')")
    ana.ask("why " * 25_000)
    assert "at most 2,000 are read" in ana.last(".note")
    ana.ask("What is CECOT?")
    assert ana.page.locator(".sentence").count() >= 1, "it goes on working"


def test_the_index_is_replaced_while_people_chat(person: Callable[..., Person], site: Site) -> None:
    ana = person()
    ana.ask("What is CECOT?")
    settings = site.desk.settings
    Builder(Store(settings.index), index_meta(settings), question_encoder).build(site.folder / "seeds", rebuild=True)
    ana.ask("What is CECOT?")
    assert ana.page.locator(".turn").last.locator(".sentence").count() >= 1


def test_the_keyboard_alone_reaches_a_citation_and_comes_back(person: Callable[..., Person]) -> None:
    ana = person()
    page = ana.page
    page.focus("#question textarea")
    page.keyboard.type("What is CECOT?")
    page.keyboard.press("Enter")
    expect(page.locator(".turn:not(.live) .cite").first).to_be_visible(timeout=60_000)
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.classList.contains('cite')"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#marked")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "panel-title"
    page.keyboard.press("Escape")
    expect(page.locator(".panel")).to_be_hidden()
    assert page.evaluate("document.activeElement.classList.contains('cite')")


def test_on_a_phone(person: Callable[..., Person]) -> None:
    ana = person(viewport={"width": 390, "height": 800}, is_mobile=True, has_touch=True)
    page = ana.page
    ana.ask(WHY)
    page.locator(".cite").first.tap()
    expect(page.locator("#marked")).to_be_in_viewport()
    for _ in range(2):
        widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1], "no sideways scrolling"
        if page.locator(".panel").is_visible():
            for _ in range(8):
                page.keyboard.press("Tab")
                assert page.evaluate(
                    "document.activeElement === document.body || !!document.activeElement.closest('.panel')"
                )
            page.get_by_role("button", name="Back to answer").tap()
    expect(page.locator(".panel")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(person: Callable[..., Person], scheme: str) -> None:
    ana = person(color_scheme=scheme, bypass_csp=True)  # axe is put into the page by the test
    page = ana.page
    ana.ask(WHY)
    ana.ask("What is the boiling point of water?")
    page.locator(".cite").first.click()
    expect(page.locator("#marked")).to_be_visible()
    page.add_script_tag(path=AXE_FILE_PATH)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    for name in ("Chat", "Documents", "Conversations"):
        ana.tab(name)
        page.wait_for_timeout(300)
        found = page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
        assert found["violations"] == [], name
        assert len(found["passes"]) > 10


def test_without_an_index_the_page_says_how_to_make_one(person: Callable[..., Person], tmp_path: Path) -> None:
    running = serve(tmp_path, seeds=False)
    empty = next(running)
    ana = person(empty.address)
    expect(ana.page.locator("#status")).to_contain_text("rag index FOLDER")
    ana.ask("What is CECOT?")
    assert "rag index" in ana.last(".note")
    assert ana.upload("otters.txt", b"Sea otters hold hands while they sleep.\n") == "indexed"
    ana.tab("Chat")
    ana.ask("What do sea otters do while they sleep?")
    assert "hold hands" in ana.last(".sentence")
    next(running, None)
