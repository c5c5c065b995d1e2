"""Conversations and their sources: kept by owner, shown in their documents, exported, rated."""

import json
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from index.store import Store
from rag.settings import Settings
from rag.transcript import as_markdown
from tests.conftest import build, rag
from tests.pdfs import pages
from tests.serving import OWNER, VISITOR, asked
from ui.conversations import Conversations, StoredTurn
from ui.desk import Desk
from ui.talk import Talks, history, turn_value

pytestmark = pytest.mark.databases


def test_the_steps_of_an_answer_show_sources_before_the_text(desk: Desk) -> None:
    desk.warm.load()
    steps = list(desk.ask("What is the rent of the lease?", ()))
    assert [bool(s.hits) for s in steps] == [False, True, True]
    assert [s.answer is None for s in steps] == [True, True, False]
    assert [bool(s.claims) for s in steps] == [False, False, True]
    passage = steps[1].hits[0].hit.passage
    assert (passage.document, passage.chunk.heading) == ("docs/lease.txt", ("The lease",))


def test_a_source_is_shown_in_its_document(client: TestClient, desk: Desk, conversations: Conversations) -> None:
    _, turn = asked(desk, conversations, "What is the rent of the lease?")
    shown = client.get(f"/api/turns/{turn}/sources/1").json()
    text = desk.text("docs/lease.txt")
    assert shown["there"] is True
    assert text[shown["start"] : shown["end"]] == shown["quote"]
    assert shown["before"] + shown["quote"] + shown["after"] == text
    assert client.get(f"/api/turns/{turn}/sources/99").status_code == 404
    assert client.get("/api/turns/none/sources/1").status_code == 404
    whole = client.get(f"/api/documents/{shown['id']}/text").json()
    assert whole["text"] == text


def test_a_pdf_shows_its_page(client: TestClient, desk: Desk, conversations: Conversations, folder: Path) -> None:
    assert desk.keep("house.pdf", pages(("Cellars are cold.",), ("The lift of the house stops at three.",)))
    _, turn = asked(desk, conversations, "Does the lift of the house stop at three?")
    assert client.get(f"/api/turns/{turn}/sources/1").json()["pages"] is True
    (found,) = client.get(f"/api/turns/{turn}/sources/1/pages").json()["pages"]
    assert found["page"] == 2
    assert found["top"] == pytest.approx((842 - 780) / 842, abs=0.01)
    picture = client.get(f"/api/turns/{turn}/sources/1/page.png", params={"page": 2})
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    other = client.get(f"/api/turns/{turn}/sources/1/page.png", params={"page": 1})
    assert (other.status_code, other.json()["detail"]) == (409, "nothing of the source stands on page 1")
    assert client.get(f"/api/turns/{turn}/sources/99/pages").status_code == 404
    (desk.uploads / "house.pdf").write_bytes(pages(("Nothing is left of it.",)))
    changed = client.get(f"/api/turns/{turn}/sources/1/pages")
    assert changed.status_code == 409
    assert "uploads/house.pdf has changed since it was indexed" in changed.json()["detail"]
    _, turn = asked(desk, conversations, "What is the rent of the lease?")
    assert client.get(f"/api/turns/{turn}/sources/1").json()["pages"] is False
    assert "has no pages to show" in client.get(f"/api/turns/{turn}/sources/1/pages").json()["detail"]


def test_a_source_that_changed_or_went_says_so(
    client: TestClient, desk: Desk, conversations: Conversations, store: Store, folder: Path
) -> None:
    _, turn = asked(desk, conversations, "What is the rent of the lease?")
    quote = client.get(f"/api/turns/{turn}/sources/1").json()["quote"]
    (folder / "lease.txt").write_text("The lease\n\nNothing is left of it.\n")
    build(store, folder)
    shown = client.get(f"/api/turns/{turn}/sources/1").json()
    assert (shown["there"], shown["gone"], shown["quote"]) == (False, False, quote)
    (folder / "lease.txt").unlink()
    build(store, folder)
    assert client.get(f"/api/turns/{turn}/sources/1").json()["gone"] is True


def test_nobody_sees_another_owners_turns(desk: Desk, conversations: Conversations, client: TestClient) -> None:
    conversation, turn = asked(desk, conversations, "What is the rent of the lease?", owner="browser:" + "b" * 32)
    calls = [
        client.get(f"/api/turns/{turn}/sources/1"),
        client.get(f"/api/turns/{turn}/sources/1/pages"),
        client.get(f"/api/turns/{turn}/sources/1/page.png", params={"page": 1}),
        client.put(f"/api/feedback/{turn}", json={"thumb": "up"}),
        client.get(f"/api/conversations/{conversation}/export.json"),
        client.patch(f"/api/conversations/{conversation}", json={"title": "mine"}),
        client.delete(f"/api/conversations/{conversation}"),
    ]
    assert {call.status_code for call in calls} == {404}
    assert client.get("/api/conversations").json() == []
    assert conversations.turns(OWNER, conversation) == []
    with pytest.raises(KeyError):
        conversations.add(OWNER, conversation, "?", None)
    conversations.cut(OWNER, conversation, turn)
    assert conversations.turn("browser:" + "b" * 32, turn) is not None, "it is all still there"


def test_conversations_are_listed_searched_renamed_exported_deleted(
    client: TestClient, desk: Desk, conversations: Conversations
) -> None:
    one, turn = asked(desk, conversations, "What is the rent of the lease?")
    two, _ = asked(desk, conversations, "What do cats eat all day?")
    assert [c["id"] for c in client.get("/api/conversations").json()] == [two, one]
    assert [c["id"] for c in client.get("/api/conversations", params={"words": "900 euros"}).json()] == [one]
    assert client.get("/api/conversations", params={"words": "%"}).json() == []
    assert [c["id"] for c in client.get("/api/conversations", params={"words": "ÉUROS 900"}).json()] == [one]
    client.patch(f"/api/conversations/{one}", json={"title": " The  rent "})
    assert client.get("/api/conversations", params={"words": "The rent"}).json()[0]["title"] == "The rent"
    exported = client.get(f"/api/conversations/{one}/export.json")
    assert "attachment" in exported.headers["content-disposition"]
    assert exported.json()["turns"][0]["answer"]["sources"][0]["quote"]
    markdown = client.get(f"/api/conversations/{one}/export.md").text
    assert markdown.startswith("# The rent\n")
    assert "900 euros" in markdown
    assert "docs/lease.txt, characters" in markdown
    assert client.get(f"/api/conversations/{one}/export.exe").status_code == 422
    client.delete(f"/api/conversations/{one}")
    assert [c["id"] for c in client.get("/api/conversations").json()] == [two]
    assert conversations.turn(OWNER, turn) is None


def test_an_export_keeps_a_documents_markup_text() -> None:
    source = {"document": "<b>.txt", "start": 0, "end": 5, "heading": [], "quote": "![x](http://evil) <script>"}
    answer = {
        "searched": "q",
        "question": "q",
        "claims": [{"text": source["quote"], "citations": [1]}],
        "sources": [source],
    }
    text = as_markdown("t", [StoredTurn("1", "q", answer, "")])
    assert r"\!\[x\](http://evil) \<script\>" in text
    assert "<script>" not in text.replace(r"\<", "")


def test_feedback_is_kept_and_printed(
    client: TestClient, desk: Desk, conversations: Conversations, tmp_path: Path
) -> None:
    _, turn = asked(desk, conversations, "What is the rent of the lease?")
    assert client.put(f"/api/feedback/{turn}", json={"thumb": "down", "comment": "too long"}).status_code == 200
    assert client.put(f"/api/feedback/{turn}", json={"thumb": "sideways"}).status_code == 422
    lone = client.put(f"/api/feedback/{turn}", content=b'{"thumb": "up", "comment": "\\ud800"}')
    assert lone.status_code == 422
    assert conversations.turn(OWNER, turn).thumb == "down"
    there = {"cwd": tmp_path, "RAG_DATABASE": desk.settings.database}
    printed = json.loads(rag("feedback", "--json", **there).stdout)["feedback"]
    assert [(e["thumb"], e["comment"], e["question"]) for e in printed] == [
        ("down", "too long", "What is the rent of the lease?")
    ]
    assert "too long" in rag("feedback", **there).stdout
    client.put(f"/api/feedback/{turn}", json={"thumb": ""})
    assert conversations.feedback() == []


def test_turns_become_a_history_and_what_the_page_shows(desk: Desk, conversations: Conversations) -> None:
    conversation, _ = asked(desk, conversations, "What is the rent of the lease?")
    conversations.add(OWNER, conversation, "stopped?", None, "Stopped.")
    turns = conversations.turns(OWNER, conversation)
    (turn,) = history(turns)
    assert turn.question == turn.searched == "What is the rent of the lease?"
    assert "The rent is 900 euros." in turn.sentences
    shown = [turn_value(t) for t in turns]
    assert shown[0]["sources"][0].keys() == {"document", "heading", "place", "date", "lead", "short", "quote"}
    assert (shown[1]["note"], "claims" in shown[1]) == ("Stopped.", False)


def finished(talks: Talks, *arguments: object) -> None:
    pending = talks.start(VISITOR, *arguments)
    list(talks.follow(pending))


def test_an_answer_is_kept_though_no_page_waits_for_it(desk: Desk, conversations: Conversations) -> None:
    desk.warm.load()
    pending = Talks(desk, conversations).start(VISITOR, None, "What is the rent of the lease?")
    for _ in range(200):
        if pending.done:
            break
        time.sleep(0.05)
    (turn,) = conversations.turns(OWNER, pending.conversation)
    assert turn.answer["claims"]


def test_what_is_replaced_goes_only_once_there_is_an_answer(desk: Desk, conversations: Conversations) -> None:
    desk.warm.load()
    talks = Talks(desk, conversations)
    conversation, first = asked(desk, conversations, "What is the rent of the lease?")
    conversations.add(OWNER, conversation, "And then?", None, "none")
    finished(talks, conversation, "???", first)
    assert [t.question for t in conversations.turns(OWNER, conversation)] == [
        "What is the rent of the lease?",
        "And then?",
    ]
    finished(talks, conversation, "What do cats eat all day?", first)
    assert [t.question for t in conversations.turns(OWNER, conversation)] == ["What do cats eat all day?"]


def test_a_stopped_question_is_kept_with_a_note(desk: Desk, conversations: Conversations) -> None:
    talks = Talks(desk, conversations)  # the models are not loaded, so the answer does not come
    pending = talks.start(VISITOR, None, "What is the rent of the lease?")
    assert talks.start(VISITOR, pending.conversation, "Another?") is pending
    talks.stop(pending.conversation)
    list(talks.follow(pending))
    (turn,) = conversations.turns(OWNER, pending.conversation)
    assert (turn.answer, turn.note) == (None, "Stopped before there was an answer.")


def test_conversations_do_not_stand_in_the_way_of_a_first_index(tmp_path: Path, folder: Path) -> None:
    Conversations.of(Settings(index=tmp_path / ".rag")).start(OWNER, "Hello?")
    build(Store(tmp_path / ".rag"), folder)
    with Store(tmp_path / ".rag").snapshot() as snapshot:
        assert snapshot.counts()[0] == 3
