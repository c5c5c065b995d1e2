"""The page's server without a browser: routes, access, conversations, uploads."""

import base64
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from index.encoding_e5 import E5Encoder
from index.errors import StorageError
from index.schema import IndexMeta
from index.store import Store
from rag.abstention import Gate
from rag.chain import Chain
from rag.settings import Settings
from rag.transcript import as_markdown
from tests.conftest import META, WordReranker, assert_one_line_error, build, clean_environment, rag, searcher
from tests.pdfs import pages
from tests.test_formats_mail import mail
from ui import desk as desk_module
from ui.access import user_of
from ui.app import create_app
from ui.conversations import FILE, Conversations, StoredTurn
from ui.desk import Desk, safe_name
from ui.talk import Talks, history, turn_value

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
    assert [bool(s.hits) for s in steps] == [False, True, True]
    assert [s.answer is None for s in steps] == [True, True, False]
    assert steps[1].hits[0].hit.passage.document == "docs/lease.txt"


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


def test_a_pdf_shows_its_page(client: TestClient, desk: Desk, conversations: Conversations, folder: Path) -> None:
    assert desk.keep("house.pdf", pages(("Cellars are cold.",), ("The lift of the house stops at three.",)))
    _, turn = asked(desk, conversations, "Where does the lift of the house stop?")
    assert client.get(f"/turns/{turn}/sources/1").json()["pages"] is True
    (found,) = client.get(f"/turns/{turn}/sources/1/pages").json()["pages"]
    assert found["page"] == 2
    assert found["top"] == pytest.approx((842 - 780) / 842, abs=0.01)
    picture = client.get(f"/turns/{turn}/sources/1/page.png", params={"page": 2})
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    other = client.get(f"/turns/{turn}/sources/1/page.png", params={"page": 1})
    assert (other.status_code, other.json()["detail"]) == (409, "nothing of the source stands on page 1")
    assert client.get(f"/turns/{turn}/sources/99/pages").status_code == 404
    (desk.uploads / "house.pdf").write_bytes(pages(("Nothing is left of it.",)))
    changed = client.get(f"/turns/{turn}/sources/1/pages")
    assert changed.status_code == 409
    assert "uploads/house.pdf has changed since it was indexed" in changed.json()["detail"]
    _, turn = asked(desk, conversations, "What is the rent of the lease?")
    assert client.get(f"/turns/{turn}/sources/1").json()["pages"] is False
    assert "has no pages to show" in client.get(f"/turns/{turn}/sources/1/pages").json()["detail"]


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
        client.get(f"/turns/{turn}/sources/1/pages"),
        client.get(f"/turns/{turn}/sources/1/page.png", params={"page": 1}),
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
    assert client.get("/conversations", params={"words": "%"}).json() == []
    assert [c["id"] for c in client.get("/conversations", params={"words": "ÉUROS 900"}).json()] == [one]
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
    lone = client.put(f"/turns/{turn}/feedback", content=b'{"thumb": "up", "comment": "\\ud800"}')
    assert lone.status_code == 422
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
    assert "The rent is 900 euros." in turn.sentences
    shown = [turn_value(t) for t in turns]
    assert shown[0]["sources"][0].keys() == {"document", "heading", "place", "date", "lead", "short", "quote"}
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


def test_an_upload_is_encoded_as_a_document_by_the_multilingual_encoder(tmp_path: Path) -> None:
    """Its questions and documents are encoded differently."""
    desk = Desk(Settings(index=tmp_path / ".rag", encoder="multilingual-e5-small"))
    desk.load()
    desk.keep("bikes.txt", b"Bicycles have two wheels.\n")
    with desk.store.snapshot() as snapshot:
        ((_, vectors),) = list(snapshot.chunks_since(0))
    document, question = (E5Encoder(is_question=q).encode(["Bicycles have two wheels."])[0] for q in (False, True))
    assert vectors[0] == pytest.approx(document, abs=1e-5)
    assert vectors[0] != pytest.approx(question, abs=1e-3)


def test_removing_what_was_not_uploaded_leaves_its_file(client: TestClient, folder: Path) -> None:
    assert client.delete("/documents", params={"name": "docs/lease.txt"}).status_code == 200
    assert (folder / "lease.txt").exists()
    assert "docs/lease.txt" not in [d["name"] for d in client.get("/documents").json()["documents"]]


def test_reading_again_reads_what_was_indexed_and_nothing_else(
    client: TestClient, store: Store, folder: Path, desk: Desk
) -> None:
    desk.load()
    (folder / "private.txt").write_text("Nobody gave this to anybody.\n")
    (folder / "sub" / "dogs.txt").unlink()
    (folder / "lease.txt").write_text("The lease ends on 4 June 2032.\n")
    assert client.post("/documents/reread").json() == {"changed": 1, "removed": 1, "skipped": []}
    assert [d["name"] for d in client.get("/documents").json()["documents"]] == ["docs/cats.md", "docs/lease.txt"]
    assert "4 June 2032" in desk.text("docs/lease.txt")


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


def test_an_uploaded_mail_brings_its_attachments_and_takes_them_away(client: TestClient, desk: Desk) -> None:
    message = mail("The zebra is striped.")
    message.add_attachment(b"Name,Rent\nAnn,900\n", maintype="text", subtype="csv", filename="rents.csv")
    assert upload(client, "m.eml", message.as_bytes())[0] == 200
    assert desk.text("uploads/m.eml/rents.csv") == "Name; Rent\nName: Ann; Rent: 900"
    listed = client.get("/documents").json()
    assert {"Word", "PDF", "E-mail"} < set(listed["formats"])
    assert "uploads/m.eml/rents.csv" in [document["name"] for document in listed["documents"]]
    assert client.delete("/documents", params={"name": "uploads/m.eml"}).status_code == 200
    assert desk.text("uploads/m.eml/rents.csv") is None
    assert not (desk.uploads / "m.eml").exists()


def test_a_bad_upload_does_not_replace_a_good_one(client: TestClient, desk: Desk) -> None:
    upload(client, "bikes.txt", b"Bicycles have two wheels.\n")
    assert upload(client, "bikes.txt", b"")[0] == 422
    assert (desk.uploads / "bikes.txt").read_bytes() == b"Bicycles have two wheels.\n"
    assert upload(client, "bikes.txt", b"\xff\xfe\x00")[0] == 422
    assert desk.text("uploads/bikes.txt") == "Bicycles have two wheels.\n"


def test_an_upload_that_fails_leaves_nothing(client: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise StorageError("disk full")

    monkeypatch.setattr("index.build.Builder.build", fail)
    assert upload(client, "bikes.txt", b"Bicycles have two wheels.\n") == (503, {"detail": "disk full"})
    assert list(desk.uploads.iterdir()) == []


def test_an_upload_takes_the_indexs_own_chunk_size(
    client: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "index_meta", lambda settings: IndexMeta("other@1", 100, 0))
    assert upload(client, "bikes.txt", b"Bicycles have two wheels.\n")[0] == 200


def test_deleting_needs_an_indexed_document(client: TestClient, desk: Desk) -> None:
    desk.uploads.mkdir()
    (desk.uploads / "mine.log").write_text("mine")
    for name in ("uploads/mine.log", "uploads/\0", "../../etc/passwd", "uploads/../docs/lease.txt"):
        assert client.delete("/documents", params={"name": name}).status_code == 404
    assert (desk.uploads / "mine.log").exists()


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
    assert client.post("/documents/reread", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/documents/reread", headers={"origin": "http://127.0.0.1"}).status_code == 200
    assert client.get("/documents", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/documents", headers={"host": "localhost:7860"}).status_code == 200


def join(client: TestClient, **values: object) -> int:
    event = {"data": ["Hello?", None, None], "fn_index": 0, "session_hash": "one", "event_data": None, **values}
    return client.post("/gradio_api/queue/join", json=event).status_code


def test_only_text_can_be_asked(client: TestClient) -> None:
    file = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    assert join(client) == 200
    for data in ([file, None, None], [[file]], ["x", file], file, None, [1]):
        assert join(client, data=data) == 422
    for event in ({"action": file}, {"path": "/etc/passwd"}, [file], "x"):
        assert join(client, event_data=event) == 422
    assert join(client, session_hash=None) == 422
    assert join(client, data=["x" * 300_000]) == 413
    assert client.post("/gradio_api/queue/join", content=b"[" * 100_000).status_code == 422


def test_a_pages_session_belongs_to_its_owner(client: TestClient) -> None:
    assert join(client, session_hash="mine") == 200
    client.cookies.clear()
    other = {"cookie": "rag_browser=" + "b" * 32}
    event = {"data": ["Hello?", None, None], "fn_index": 0, "session_hash": "mine"}
    assert client.post("/gradio_api/queue/join", json=event, headers=other).status_code == 403
    assert client.get("/gradio_api/queue/data?session_hash=mine", headers=other).status_code == 403


def test_the_rest_of_gradio_is_closed(client: TestClient) -> None:
    for path in (
        "upload",
        "file=x",
        "call/ask",
        "run/ask",
        "deep_link?session_hash=x",
        "component_server",
        "info",
        "cancel",
    ):
        for method in ("GET", "POST"):
            assert client.request(method, f"/gradio_api/{path}").status_code == 404, path


def test_cookies_of_other_programs_do_not_matter(client: TestClient, conversations: Conversations) -> None:
    conversations.start(OWNER, "Hello?")
    client.cookies.clear()
    for cookie in (f'prefs={{"theme":"dark"}}; rag_browser={BROWSER}', f"bad[key]=1;rag_browser={BROWSER}; z=a b"):
        answer = client.get("/conversations", headers={"cookie": cookie})
        assert len(answer.json()) == 1
        assert "set-cookie" not in answer.headers


def finished(talks: Talks, *arguments: object) -> None:
    pending = talks.start(OWNER, *arguments)
    list(talks.follow(pending))


def test_an_answer_is_kept_though_no_page_waits_for_it(desk: Desk, conversations: Conversations) -> None:
    desk.load()
    pending = Talks(desk, conversations).start(OWNER, None, "What is the rent of the lease?")
    for _ in range(200):
        if pending.done:
            break
        time.sleep(0.05)
    (turn,) = conversations.turns(OWNER, pending.conversation)
    assert turn.answer["claims"]


def test_what_is_replaced_goes_only_once_there_is_an_answer(desk: Desk, conversations: Conversations) -> None:
    desk.load()
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
    pending = talks.start(OWNER, None, "What is the rent of the lease?")
    assert talks.start(OWNER, pending.conversation, "Another?") is pending
    talks.stop(pending.conversation)
    list(talks.follow(pending))
    (turn,) = conversations.turns(OWNER, pending.conversation)
    assert (turn.answer, turn.note) == (None, "Stopped before there was an answer.")


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
        for path in ("/", "/documents", "/ui/chat.js", "/config", "/gradio_api/queue/data", "/conversations"):
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


def test_ctrl_c_stops_the_server_at_once_though_a_page_is_open(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); from rag.__main__ import main; import sys;"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{start} sys.argv[0] = 'rag'; main()", "ui", "--no-browser", "--port", str(port)],
        cwd=tmp_path,
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert f":{port}/" in process.stderr.readline()
    address = f"http://127.0.0.1:{port}/gradio_api"
    cookies = {"rag_browser": BROWSER}
    with httpx.stream("GET", f"{address}/heartbeat/one", timeout=60, cookies=cookies) as beating:
        assert beating.status_code == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert "Traceback" not in errors
    assert process.returncode in (0, 130, -signal.SIGINT)


def test_conversations_do_not_stand_in_the_way_of_a_first_index(tmp_path: Path, folder: Path) -> None:
    Conversations(tmp_path / ".rag" / FILE).start(OWNER, "Hello?")
    build(Store(tmp_path / ".rag"), folder)
    with Store(tmp_path / ".rag").snapshot() as snapshot:
        assert snapshot.counts()[0] == 3
