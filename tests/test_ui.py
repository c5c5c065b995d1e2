"""The page's server without a browser: routes, access, conversations, uploads."""

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from index.store import Store
from rag.abstention import Gate
from rag.chain import Chain
from rag.settings import Settings
from rag.transcript import as_markdown
from tests.conftest import META, WordReranker, assert_one_line_error, build, rag, searcher
from ui import desk as desk_module
from ui.access import user_of
from ui.app import create_app
from ui.conversations import FILE, Conversations, StoredTurn
from ui.desk import Desk, safe_name
from ui.page import history, turn_value

BROWSER = "a" * 32
OWNER = f"browser:{BROWSER}"


@pytest.fixture
def desk(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    build(store, folder)
    monkeypatch.setattr(desk_module, "index_meta", lambda settings: META)
    monkeypatch.setattr(desk_module, "open_chain", lambda settings: chain)
    chain = Chain(searcher(store), WordReranker(), Gate("words", 0.0, None, None, "by hand"), k=5)
    return Desk(Settings(index=store.folder))


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with TestClient(create_app(desk), base_url="http://127.0.0.1", cookies={"rag_browser": BROWSER}) as client:
        yield client


@pytest.fixture
def conversations(desk: Desk) -> Conversations:
    return Conversations(desk.settings.index / FILE)


def asked(desk: Desk, conversations: Conversations, question: str, owner: str = OWNER) -> tuple[str, str]:
    """Ask and keep the turn; return (conversation, turn)."""
    desk.load()
    answer = [step.answer for step in desk.ask(question, ())][-1]
    conversation = conversations.start(owner, question)
    return conversation, conversations.add(owner, conversation, question, answer.to_dict())


def test_the_steps_of_an_answer_show_sources_before_the_text(desk: Desk) -> None:
    desk.load()
    steps = list(desk.ask("What is the rent of the lease?", ()))
    assert [bool(s.passages) for s in steps] == [False, True, True]
    assert [s.answer is None for s in steps] == [True, True, False]
    assert steps[1].passages[0] == {"document": "docs/lease.txt", "heading": ["The lease"]}


def test_a_source_is_shown_in_its_document(client: TestClient, desk: Desk, conversations: Conversations) -> None:
    _, turn = asked(desk, conversations, "What is the rent of the lease?")
    shown = client.get(f"/turns/{turn}/sources/1").json()
    text = desk.text("docs/lease.txt")
    assert shown["there"] is True
    assert text[shown["start"] : shown["end"]] == shown["quote"]
    assert shown["before"] + shown["quote"] + shown["after"] == text
    assert client.get(f"/turns/{turn}/sources/99").status_code == 404
    assert client.get("/turns/none/sources/1").status_code == 404
    whole = client.get("/documents/text", params={"name": "docs/lease.txt"}).json()
    assert whole["text"] == text


def test_a_source_that_changed_or_went_says_so(
    client: TestClient, desk: Desk, conversations: Conversations, store: Store, folder: Path
) -> None:
    _, turn = asked(desk, conversations, "What is the rent of the lease?")
    quote = client.get(f"/turns/{turn}/sources/1").json()["quote"]
    (folder / "lease.txt").write_text("The lease\n\nNothing is left of it.\n")
    build(store, folder)
    shown = client.get(f"/turns/{turn}/sources/1").json()
    assert (shown["there"], shown["gone"], shown["quote"]) == (False, False, quote)
    (folder / "lease.txt").unlink()
    build(store, folder)
    assert client.get(f"/turns/{turn}/sources/1").json()["gone"] is True


def test_nobody_sees_another_owners_turns(desk: Desk, conversations: Conversations, client: TestClient) -> None:
    conversation, turn = asked(desk, conversations, "What is the rent of the lease?", owner="browser:" + "b" * 32)
    calls = [
        client.get(f"/turns/{turn}/sources/1"),
        client.put(f"/turns/{turn}/feedback", json={"thumb": "up"}),
        client.get(f"/conversations/{conversation}/export.json"),
        client.patch(f"/conversations/{conversation}", json={"title": "mine"}),
        client.delete(f"/conversations/{conversation}"),
    ]
    assert {call.status_code for call in calls} == {404}
    assert client.get("/conversations").json() == []
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
    assert [c["id"] for c in client.get("/conversations").json()] == [two, one]
    assert [c["id"] for c in client.get("/conversations", params={"words": "900 euros"}).json()] == [one]
    assert client.get("/conversations", params={"words": "%"}).json() == [], "a wildcard is a character"
    client.patch(f"/conversations/{one}", json={"title": " The  rent "})
    assert client.get("/conversations", params={"words": "The rent"}).json()[0]["title"] == "The rent"
    exported = client.get(f"/conversations/{one}/export.json")
    assert "attachment" in exported.headers["content-disposition"]
    assert exported.json()["turns"][0]["answer"]["sources"][0]["quote"]
    markdown = client.get(f"/conversations/{one}/export.md").text
    assert markdown.startswith("# The rent\n")
    assert "900 euros" in markdown
    assert "docs/lease.txt, characters" in markdown
    assert client.get(f"/conversations/{one}/export.exe").status_code == 404
    client.delete(f"/conversations/{one}")
    assert [c["id"] for c in client.get("/conversations").json()] == [two]
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
    assert client.put(f"/turns/{turn}/feedback", json={"thumb": "down", "comment": "too long"}).status_code == 200
    assert client.put(f"/turns/{turn}/feedback", json={"thumb": "sideways"}).status_code == 422
    assert conversations.turn(OWNER, turn).thumb == "down"
    printed = json.loads(rag("feedback", "--json", cwd=tmp_path).stdout)["feedback"]
    assert [(e["thumb"], e["comment"], e["question"]) for e in printed] == [
        ("down", "too long", "What is the rent of the lease?")
    ]
    assert "too long" in rag("feedback", cwd=tmp_path).stdout
    client.put(f"/turns/{turn}/feedback", json={"thumb": ""})
    assert conversations.feedback() == []


def test_turns_become_a_history_and_what_the_page_shows(desk: Desk, conversations: Conversations) -> None:
    conversation, _ = asked(desk, conversations, "What is the rent of the lease?")
    conversations.add(OWNER, conversation, "stopped?", None, "Stopped.")
    turns = conversations.turns(OWNER, conversation)
    (turn,) = history(turns)
    assert turn.question == turn.searched == "What is the rent of the lease?"
    assert "900 euros" in turn.answer
    shown = [turn_value(t) for t in turns]
    assert shown[0]["sources"][0].keys() == {"document", "heading", "quote"}
    assert (shown[1]["note"], "claims" in shown[1]) == ("Stopped.", False)


def upload(client: TestClient, name: str, data: bytes) -> tuple[int, dict[str, str]]:
    response = client.post("/documents", files={"file": (name, data)})
    return response.status_code, response.json()


def test_upload_ask_remove(client: TestClient, desk: Desk) -> None:
    assert upload(client, "bikes.txt", b"Bicycles have two wheels.\n") == (200, {"name": "bikes.txt", "detail": None})
    (row,) = [d for d in client.get("/documents").json()["documents"] if d["name"] == "uploads/bikes.txt"]
    assert (row["type"], row["chunks"], row["uploaded"]) == ("txt", 1, True)
    answer = [step.answer for step in desk.ask("How many wheels have bicycles?", ())][-1]
    assert answer.sources[0].document == "uploads/bikes.txt"
    assert client.delete("/documents", params={"name": "uploads/bikes.txt"}).status_code == 200
    assert not (desk.uploads / "bikes.txt").exists()
    answer = [step.answer for step in desk.ask("How many wheels have bicycles?", ())][-1]
    assert all(p.document != "uploads/bikes.txt" for p in answer.passages)
    assert client.delete("/documents", params={"name": "uploads/bikes.txt"}).status_code == 404


def test_removing_what_was_not_uploaded_leaves_its_file(client: TestClient, folder: Path) -> None:
    assert client.delete("/documents", params={"name": "docs/lease.txt"}).status_code == 200
    assert (folder / "lease.txt").exists()
    assert "docs/lease.txt" not in [d["name"] for d in client.get("/documents").json()["documents"]]
    done = client.post("/documents/reindex").json()
    assert done == {"added": 1, "changed": 0, "removed": 0, "skipped": []}


@pytest.mark.parametrize(
    ("name", "data", "code", "detail"),
    [
        ("virus.exe", b"MZ", 422, "this format is not read"),
        ("empty.txt", b"", 422, "empty"),
        ("blank.txt", b" \n", 422, "empty"),
        ("zeros.txt", bytes(1000), 422, "binary"),
        ("big.txt", b"a" * 25_000_001, 413, "larger than 25 MB"),
    ],
)
def test_an_upload_that_cannot_be_read_is_refused_and_not_kept(
    client: TestClient, desk: Desk, name: str, data: bytes, code: int, detail: str
) -> None:
    status, body = upload(client, name, data)
    assert (status, detail in body["detail"]) == (code, True), body
    assert not (desk.uploads / name).exists()


def test_a_bad_upload_does_not_replace_a_good_one(client: TestClient, desk: Desk) -> None:
    upload(client, "bikes.txt", b"Bicycles have two wheels.\n")
    assert upload(client, "bikes.txt", b"")[0] == 422
    assert (desk.uploads / "bikes.txt").read_bytes() == b"Bicycles have two wheels.\n"
    assert desk.text("uploads/bikes.txt") == "Bicycles have two wheels.\n"


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("notes.txt", "notes.txt"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\boot.txt", "boot.txt"),
        ("a\nb\x1b[31m.txt", "a_b_[31m.txt"),
        (".hidden.txt", "hidden.txt"),
        ("<img src=x onerror=alert(1)>.txt", "<img src=x onerror=alert(1)>.txt"),
        ("", "unnamed"),
        ("..", "unnamed"),
    ],
)
def test_a_file_name_is_made_safe(given: str, safe: str) -> None:
    assert safe_name(given) == safe


def test_a_long_name_keeps_its_suffix() -> None:
    name = safe_name("é" * 300 + ".txt")
    assert name.endswith("é.txt")
    assert len(name.encode()) <= 200


def test_examples_are_names_of_the_documents(store: Store, folder: Path) -> None:
    (folder / "who.txt").write_text("The mayor is Ana Maria Lopez. She met Ana Maria Lopez and saw New York.\n")
    build(store, folder)
    assert Desk(Settings(index=store.folder)).examples() == [
        "What is said about Ana Maria Lopez?",
        "What is said about New York?",
    ]
    assert Desk(Settings(index=folder / "none" / ".rag")).examples() == []


def test_every_response_shuts_the_page_in(client: TestClient) -> None:
    for path in ("/", "/documents", "/ui/chat.js", "/none"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_new_browser_gets_its_own_number(desk: Desk) -> None:
    with TestClient(create_app(desk), base_url="http://127.0.0.1") as client:
        cookie = client.get("/documents").headers["set-cookie"]
        assert "HttpOnly; SameSite=Strict" in cookie
        assert "set-cookie" not in client.get("/documents").headers


def test_other_sites_and_other_names_are_refused(client: TestClient) -> None:
    assert client.post("/documents/reindex", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/documents/reindex", headers={"origin": "http://127.0.0.1"}).status_code == 200
    assert client.get("/documents", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/documents", headers={"host": "localhost:7860"}).status_code == 200


def test_no_file_but_the_pages_own_is_served(client: TestClient, desk: Desk) -> None:
    for path in ("pyproject.toml", str(desk.settings.index / "store.sqlite3"), "/etc/passwd", "../../etc/passwd"):
        assert client.get(f"/gradio_api/file={path}").status_code in (403, 404)
        assert client.get(f"/ui/{path}").status_code == 404
    assert client.post("/gradio_api/upload", files={"files": ("a.txt", b"abc")}).status_code >= 400
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert client.get(path).status_code == 404 or "swagger" not in client.get(path).text.lower()


def basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def test_with_users_every_route_asks_for_a_password(desk: Desk) -> None:
    app = create_app(desk, users={"ana": "sécret:1", "bob": "other"})
    with TestClient(app, base_url="http://127.0.0.1") as client:
        for path in ("/", "/documents", "/ui/chat.js", "/config", "/gradio_api/info", "/conversations"):
            for wrong in ({}, basic("ana:other"), basic("eve:"), basic("ana"), {"authorization": "Basic %%%"}):
                assert client.get(path, headers=wrong).status_code == 401
        assert client.get("/documents", headers=basic("ana:sécret:1")).status_code == 200
    assert user_of({"authorization": "Bearer x"}, {"ana": "x"}) is None


def test_conversations_belong_to_the_user_not_the_browser(desk: Desk, conversations: Conversations) -> None:
    conversations.start("user:ana", "Hello?")
    with TestClient(create_app(desk, users={"ana": "x", "bob": "y"}), base_url="http://127.0.0.1") as client:
        assert len(client.get("/conversations", headers=basic("ana:x")).json()) == 1
        assert client.get("/conversations", headers=basic("bob:y")).json() == []


def test_rag_ui_refuses_what_is_not_safe_or_not_possible(tmp_path: Path) -> None:
    assert_one_line_error(rag("ui", "--host", "0.0.0.0", cwd=tmp_path), 1, "lets others in: give --auth")
    assert_one_line_error(rag("ui", "--auth", "ana", cwd=tmp_path), 1, "USER:PASSWORD")
    assert_one_line_error(rag("ui", cwd=tmp_path, RAG_AUTH=":x"), 1, "USER:PASSWORD")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = rag("ui", "--no-browser", "--port", port, cwd=tmp_path)
    assert_one_line_error(result, 1, f"cannot listen on 127.0.0.1, port {port}: address already in use", "--port")
    assert not (tmp_path / ".rag").exists()


def test_conversations_do_not_stand_in_the_way_of_a_first_index(tmp_path: Path, folder: Path) -> None:
    Conversations(tmp_path / ".rag" / FILE).start(OWNER, "Hello?")
    build(Store(tmp_path / ".rag"), folder)
    with Store(tmp_path / ".rag").snapshot() as snapshot:
        assert snapshot.counts()[0] == 3
