"""A user with a filter: no route shows a word of any other document."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from index.filters import EVERYTHING, parse_filter
from server.accounts import Accounts
from server.app import create_app
from tests.serving import listed, upload
from tests.test_access import basic
from ui.conversations import Conversations
from ui.desk import Desk
from ui.visitor import Role

pytestmark = pytest.mark.databases

CATS = basic("cat:long enough")
ALL = basic("all:long enough")
SECRET = ("lease", "900 euros", "2031", "dogs", "bark")


@pytest.fixture
def both(desk: Desk, accounts: Accounts) -> Iterator[TestClient]:
    accounts.add("cat", "long enough", Role.EDITOR, "path:*cats*")
    accounts.add("all", "long enough", Role.EDITOR)
    with TestClient(create_app(desk, accounts=accounts), base_url="http://127.0.0.1") as client:
        yield client


def test_no_route_shows_another_document(both: TestClient, desk: Desk, conversations: Conversations) -> None:
    question = {"question": "What is the rent of the lease, and when do dogs bark?"}
    said = [str(desk.chain().invoke(question["question"]).to_dict())]
    assert all(word in said[0].lower() for word in SECRET), "there is something to hide"
    both.headers.update(ALL)
    ids = listed(both)
    assert len(ids) == 3
    both.headers.update(CATS)
    assert list(listed(both)) == ["docs/cats.md"]
    talk = both.post("/api/conversations", json={"title": "Cats"}).json()["id"]
    shown = [
        both.post("/api/ask", json=question),
        both.post("/api/ask", json={**question, "stream": True}),
        both.post("/api/ask", json={**question, "where": "-path:nothing"}),
        both.get("/api/search", params={"question": "rent bark dogs", "k": 50}),
        both.get("/api/documents"),
        both.post(f"/api/conversations/{talk}/turns", json=question),
        both.get(f"/api/conversations/{talk}"),
        both.get(f"/api/conversations/{talk}/export.md"),
        both.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": question["question"]}]}),
    ]
    turn = both.get(f"/api/conversations/{talk}").json()[0]["id"]
    shown.append(both.get(f"/api/turns/{turn}/sources/1"))
    for response in shown:
        assert response.status_code == 200
        text = response.text.replace(question["question"], "").lower()
        assert not [word for word in SECRET if word in text], response.text
    refused = both.post("/api/ask", json={**question, "where": "path:lease"})
    assert (refused.status_code, "no document meets the filter" in refused.text) == (422, True)
    for id_ in (ids["docs/lease.txt"], ids["docs/sub/dogs.txt"]):
        for method, path in (("GET", ""), ("GET", "/text"), ("GET", "/page/1.png?span=0-9"), ("DELETE", "")):
            assert both.request(method, f"/api/documents/{id_}{path}").status_code == 404
    assert len(listed(TestClientAs(both, ALL))) == 3, "nothing was deleted"


def TestClientAs(client: TestClient, headers: dict[str, str]) -> TestClient:  # noqa: N802 - it makes one
    client.headers.update(headers)
    return client


def test_a_source_of_a_document_that_is_no_longer_theirs_is_not_opened(
    both: TestClient, desk: Desk, accounts: Accounts
) -> None:
    both.headers.update(ALL)
    talk = both.post("/api/conversations", json={"title": "Rent"}).json()["id"]
    turn = both.post(f"/api/conversations/{talk}/turns", json={"question": "What is the rent of the lease?"}).json()
    accounts.change("all", documents="path:*cats*")
    shown = both.get(f"/api/turns/{turn['id']}/sources/1").json()
    assert (shown["there"], shown["gone"], shown["before"], shown["after"]) == (False, True, "", "")
    assert both.get(f"/api/turns/{turn['id']}/sources/1/pages").status_code == 409


def test_uploads_and_rereading_stay_within_the_filter(both: TestClient, desk: Desk) -> None:
    both.headers.update(ALL)
    assert upload(both, "secret.txt", b"Nobody may see this.\n")[0] == 200
    both.headers.update(CATS)
    assert upload(both, "secret.txt", b"Overwritten.\n")[0] == 422
    assert (desk.uploads / "secret.txt").read_bytes() == b"Nobody may see this.\n"
    assert upload(both, "wildcats.txt", b"Wildcats purr.\n")[0] == 200
    (desk.uploads / "secret.txt").write_text("Changed.\n")
    assert both.post("/api/documents/reread").json() == {"changed": 0, "removed": 0, "skipped": []}
    both.headers.update(ALL)
    assert set(listed(both)) >= {"uploads/secret.txt", "docs/lease.txt", "uploads/wildcats.txt"}


def test_a_file_of_the_same_name_that_they_cannot_see_is_not_replaced(desk: Desk) -> None:
    """Where what a document is decides, not what it is called."""
    desk.warm.load()
    desk.keep("note.html", b"<html lang=de><title>N</title><p>Geheim.</p></html>")
    english = desk.seen_by(parse_filter("language=en"))
    with pytest.raises(Exception, match="another file of this name"):
        english.keep("note.html", b"<html lang=en><title>N</title><p>Hello.</p></html>")
    assert "Geheim." in str(desk.text("uploads/note.html"))


def test_two_filters_hold_together(desk: Desk) -> None:
    both = parse_filter("path:docs/*").also(parse_filter("type=md"))
    assert both.text == "path:docs/*"
    assert [name for name in ("docs/a.md", "docs/a.txt", "x/a.md") if both.matches(name, {})] == ["docs/a.md"]
    assert parse_filter("type=md").also(EVERYTHING) == parse_filter("type=md")
