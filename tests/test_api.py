"""The HTTP API: asking (at once and as it comes), searching, documents, conversations, health and figures."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from index.errors import ModelError
from index.store import Store
from rag.settings import Settings
from server.app import create_app
from tests.conftest import ROOT, build
from tests.pdfs import pages
from tests.serving import listed, upload
from ui import desk as desk_module
from ui.desk import Desk

QUESTION = "What is the rent of the lease?"


def events(text: str) -> list[tuple[str, Any]]:
    """Read server-sent events."""
    blocks = [block.split("\n") for block in text.split("\n\n") if block]
    assert all(len(block) == 2 for block in blocks)
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def test_an_answer_is_that_of_the_command_line(client: TestClient, desk: Desk) -> None:
    answer = client.post("/api/ask", json={"question": QUESTION}).json()
    schema = json.loads((ROOT / "docs" / "answer.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(answer)
    expected = json.loads(json.dumps(desk.chain().invoke(QUESTION).to_dict()))
    assert {**answer, "timings": None} == {**expected, "timings": None}
    (source,) = [s for s in answer["sources"] if "900" in s["quote"]]
    assert desk.text(source["document"])[source["start"] : source["end"]] == source["quote"]


def test_a_stream_has_the_passages_then_checked_sentences_then_the_answer(client: TestClient) -> None:
    response = client.post("/api/ask", json={"question": QUESTION, "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    found = events(response.text)
    answer = found[-1][1]
    claims = [value for name, value in found if name == "claim"]
    assert [name for name, _ in found] == ["searched", "passages", *["claim"] * len(claims), "answer"]
    assert found[1][1][0]["document"] == "docs/lease.txt"
    assert [value["claim"] for value in claims] == answer["claims"]
    assert [value["sources"] for value in claims] == [[source] for source in answer["sources"]]
    assert claims


def test_a_stream_that_cannot_begin_says_so_by_its_status(client: TestClient) -> None:
    for wrong in ({"question": " "}, {"question": "?!"}, {"question": "x", "where": "colour=red"}, {}):
        assert client.post("/api/ask", json={**wrong, "stream": True}).status_code == 422
        assert client.post("/api/ask", json=wrong).status_code == 422


def test_a_stream_that_fails_ends_with_the_reason(client: TestClient, desk: Desk) -> None:
    desk.chain().verify = fail  # type: ignore[method-assign]
    found = events(client.post("/api/ask", json={"question": QUESTION, "stream": True}).text)
    assert found[-1] == ("error", {"detail": "the disk is gone"})


def fail(*arguments: object) -> None:
    raise ModelError("the disk is gone")


def test_a_follow_up_leans_on_the_history(client: TestClient) -> None:
    history = [{"question": QUESTION}, {"question": "And when does it end?"}]
    answer = client.post("/api/ask", json={"question": "Why?", "history": history}).json()
    assert answer["searched"] == f"{QUESTION} And when does it end? Why?"


def test_search_gives_the_hits_of_the_command_line(client: TestClient, desk: Desk) -> None:
    found = client.get("/api/search", params={"question": "rent", "k": 2, "where": "path:lease"}).json()
    assert found == {
        "generation": 1,
        "hits": [hit.to_dict() | {"heading": ["The lease"]} for hit in desk.search("rent", 2, "path:lease").hits],
    }
    assert {hit["document"] for hit in found["hits"]} == {"docs/lease.txt"}
    assert client.get("/api/search", params={"question": "rent", "where": "path:none"}).status_code == 422


def test_a_document_has_a_status_and_a_text_in_parts(client: TestClient) -> None:
    ids = listed(client)
    id_ = ids["docs/lease.txt"]
    status = client.get(f"/api/documents/{id_}").json()
    assert (status["name"], status["type"], status["uploaded"]) == ("docs/lease.txt", "txt", False)
    text = client.get(f"/api/documents/{id_}/text").json()["text"]
    part = client.get(f"/api/documents/{id_}/text", params={"start": 4, "end": 9}).json()
    assert part == {"document": "docs/lease.txt", "start": 4, "end": 9, "text": text[4:9]}
    beyond = client.get(f"/api/documents/{id_}/text", params={"start": 10_000}).json()
    assert (beyond["start"], beyond["end"], beyond["text"]) == (len(text), len(text), "")
    one = client.get("/api/documents", params={"name": "docs/lease.txt"}).json()
    assert ([document["id"] for document in one["documents"]], one["passages"]) == ([id_], status["chunks"])
    for path in ("", "/text", "/page/1.png?span=0-1"):
        assert client.get(f"/api/documents/999{path}").status_code == 404


def test_a_page_shows_the_span_that_is_asked_for(client: TestClient, desk: Desk) -> None:
    assert upload(client, "house.pdf", pages(("Cellars are cold.",), ("The lift stops at three.",)))[0] == 200
    id_ = listed(client)["uploads/house.pdf"]
    text = client.get(f"/api/documents/{id_}/text").json()["text"]
    start = text.index("The lift")
    path = f"/api/documents/{id_}/page/2.png"
    marked = client.get(path, params={"span": f"{start}-{start + 8}"})
    assert (marked.status_code, marked.headers["content-type"]) == (200, "image/png")
    more = client.get(path, params={"span": f"{start}-{start + 24}"})
    assert more.content.startswith(b"\x89PNG")
    assert more.content != marked.content, "more is painted over"
    assert client.get(f"/api/documents/{id_}/page/1.png", params={"span": f"{start}-{start + 8}"}).status_code == 409
    assert client.get(path, params={"span": "x"}).status_code == 422
    lease = listed(client)["docs/lease.txt"]
    assert client.get(f"/api/documents/{lease}/page/1.png", params={"span": "0-3"}).status_code == 409


def test_a_conversation_is_kept_turn_by_turn(client: TestClient) -> None:
    id_ = client.post("/api/conversations", json={"title": "Rent"}).json()["id"]
    first = client.post(f"/api/conversations/{id_}/turns", json={"question": QUESTION}).json()
    second = client.post(f"/api/conversations/{id_}/turns", json={"question": "Why?"}).json()
    assert second["answer"]["searched"] == f"{QUESTION} Why?"
    assert client.get(f"/api/conversations/{id_}").json() == [first, second]
    assert client.get(f"/api/turns/{first['id']}/sources/1").json()["there"] is True
    assert client.put(f"/api/feedback/{first['id']}", json={"thumb": "up"}).json() == {"thumb": "up"}
    assert [entry["question"] for entry in client.get("/api/feedback").json()] == [QUESTION]
    assert client.post("/api/conversations/none/turns", json={"question": QUESTION}).status_code == 404


def test_what_another_process_indexes_is_answered_from_at_once(client: TestClient, store: Store, folder: Path) -> None:
    assert client.post("/api/ask", json={"question": "Where do otters live?"}).json()["generation"] == 1
    (folder / "otters.txt").write_text("Otters live in rivers.\n")
    build(store, folder)
    answer = client.post("/api/ask", json={"question": "Where do otters live?"}).json()
    assert (answer["generation"], answer["claims"][0]["text"]) == (2, "Otters live in rivers.")


def test_health_readiness_and_figures(client: TestClient, desk: Desk) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    desk.chain()
    assert client.get("/readyz").json() == {"status": "ready"}
    client.post("/api/ask", json={"question": QUESTION})
    client.get(f"/api/documents/{listed(client)['docs/lease.txt']}/text")
    client.get("/api/documents/777")
    figures = client.get("/metrics").text
    assert 'rag_answers_total{verdict="answered"} 1.0' in figures
    assert 'rag_stage_seconds_count{stage="retrieve"} 1.0' in figures
    assert "rag_documents 3.0" in figures
    assert 'rag_http_requests_total{method="GET",route="/api/documents/{id}/text",status="200"} 1.0' in figures
    assert 'rag_http_requests_total{method="GET",route="/api/documents/{id}",status="404"} 1.0' in figures
    assert not re.search(r'lease|"[^"\n]*777[^"\n]*"', figures), "no names of documents"


def test_a_server_without_an_index_or_a_model_is_alive_and_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "open_chain", fail)
    desk = Desk(Settings(index=tmp_path / ".rag"))
    with TestClient(create_app(desk), base_url="http://127.0.0.1") as client:
        asked = client.post("/api/ask", json={"question": QUESTION})
        assert (asked.status_code, asked.json()) == (503, {"detail": "the disk is gone"})
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["detail"]) == (503, "not ready: ModelError")
        assert client.get("/api/documents").json()["documents"] == []
