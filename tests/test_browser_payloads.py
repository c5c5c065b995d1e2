"""Nothing of a text runs, wherever it is shown: payloads in every place that is somebody else's, in a real browser.

`ran()` is there for them to call, dialogs and every request are noted. The models are the small ones of the tests,
since what is shown is the same with them.
"""

import html
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import docx
import pytest
from playwright.sync_api import Browser, Page, expect

from index.build import Builder
from index.store import Store
from rag.abstention import Gate
from rag.chain import Chain
from server.access import COOKIE
from tests.browsing import Person, Site, browser, index, serve
from tests.conftest import META, WordEncoder, WordReranker, searcher
from tests.payloads import HOST, PAYLOADS
from tests.servers import KEY, openai, scripted_server, stream
from ui import desk as desk_module
from ui.conversations import Conversations

__all__ = ["browser"]

TITLE = 60  # characters of a title that are shown for sure


class Victim(Person):
    """A person whose page a payload may call."""

    def __init__(self, browser: Browser) -> None:
        context = browser.new_context()
        self.calls: list[object] = []
        context.expose_function("ran", lambda what: self.calls.append(what))
        context.route(re.compile(f"^https?://{HOST}"), lambda route: route.abort())
        super().__init__(context.new_page(), context)
        self.context.on("request", lambda request: self.requests.append(request.url))

    def post(self, address: str, **value: str) -> dict[str, str]:
        response = self.context.request.post(address, data=value)
        assert response.ok, response.text()
        return response.json()

    def asked_before(self, site: Site, title: str, questions: Sequence[str]) -> None:
        """Have a conversation with these questions, each of which stands alone."""
        talk = self.post(f"{site.address}api/conversations", title=title)["id"]
        (owner,) = [cookie["value"] for cookie in self.context.cookies() if cookie["name"] == COOKIE]
        kept = Conversations.of(site.desk.settings)
        for question in questions:
            *_, last = site.desk.ask(question, ())
            kept.add(f"browser:{owner}", talk, question, last.answer.to_dict())

    def check(self, site: Site, expected_dialogs: int = 0) -> None:
        """Nothing ran, nothing was asked of anybody else, and no dialog came up but our own."""
        self.page.wait_for_timeout(300)
        assert self.calls == []
        assert [url for url in self.requests if not url.startswith((site.address, "data:", "blob:"))] == []
        assert [said for said in self.dialogs if not said.startswith(("Title of", "Delete", "Remove"))] == []
        assert len(self.dialogs) == expected_dialogs
        assert self.errors == []
        assert self.page.locator(".log img, .log a, .log script, .panel iframe, .panel script").count() == 0


def squeezed(text: str | None) -> str:
    return " ".join((text or "").split())


def visible(text: str) -> str:
    """Return a text without what is no part of an HTML document's: characters that nobody sees."""
    return re.sub("[\u200b\u202c\u202e\ufeff]", "", squeezed(text))


def said(page: Page, selector: str) -> str:
    """Return the text of all that the selector finds, hidden or not."""
    return squeezed(" ".join(page.locator(selector).all_text_contents()))


@pytest.fixture
def victim(browser: Browser) -> Iterator[Victim]:
    person = Victim(browser)
    yield person
    person.context.close()


def documents(folder: Path) -> None:
    """Write a page for each payload, with it in the title, the author, a heading and the text; and one Word file."""
    (folder / "papers").mkdir()
    for number, payload in enumerate(PAYLOADS):
        shown = html.escape(payload)
        (folder / "papers" / f"{number}.html").write_text(
            f"<html><head><title>{shown}</title><meta name=author content='{shown}'><meta name=date content='{shown}'>"
            f"</head><body><h1>{shown}</h1><p>The zebra{number} is said to be {shown} by all.</p></body></html>",
            "utf-8",
        )
    document = docx.Document()
    document.core_properties.title = document.core_properties.author = PAYLOADS[0]
    document.add_heading(PAYLOADS[11], 1)
    document.add_paragraph(f"The giraffe is {PAYLOADS[12]} in the zoo.")
    document.save(str(folder / "papers" / "word.docx"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("payloads")
    documents(folder)
    store = Store(folder / ".rag")
    Builder(store, META, WordEncoder).build(folder / "papers")
    chain = Chain(searcher(store), WordReranker(), Gate("words", -1.5, None, None, "by hand"), k=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk_module, "index_meta", lambda settings: META)
        patch.setattr(desk_module, "open_chain", lambda settings: chain)
        running = serve(folder, seeds=False)
        site = next(running)
        site.desk.chain()
    yield site
    next(running, None)


def test_a_page_that_made_markup_of_them_would_be_noticed(victim: Victim) -> None:
    """The payloads do run, and `ran`, the dialogs and the requests do notice it."""
    victim.page.on("request", lambda request: victim.requests.append(request.url))
    for payload in PAYLOADS:
        if not payload.startswith("<meta"):  # which leaves the page
            victim.page.set_content(f"<!doctype html><div>{payload}</div>")
    victim.page.wait_for_timeout(500)
    assert len(set(map(str, victim.calls))) > 15
    assert len({url for url in victim.requests if HOST in url}) > 5


def test_a_payload_in_a_question_a_document_its_title_or_a_heading_is_text(victim: Victim, site: Site) -> None:
    for title, questions in (
        ("Questions", PAYLOADS),
        ("Zebras", [f"What about zebra{number}?" for number in range(len(PAYLOADS))]),
    ):
        victim.asked_before(site, title, questions)
    victim.open(site.address)
    page = victim.page
    expect(page.locator(".turn")).to_have_count(len(PAYLOADS))
    for number, (payload, turn) in enumerate(zip(PAYLOADS, page.locator(".turn").all(), strict=True)):
        turn.locator(".cite").first.click()
        expect(page.locator("#marked")).to_contain_text(f"zebra{number} ")
        if number % 3 == 0:
            page.get_by_role("button", name="Open the document").click()
            expect(page.get_by_role("button", name="Open the document")).to_be_disabled()
        assert visible(payload) in visible(said(page, ".passage"))
        assert visible(payload)[:20] in visible(said(page, ".where"))
    victim.tab("Conversations")
    page.locator(".listed .open", has_text="Questions").click()
    expect(page.locator(".turn .asked").first).to_contain_text("ran(1)")
    asked = said(page, ".turn .asked")
    assert all(squeezed(payload) in asked for payload in PAYLOADS)
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    victim.ask("Xylophones?")
    assert page.locator(".refusal li").count() == 3, "the nearest passages"
    for payload in ("<img src=x onerror=ran(11)>", "{{constructor.constructor('ran(40)')()}}"):
        victim.ask(payload)
        assert payload in said(page, ".turn:last-child .asked")
    victim.check(site)


def test_a_payload_in_a_title_of_a_conversation_or_a_file_of_it_is_text(victim: Victim, site: Site) -> None:
    victim.open(site.address)
    page, ids = victim.page, []
    for payload in PAYLOADS:
        ids.append(victim.post(f"{site.address}api/conversations", title=payload)["id"])
    page.reload()
    victim.tab("Conversations")
    expect(page.locator(".listed .open")).to_have_count(len(PAYLOADS))
    titles = [squeezed(text) for text in page.locator(".listed .open").all_text_contents()][::-1]
    assert [title[:TITLE] for title in titles] == [squeezed(payload)[:TITLE] for payload in PAYLOADS]
    page.get_by_role("button", name="Rename").first.click()
    page.locator("#listed input").fill(PAYLOADS[11])
    expect(page.locator(".listed .open")).to_have_count(1)
    page.get_by_role("button", name="Delete").first.click()
    for payload, id_ in list(zip(PAYLOADS, ids, strict=True))[::4]:
        for form in ("md", "json"):
            kept = victim.context.request.get(f"{site.address}api/conversations/{id_}/export.{form}")
            if kept.status == 200:  # one was deleted
                assert kept.headers["content-disposition"].startswith("attachment")
                assert "html" not in kept.headers["content-type"]
        page.goto(f"{site.address}api/conversations/{quote(payload, safe='')}")
        assert "detail" in said(page, "body")
    victim.check(site, expected_dialogs=2)


def test_a_payload_in_the_name_of_a_file_is_text(victim: Victim, site: Site) -> None:
    victim.open(site.address)
    page = victim.page
    victim.tab("Documents")
    names = [f"{payload}{ending}" for payload in PAYLOADS for ending in (".txt", ".jpeg")]
    files = [{"name": n, "mimeType": "text/plain", "buffer": f"The lion is {n}.\n".encode()} for n in names]
    page.set_input_files("#files", files)
    expect(page.locator("#uploads li")).to_have_count(len(names), timeout=120_000)
    expect(page.locator("#uploads progress")).to_have_count(0, timeout=120_000)
    uploads = said(page, "#uploads")
    assert all(squeezed(name) in uploads for name in names)
    assert uploads.count("not indexed: ") == sum(not payload.endswith("/") for payload in PAYLOADS)
    expect(page.locator("#documents tbody")).to_contain_text("uploads/")
    listed = said(page, "#documents tbody")
    assert "<img src=x onerror=ran(11)>.txt" in listed
    assert "javascript:ran(32).txt" in listed
    victim.tab("Chat")
    for payload in PAYLOADS[:3]:  # and in what is wrong with a filter
        page.fill("#where textarea, #where input", payload)
        victim.ask("What is the lion?")
        assert page.locator(".turn").last.locator(".note").count() == 1
    page.fill("#where textarea, #where input", "")
    victim.ask("What is the lion?")
    for cite in page.locator(".turn .cite").all():
        cite.click()
        expect(page.locator(".panel")).to_be_visible()
    victim.tab("Documents")
    page.get_by_role("button", name="Remove uploads/<img src=x onerror=ran(11)>.txt").click()
    expect(page.locator("#documents-said")).to_contain_text("Removed uploads/<img src=x onerror=ran(11)>.txt.")
    victim.check(site, expected_dialogs=1)


def test_a_payload_that_a_model_writes_is_text(victim: Victim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "lease.txt").write_text(
        "The lease\n\nThe lease ends on 3 May 2031. The rent is 900 euros.\n"
    )
    index(tmp_path, "papers")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with scripted_server() as server:
        written = [f"The {payload} costs 7 euros [1].\n\n" for payload in PAYLOADS]
        server.replies = [stream(openai([*written, "The rent is 900 euros [1]."]))]
        model = {"model": "openai:m", "model_url": server.url, "keep_unsupported": True}
        for site in serve(tmp_path, seeds=False, **model):
            victim.open(site.address)
            victim.ask("What is the rent of the lease?")
            turn = said(victim.page, ".turn")
            assert "onerror=ran(11)" in turn
            assert "The rent is 900 euros." in turn
            victim.check(site)
