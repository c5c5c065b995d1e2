"""Who may come in: host names, other sites, passwords, tokens, roles, and what is open of Gradio."""

import base64
import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from rag.assemble import open_database
from server.accounts import FILE, KEPT, Accounts
from server.app import create_api, create_app
from server.public import Public
from tests.serving import BROWSER, OWNER
from ui.conversations import Conversations
from ui.desk import Desk
from ui.visitor import Role

pytestmark = pytest.mark.databases


def test_every_response_shuts_the_page_in(client: TestClient) -> None:
    for path in ("/", "/api/documents", "/ui/chat.js", "/none"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_new_browser_gets_its_own_number(desk: Desk) -> None:
    with TestClient(create_app(desk), base_url="http://127.0.0.1") as client:
        cookie = client.get("/api/documents").headers["set-cookie"]
        assert "HttpOnly; SameSite=Strict" in cookie
        assert "set-cookie" not in client.get("/api/documents").headers


def test_other_sites_and_other_names_are_refused(client: TestClient) -> None:
    assert client.post("/api/documents/reread", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/api/documents/reread", headers={"origin": "http://127.0.0.1"}).status_code == 200
    assert client.get("/api/documents", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/api/documents", headers={"host": "localhost:7860"}).status_code == 200


def test_a_proxy_before_a_server_that_knows_nothing_of_it_lets_nobody_in(client: TestClient) -> None:
    for header in ("forwarded", "x-forwarded-for", "x-real-ip"):
        refused = client.get("/api/documents", headers={header: "203.0.113.7"})
        assert (refused.status_code, "--url" in refused.json()["detail"]) == (403, True)


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
        answer = client.get("/api/conversations", headers={"cookie": cookie})
        assert len(answer.json()) == 1
        assert "set-cookie" not in answer.headers


def test_no_file_but_the_pages_own_is_served(client: TestClient, desk: Desk) -> None:
    for path in ("pyproject.toml", str(desk.settings.index / "store.sqlite3"), "/etc/passwd", "../../etc/passwd"):
        assert client.get(f"/gradio_api/file={path}").status_code in (403, 404)
        assert client.get(f"/ui/{path}").status_code == 404
    assert client.post("/gradio_api/upload", files={"files": ("a.txt", b"abc")}).status_code >= 400
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert client.get(path).status_code == 404 or "swagger" not in client.get(path).text.lower()


def basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def guarded(desk: Desk, accounts: Accounts) -> Iterator[TestClient]:
    """Return a client of an application with a user of each role."""
    for name, role in (("ana", Role.ADMIN), ("ed", Role.EDITOR), ("ria", Role.READER)):
        accounts.add(name, f"sécret:{name}", role)
    with TestClient(create_app(desk, accounts=accounts), base_url="http://127.0.0.1") as client:
        yield client


def test_with_users_every_route_asks_for_a_password(guarded: TestClient, accounts: Accounts) -> None:
    _, token = accounts.make_token("ria")
    for path in ("/", "/api/documents", "/ui/chat.js", "/config", "/gradio_api/queue/data", "/v1/models", "/metrics"):
        for wrong in ({}, basic("ana"), {"authorization": "Basic %%%"}, bearer("rag_x"), bearer("sécret:ana")):
            answer = guarded.get(path, headers={k: v.encode() for k, v in wrong.items()})
            assert answer.status_code == 401
            assert "Basic" in answer.headers["www-authenticate"]
    assert guarded.get("/api/documents", headers=basic("ana:sécret:ria")).status_code == 401
    assert guarded.get("/api/documents", headers=basic("eve:")).status_code == 401
    assert guarded.get("/api/documents", headers=basic("ana:sécret:ana")).status_code == 200
    assert guarded.get("/api/documents", headers=bearer(token)).status_code == 200


def test_health_is_open_and_says_nothing_else(guarded: TestClient, desk: Desk) -> None:
    desk.chain()
    assert guarded.get("/healthz").json() == {"status": "alive"}
    assert guarded.get("/readyz").json() == {"status": "ready"}


def test_conversations_belong_to_the_user_not_the_browser(guarded: TestClient, conversations: Conversations) -> None:
    conversations.start("user:ana", "Hello?")
    assert len(guarded.get("/api/conversations", headers=basic("ana:sécret:ana")).json()) == 1
    assert guarded.get("/api/conversations", headers=basic("ria:sécret:ria")).json() == []


# What each route of the API needs; a route that is not here fails the test below.
NEEDED = {
    Role.EDITOR: {("POST", "/api/documents"), ("DELETE", "/api/documents/{id}"), ("POST", "/api/documents/reread")},
    Role.ADMIN: {("GET", "/api/feedback"), ("GET", "/metrics")},
    Role.READER: {
        ("POST", "/api/ask"),
        ("GET", "/api/search"),
        ("GET", "/api/collections"),
        ("GET", "/api/documents"),
        ("GET", "/api/documents/{id}"),
        ("GET", "/api/documents/{id}/text"),
        ("GET", "/api/documents/{id}/page/{number}.png"),
        ("GET", "/api/conversations"),
        ("POST", "/api/conversations"),
        ("GET", "/api/conversations/{id}"),
        ("PATCH", "/api/conversations/{id}"),
        ("DELETE", "/api/conversations/{id}"),
        ("POST", "/api/conversations/{id}/turns"),
        ("GET", "/api/conversations/{id}/export.{form}"),
        ("GET", "/api/turns/{id}/sources/{number}"),
        ("GET", "/api/turns/{id}/sources/{number}/pages"),
        ("GET", "/api/turns/{id}/sources/{number}/page.png"),
        ("PUT", "/api/feedback/{turn}"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/{id}"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/embeddings"),
    },
}
OPEN = {("GET", "/healthz"), ("GET", "/readyz")}


def test_a_role_may_do_what_it_may_and_no_more(guarded: TestClient, desk: Desk) -> None:
    described = create_api(desk).openapi()["paths"]
    routes = {(method.upper(), path) for path, methods in described.items() for method in methods}
    assert routes == set().union(OPEN, *NEEDED.values())
    for needed, those in NEEDED.items():
        for method, path in those:
            filled = re.sub(r"\{(\w+)\}", lambda found: "md" if found[1] == "form" else "77", path)
            for name, role in (("ana", Role.ADMIN), ("ed", Role.EDITOR), ("ria", Role.READER)):
                status = guarded.request(method, filled, headers=basic(f"{name}:sécret:{name}")).status_code
                may = list(Role).index(role) >= list(Role).index(needed)
                assert (status != 403) == may, (method, path, name, status)


def test_a_token_is_shown_once_and_can_be_revoked(guarded: TestClient, accounts: Accounts, desk: Desk) -> None:
    id_, token = accounts.make_token("ria", "script")
    database = open_database(desk.settings, KEPT)
    rows = [row for table in ("users", "tokens", "collections") for row in database.stream(f"SELECT * FROM {table}")]
    assert len(rows) == 4, "three users and the token"
    path = desk.settings.index / FILE
    assert path.exists() is (not desk.settings.database)
    kept = path.read_bytes() if path.exists() else str(rows).encode()
    assert b"ria" in kept
    assert token.encode() not in kept
    assert "sécret:ria".encode() not in kept
    if path.exists():
        assert path.stat().st_mode & 0o077 == 0, "nobody else may read it"
    assert [(t.id, t.user, t.label) for t in accounts.tokens()] == [(id_, "ria", "script")]
    accounts.revoke(id_)
    assert guarded.get("/api/documents", headers=bearer(token)).status_code == 401
    _, token = accounts.make_token("ria")
    accounts.remove("ria")
    assert guarded.get("/api/documents", headers=bearer(token)).status_code == 401


def test_a_changed_password_counts_at_once(guarded: TestClient, accounts: Accounts) -> None:
    assert guarded.get("/api/documents", headers=basic("ria:sécret:ria")).status_code == 200
    accounts.change("ria", password="another one", role=Role.EDITOR)
    assert guarded.get("/api/documents", headers=basic("ria:sécret:ria")).status_code == 401
    assert guarded.get("/api/documents", headers=basic("ria:another one")).json()["may_edit"] is True


def test_guessing_is_slowed_down_and_even_the_right_password_waits(guarded: TestClient) -> None:
    for _ in range(5):
        assert guarded.get("/api/documents", headers=basic("ria:guess it now")).status_code == 401
    refused = guarded.get("/api/documents", headers=basic("ria:sécret:ria"))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert guarded.get("/api/documents", headers=basic("ed:sécret:ed")).status_code == 200, "others may come in"
    assert "rag_login_failures_total 5.0" in guarded.get("/metrics", headers=basic("ana:sécret:ana")).text


def test_without_its_users_a_public_server_lets_nobody_in(desk: Desk, accounts: Accounts) -> None:
    public = Public("0.0.0.0")
    with TestClient(create_app(desk, accounts=accounts, public=public), base_url="http://any.example") as client:
        assert client.get("/api/documents").status_code == 401
        assert client.get("/healthz").status_code == 200


def test_a_body_is_read_only_so_far(client: TestClient) -> None:
    assert client.post("/api/ask", content=b'{"question": "' + b"a" * 3_000_000 + b'"}').status_code == 413
    assert client.post("/api/documents", files={"file": ("a.txt", b"a" * 26_000_000)}).status_code == 413


# Everything that the application has: the API's routes, its own description, the page, its scripts, Gradio's routes.
FILLED = {re.sub(r"\{(\w+)\}", "77", path): method for those in NEEDED.values() for method, path in those}
PAGE = ("/", "/config", "/theme.css", "/ui/chat.js", "/ui/style.css", "/api/openapi.json", "/none", "/gradio_api/info")
ROUTES = [*((method, path) for path, method in FILLED.items()), *(("GET", path) for path in PAGE)]
ROUTES += [(method, f"/gradio_api/queue/{path}") for method, path in (("POST", "join"), ("GET", "data?session_hash=x"))]


def test_no_route_answers_a_stranger(guarded: TestClient) -> None:
    for method, path in ROUTES:
        for headers in ({}, bearer("rag_guess"), {"cookie": f"rag_browser={BROWSER}"}):
            answer = guarded.request(method, path, headers=headers)
            assert answer.status_code == 401, (method, path, headers)
            assert answer.headers["www-authenticate"].startswith("Basic ")


def test_nothing_of_one_user_is_there_for_another(
    guarded: TestClient, desk: Desk, conversations: Conversations
) -> None:
    desk.chain()
    ria, ed = basic("ria:sécret:ria"), basic("ed:sécret:ed")
    id_ = guarded.post("/api/conversations", json={"title": "Mine"}, headers=ria).json()["id"]
    asked = {"question": "What is the rent of the lease?"}
    turn = guarded.post(f"/api/conversations/{id_}/turns", json=asked, headers=ria).json()["id"]
    tried = (
        ("GET", f"/api/conversations/{id_}", None),
        ("PATCH", f"/api/conversations/{id_}", {"title": "Yours"}),
        ("POST", f"/api/conversations/{id_}/turns", asked),
        ("GET", f"/api/conversations/{id_}/export.md", None),
        ("GET", f"/api/turns/{turn}/sources/1", None),
        ("GET", f"/api/turns/{turn}/sources/1/pages", None),
        ("GET", f"/api/turns/{turn}/sources/1/page.png?page=1", None),
        ("PUT", f"/api/feedback/{turn}", {"thumb": "down"}),
        ("DELETE", f"/api/conversations/{id_}", None),
    )
    for method, path, body in tried:
        assert guarded.request(method, path, json=body, headers=ed).status_code == 404, path
        assert guarded.request(method, path, json=body, headers=basic("ana:sécret:ana")).status_code == 404, path
    for method, path, body in tried:  # its owner may do all of it; a text has no pages
        status = guarded.request(method, path, json=body, headers=ria).status_code
        assert status == (409 if "page" in path else 200), path
    assert guarded.get("/api/feedback", headers=ed).status_code == 403
