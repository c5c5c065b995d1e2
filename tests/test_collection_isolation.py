"""Collections are walls: whatever is asked in one, by whatever door, nothing of another is in what comes back.

The routes are those that the application itself describes, so a new one is tried here, too, or fails here. Each is
tried with ids, names, filters and words of the other collection; the same is then done by somebody who may, so that
there is something to leak on the very same routes.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import gradio as gr
import pytest
from httpx import Response
from mcp import Client
from starlette.requests import Request
from starlette.testclient import TestClient

from index.collections import folder_of
from index.errors import CollectionMissingError
from index.filters import parse_filter
from index.store import Store
from rag.removal import remove_collection
from server.accounts import Accounts
from server.agents import Api, make_server
from server.app import create_api, create_app
from tests.conftest import build
from tests.serving import upload
from tests.test_access import NEEDED, PAGE, basic
from ui.collections import Collections
from ui.conversations import Conversations
from ui.desk import Desk
from ui.page import Events
from ui.visitor import KEY, Role, Visitor

pytestmark = pytest.mark.databases

# Words of the text, the heading and the names of what only the collection "hr" has, and of what was asked there.
HR = ("zebrawood", "quokka", "umbrellar", "mongoosey", "barkington", "houndish", "uploads@hr", "purrsome", "4711 euros")
# ... and of what only the default one has: it is a wall on that side, too.
PLAIN = ("900 euros", "docs/lease", "docs/cats", "fish and mice", "bark at night")
QUESTION = "What is the rent of zebrawood, and when does quokka end?"
PEOPLE = {"lex": ("legal",), "hana": ("hr",), "both": ("legal", "hr"), "dan": ()}
OTHERS = ("hr", "HR", "hr.collection", "../hr.collection", "default", "nothing", "hr\u0301")


@pytest.fixture
def town(desk: Desk, tmp_path: Path) -> Desk:
    """Return the desk of the default collection, beside which there are two others that share many words."""
    for name, file, text in (
        ("legal", "contract.txt", "# Contract\n\nThe rent of the office ends in May. The rent is 700 euros.\n"),
        (
            "hr",
            "mongoosey.txt",
            "# Umbrellar\n\nThe rent of zebrawood is 4711 euros. The rent of quokka ends in May.\n",
        ),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text)
        build(Store(folder_of(desk.settings.index, name)), tmp_path / name)
    return desk


@pytest.fixture
def client(town: Desk, accounts: Accounts, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """Return a client of the API, and of the page where that is asked for: it takes seconds."""
    for name, collections in PEOPLE.items():
        accounts.add(name, "long enough", Role.EDITOR, collections=collections)
    accounts.add("boss", "long enough", Role.ADMIN)
    app = create_app(town, accounts=accounts, with_page=getattr(request, "param", False))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def login(name: str) -> dict[str, str]:
    return basic(f"{name}:long enough")


def fill(client: TestClient, name: str, collection: str) -> dict[str, str]:
    """Have somebody use their collection in every way; return what there is of it: ids by the parameter of a path."""
    client.headers.update(login(name))
    which = {"params": {"collection": collection}}
    assert client.post("/api/documents", files={"file": ("houndish.md", b"# Houndish\n\nBarkington.\n")}, **which)
    talk = client.post("/api/conversations", json={"title": "Purrsome"}, **which).json()["id"]
    turn = client.post(f"/api/conversations/{talk}/turns", json={"question": QUESTION}, **which).json()["id"]
    assert client.put(f"/api/feedback/{turn}", json={"thumb": "up", "comment": "Purrsome"}, **which).status_code == 200
    client.post("/api/ask", json={"question": QUESTION}, **which)
    document = client.get("/api/documents", **which).json()["documents"][0]["id"]
    return {"document": str(document), "conversation": talk, "turn": turn}


# What each route that reads a body is sent. The OpenAPI description says which do: one that is not here fails.
BODIES: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("POST", "/api/ask"): [
        {"json": {"question": QUESTION, "where": where, "stream": stream, "history": history}}
        for where in ("", "path:*mongoosey*", "-path:nothing")
        for stream in (False, True)
        for history in ([], [{"question": QUESTION, "sentences": ["The rent of it ends."]}])
    ],
    ("POST", "/api/documents"): [{"files": {"file": ("houndish.md", b"Something else.\n")}}],
    ("POST", "/api/conversations"): [{"json": {"title": "Rent"}}],
    ("PATCH", "/api/conversations/{id}"): [{"json": {"title": "Rent"}}],
    ("POST", "/api/conversations/{id}/turns"): [
        {"json": {"question": question, "where": where}}
        for question in (QUESTION, "And when does it end?")
        for where in ("", "path:*mongoosey*")
    ],
    ("PUT", "/api/feedback/{turn}"): [{"json": {"thumb": "down", "comment": ""}}],
    ("POST", "/v1/chat/completions"): [
        {"json": {"model": model, "stream": stream, "messages": [{"role": "user", "content": QUESTION}]}}
        for model in ("checkable-rag", "checkable-rag/hr", "checkable-rag/nothing")
        for stream in (False, True)
    ],
    ("POST", "/v1/embeddings"): [{"json": {"model": "all-MiniLM-L6-v2", "input": QUESTION}}],
}
QUERIES: dict[str, list[dict[str, str]]] = {
    "/api/search": [{"question": QUESTION, "k": "50"}, {"question": "rent", "where": "path:*mongoosey*"}],
    "/api/documents": [{}, {"name": "hr/mongoosey.txt"}],
    "/api/documents/{id}/page/{number}.png": [{"span": "0-9"}],
    "/api/turns/{id}/sources/{number}/page.png": [{"page": "1"}],
    "/api/conversations": [{}, {"words": "purrsome"}],
}


def described(town: Desk) -> list[tuple[str, str, bool]]:
    """Return (method, path, whether it reads a body) of all routes; those that remove something come last."""
    paths = create_api(town).openapi()["paths"]
    found = [(m.upper(), path, "requestBody" in what) for path, ms in paths.items() for m, what in ms.items()]
    return sorted(found, key=lambda route: route[0] == "DELETE")


def addresses(path: str, ids: dict[str, str]) -> list[str]:
    """Return a path with each id that it may mean: documents, conversations, turns, models."""
    kind = next((k for k in ("document", "conversation", "turn") if f"/{k}s/" in path), "turn")
    id_ = ids["turn"] if path.startswith(("/api/turns", "/api/feedback")) else ids[kind]
    filled = [id_] if "/models/" not in path else ["checkable-rag", "checkable-rag/hr", "checkable-rag/nothing"]
    forms = ("md", "json") if "{form}" in path else ("",)
    numbers = ("1", "2", "5") if "{number}" in path else ("",)
    return [
        re.sub(r"\{\w+\}", one, path.replace("{form}", form).replace("{number}", number))
        for one in filled
        for form in forms
        for number in numbers
    ]


def sweep(
    client: TestClient, town: Desk, ids: dict[str, str], collection: str | None
) -> Iterator[tuple[tuple[str, str], Response]]:
    """Call every route in every way; yield (method, path) and the response."""
    for method, path, has_body in described(town):
        assert not has_body or (method, path) in BODIES, f"say above what {method} {path} is sent"
        for address in addresses(path, ids):
            for query in QUERIES.get(path, [{}]) if method == "GET" else [{}]:
                for body in BODIES.get((method, path), [{}]):
                    named = {} if collection is None else {"collection": collection}
                    yield (method, path), client.request(method, address, params={**query, **named}, **body)


def said(response: Response, *typed: str) -> str:
    """Return all that a response says but what was typed, in small letters."""
    text = f"{response.text} {dict(response.headers)}"
    for words in (QUESTION, *typed):
        for form in (words, json.dumps(words)[1:-1]):
            text = text.replace(form, "")
    return text.lower()


def leaked(text: str) -> list[str]:
    return [word for word in (*HR, *PLAIN) if word in text]


@pytest.mark.parametrize("collection", [None, "legal", *OTHERS])
def test_no_route_shows_a_word_of_another_collection(client: TestClient, town: Desk, collection: str | None) -> None:
    ids = fill(client, "hana", "hr")
    before = [store_words(town, "hr"), client.get(f"/api/conversations/{ids['conversation']}").json()]
    client.headers.update(login("lex"))
    answered = set()
    for route, response in sweep(client, town, ids, collection):
        answered |= {route} if response.status_code == 200 else set()
        text = said(response, "path:*mongoosey*", "checkable-rag/hr", "checkable-rag/nothing", "houndish.md")
        assert leaked(text) == [], (route, response.text)
        assert response.status_code < 500, (route, response.text)
    tried = {("POST", "/api/ask"), ("GET", "/api/search"), ("GET", "/api/documents"), ("POST", "/v1/chat/completions")}
    assert (answered >= tried) == (collection in (None, "legal")), "what is asked rightly is answered"
    client.headers.update(login("hana"))
    assert [store_words(town, "hr"), client.get(f"/api/conversations/{ids['conversation']}").json()] == before


def store_words(town: Desk, name: str) -> list[str]:
    with Store(folder_of(town.settings.index, name)).snapshot() as snapshot:
        return [f"{record.name}: {snapshot.text(record.id)}" for record in snapshot.documents()]


def test_who_may_finds_all_of_it_on_the_same_routes(client: TestClient, town: Desk) -> None:
    ids = fill(client, "hana", "hr")
    shown: dict[tuple[str, str], set[str]] = {}
    for route, response in sweep(client, town, ids, "hr"):
        if route[0] != "DELETE":
            shown.setdefault(route, set()).update(leaked(said(response)))
    showing = {route for route, words in shown.items() if words}
    assert showing >= {
        ("POST", "/api/ask"),
        ("GET", "/api/search"),
        ("GET", "/api/documents"),
        ("GET", "/api/documents/{id}"),
        ("GET", "/api/documents/{id}/text"),
        ("GET", "/api/conversations"),
        ("GET", "/api/conversations/{id}"),
        ("POST", "/api/conversations/{id}/turns"),
        ("GET", "/api/conversations/{id}/export.{form}"),
        ("GET", "/api/turns/{id}/sources/{number}"),
        ("POST", "/v1/chat/completions"),
    }
    assert set().union(*shown.values()) == set(HR)
    client.headers.update(login("dan"))
    plain = client.post("/api/ask", json={"question": "What is the rent, what do cats eat, and when do dogs bark?"})
    assert leaked(said(plain)) == list(PLAIN)


@pytest.mark.parametrize("name", ["lex", "dan"])
def test_somebody_elses_collection_is_answered_as_one_that_does_not_exist(
    client: TestClient, town: Desk, name: str
) -> None:
    ids = fill(client, "hana", "hr")
    client.headers.update(login(name))
    theirs = sweep(client, town, ids, "hr")
    nobodys = sweep(client, town, ids, "nothing")
    guarded = {route for role in NEEDED.values() for route in role}
    count = 0
    for (route, response), (_, other) in zip(theirs, nobodys, strict=True):
        if route in guarded:
            assert (response.status_code, response.text) == (other.status_code, other.text), route
            assert response.status_code == (403 if route in NEEDED[Role.ADMIN] else 404), route
            count += 1
    assert count > len(guarded)
    by_model = [
        client.post("/v1/chat/completions", json={"model": f"checkable-rag/{which}", "messages": [MESSAGE]})
        for which in ("hr", "nothing")
    ]
    assert [response.status_code for response in by_model] == [404, 404]
    assert by_model[0].text == by_model[1].text


MESSAGE = {"role": "user", "content": QUESTION}


def test_the_nearest_passages_are_of_the_collection_alone(client: TestClient) -> None:
    fill(client, "hana", "hr")
    client.headers.update(login("lex"))
    answer = client.post("/api/ask", json={"question": "Zebrawood quokka barkington?"}).json()
    assert answer["verdict"] == "not_in_documents"
    assert {passage["document"] for passage in answer["passages"]} == {"legal/contract.txt"}


def test_what_was_asked_elsewhere_before_changes_nothing(client: TestClient) -> None:
    """A cache that is filled in one collection is no source for another, whichever is asked first."""
    for first, second in (("legal", "hr"), ("hr", "legal")):
        client.headers.update(login("both"))
        found = [
            client.post("/api/ask", json={"question": "What is the rent?"}, params={"collection": name}).json()
            for name in (first, second, first)
        ]
        assert found[0]["claims"] == found[2]["claims"]
        assert found[0]["claims"] != found[1]["claims"]
        documents = [{passage["document"].split("/")[0] for passage in answer["passages"]} for answer in found]
        assert documents == [{first}, {second}, {first}]


def test_each_has_the_collections_that_they_were_given_the_first_first(client: TestClient) -> None:
    for name, names in (
        ("lex", ["legal"]),
        ("both", ["legal", "hr"]),
        ("dan", ["default"]),
        ("boss", ["default", "hr", "legal"]),
    ):
        listed = client.get("/api/collections", headers=login(name)).json()
        assert [one["name"] for one in listed] == names
        first = client.get("/api/documents", headers=login(name)).json()
        assert {d["name"].split("/")[0] for d in first["documents"]} == {names[0].replace("default", "docs")}
        models = [one["id"] for one in client.get("/v1/models", headers=login(name)).json()["data"]]
        several = [f"checkable-rag/{one}" for one in names] if len(names) > 1 else []
        assert models == ["checkable-rag", *several, "all-MiniLM-L6-v2"]
        assert client.get(f"/v1/models/{models[-2]}", headers=login(name)).json()["id"] == models[-2]


def test_a_model_of_openais_api_names_a_collection_and_its_citations_open(client: TestClient) -> None:
    client.headers.update(login("both"))
    asked = {"messages": [{"role": "user", "content": "What is the rent of zebrawood?"}]}
    reply = client.post("/v1/chat/completions", json={**asked, "model": "checkable-rag/hr"}).json()
    assert reply["model"] == "checkable-rag/hr"
    message = reply["choices"][0]["message"]
    assert message["content"].startswith("The rent of zebrawood is 4711 euros. [1]")
    cited = message["annotations"][0]["url_citation"]["url"]
    assert client.get(cited).json()["text"] == "The rent of zebrawood is 4711 euros."
    assert client.get(cited, headers=login("lex")).status_code == 404


def test_a_conversation_goes_on_in_its_collection_whichever_is_named(client: TestClient) -> None:
    ids = fill(client, "both", "hr")
    asked = {"question": "And when does quokka end?"}
    turn = client.post(f"/api/conversations/{ids['conversation']}/turns", json=asked).json()
    assert {passage["document"] for passage in turn["answer"]["passages"]} <= {
        "hr/mongoosey.txt",
        "uploads@hr/houndish.md",
    }
    assert len(client.get(f"/api/conversations/{ids['conversation']}").json()) == 2
    elsewhere = {"params": {"collection": "legal"}}
    assert client.get(f"/api/conversations/{ids['conversation']}", **elsewhere).status_code == 404
    assert client.get("/api/conversations", **elsewhere).json() == []
    assert client.get("/api/feedback", headers=login("boss"), **elsewhere).json() == []
    assert len(client.get("/api/feedback", headers=login("boss"), params={"collection": "hr"}).json()) == 1


def test_what_somebody_asked_in_a_collection_is_not_theirs_once_that_is_not(
    client: TestClient, accounts: Accounts
) -> None:
    ids = fill(client, "hana", "hr")
    talk, turn = f"/api/conversations/{ids['conversation']}", ids["turn"]
    paths = (talk, f"{talk}/export.md", f"/api/turns/{turn}/sources/1")
    assert [client.get(path).status_code for path in paths] == [200, 200, 200]
    accounts.change("hana", collections=["legal"])
    assert [client.get(path).status_code for path in paths] == [404, 404, 404]
    assert client.put(f"/api/feedback/{turn}", json={"thumb": "down"}).status_code == 404
    assert client.post(f"{talk}/turns", json={"question": "And when?"}).status_code == 404
    assert client.delete(talk).status_code == 404
    accounts.change("hana", collections=["hr"])
    assert [client.get(path).status_code for path in paths] == [200, 200, 200]


def test_a_filter_and_a_collection_hold_together(client: TestClient, accounts: Accounts) -> None:
    ids = fill(client, "hana", "hr")
    accounts.change("hana", documents="path:*houndish*")
    client.headers.update(login("hana"))
    listed = client.get("/api/documents").json()["documents"]
    assert [document["name"] for document in listed] == ["uploads@hr/houndish.md"]
    assert client.get(f"/api/documents/{ids['document']}").status_code == (
        404 if str(listed[0]["id"]) != ids["document"] else 200
    )
    assert "4711" not in client.post("/api/ask", json={"question": "What is the rent?"}).text


def test_uploads_of_the_same_name_are_files_of_their_own(client: TestClient, town: Desk) -> None:
    for name, words in (("lex", b"Law.\n"), ("hana", b"People.\n"), ("dan", b"Plain.\n")):
        client.headers.update(login(name))
        assert upload(client, "note.txt", words) == (200, {"name": "note.txt", "detail": None})
    base = town.settings.index.parent
    assert [(base / folder / "note.txt").read_bytes() for folder in ("uploads@legal", "uploads@hr", "uploads")] == [
        b"Law.\n",
        b"People.\n",
        b"Plain.\n",
    ]
    assert client.post("/api/documents/reread").json() == {"changed": 0, "removed": 0, "skipped": []}
    client.headers.update(login("lex"))
    names = {d["name"]: d["id"] for d in client.get("/api/documents").json()["documents"]}
    assert client.delete(f"/api/documents/{names['uploads@legal/note.txt']}").status_code == 200
    assert not (base / "uploads@legal" / "note.txt").exists()
    assert (base / "uploads@hr" / "note.txt").exists()


def test_figures_name_no_collection_and_count_all(client: TestClient) -> None:
    fill(client, "hana", "hr")
    text = client.get("/metrics", headers=login("boss")).text
    assert "rag_documents 6.0" in text  # three, one, and one with an upload
    assert leaked(text.lower()) == []
    assert 'collection="' not in text
    assert client.get("/readyz").json() == {"status": "ready"}


def test_one_that_is_made_or_removed_is_there_or_gone_at_once(client: TestClient, town: Desk, tmp_path: Path) -> None:
    fill(client, "hana", "hr")
    remove_collection(
        folder_of(town.settings.index, "hr"),
        lambda gone: Conversations.of(replace(town.settings, index=gone)).database.drop(),
    )
    client.headers.update(login("hana"))
    for path in ("/api/documents", "/api/conversations", "/api/collections"):
        assert (client.get(path).status_code, client.get(path).json()) == (
            404,
            {"detail": "there is no such collection"},
        )
    assert not any("hr" in path.name for path in tmp_path.iterdir() if path.name.startswith("uploads"))
    build(Store(folder_of(town.settings.index, "hr")), tmp_path / "legal")
    assert [d["name"] for d in client.get("/api/documents").json()["documents"]] == ["legal/contract.txt"]
    assert client.get("/api/conversations").json() == []


def page_request(visitor: Visitor, query: str) -> gr.Request:
    scope = {"type": "http", "query_string": query.encode(), "headers": [], KEY: visitor}
    return gr.Request(request=Request(scope), session_hash=uuid4().hex)


@pytest.mark.parametrize("client", [True], indirect=True)
def test_no_event_of_the_page_shows_another_collection(client: TestClient, town: Desk) -> None:
    ids = fill(client, "hana", "hr")
    events = Events(client.app.app.app.state.collections)
    acts = [{"action": a, "turn": ids["turn"], "question": QUESTION} for a in ("new", "example", "edit", "retry", "x")]
    chosen = gr.EventData(None, {"conversation": ids["conversation"]})
    calls: dict[str, list[Callable[[gr.Request], Any]]] = {
        "status": [events.status],
        "latest": [events.latest],
        "open": [lambda request: events.open(request, chosen)],
        "ask": [lambda r, c=one: events.ask(QUESTION, c, None, "", r) for one in (None, ids["conversation"])],
        "act": [lambda r, d=data: events.act(ids["conversation"], "", r, gr.EventData(None, d)) for data in acts],
        "stop": [lambda request: iter([events.stop(ids["conversation"], request)])],
    }
    assert {name for name in vars(Events) if not name.startswith("_")} == calls.keys(), "an event is tried nowhere"
    lex, hana = (Visitor(f"user:{name}", Role.EDITOR, parse_filter(""), PEOPLE[name]) for name in ("lex", "hana"))

    def told(way: Callable[[gr.Request], Any], visitor: Visitor, query: str) -> str:
        try:
            return str(list(way(page_request(visitor, query)))).replace(QUESTION, "").lower()
        except CollectionMissingError as error:
            return str(error)

    shown: dict[str, set[str]] = {}
    for name, ways in calls.items():
        for way in ways:
            for query in ("", "collection=legal"):
                assert leaked(told(way, lex, query)) == [], name
            for query in ("collection=hr", "collection=nothing"):
                found = told(way, lex, query)
                assert "there is no such collection" in found
                assert leaked(found) == []
            shown.setdefault(name, set()).update(leaked(told(way, hana, "")))
    assert {name for name, words in shown.items() if words} == {"latest", "open", "ask", "act"}
    for path in PAGE:
        assert leaked(client.get(path, headers=login("lex")).text.lower()) == [], path


async def test_no_tool_of_an_agent_shows_another_collection(client: TestClient, town: Desk, accounts: Accounts) -> None:
    fill(client, "hana", "hr")
    values = {
        "ask": {"question": QUESTION},
        "search": {"question": QUESTION},
        "open_citation": {"document": "hr/mongoosey.txt", "start": 0, "end": 40},
        "list_documents": {},
    }

    async def told(name: str, tool: str, collection: str) -> str:
        api = Api("http://127.0.0.1", client.app, accounts.make_token(name)[1])
        async with Client(make_server(api)) as agent:
            assert {one.name for one in (await agent.list_tools()).tools} == values.keys(), "a tool is tried nowhere"
            result = await agent.call_tool(tool, {**values[tool], "collection": collection})
            return f"{result.content[0].text} {result.structured_content}".replace(QUESTION, "").lower()

    for tool in values:
        for collection in ("", "legal"):
            assert leaked((await told("lex", tool, collection)).replace("hr/mongoosey.txt", "")) == [], tool
        assert await told("lex", tool, "hr") == await told("lex", tool, "nothing")
        assert leaked(await told("both", tool, "hr")), tool
    assert "collections: legal, hr" in await told("both", "list_documents", "")


def test_a_collection_is_served_first_if_it_is_named(town: Desk) -> None:
    everybody = Visitor("browser:x")
    first = Desk(town.settings.of({"index": town.settings.index, "collection": "legal"}))
    assert Collections(first).names(everybody) == ("legal", "default", "hr")
    assert Collections(town).open(everybody, "hr").desk.store.place == str(folder_of(town.settings.index, "hr"))
    with pytest.raises(CollectionMissingError, match="there is no collection lega"):
        Collections(Desk(town.settings.of({"index": town.settings.index, "collection": "lega"})))
