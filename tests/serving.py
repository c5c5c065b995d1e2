"""Small real parts behind the server: a desk over three documents, and a client of the whole application."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx import Response
from starlette.testclient import TestClient

from index.store import Store
from rag.abstention import Gate
from rag.chain import Chain
from rag.settings import Settings
from server.accounts import Accounts
from server.app import create_app
from tests.conftest import META, WordReranker, build, searcher
from ui import desk as desk_module
from ui.conversations import Conversations
from ui.desk import Desk
from ui.visitor import Visitor

BROWSER = "a" * 32
VISITOR = Visitor(f"browser:{BROWSER}")
OWNER = VISITOR.owner


@pytest.fixture
def desk(store: Store, folder: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Desk:
    build(store, folder)
    monkeypatch.setattr(desk_module, "index_meta", lambda settings: META)
    monkeypatch.setattr(desk_module, "open_chain", lambda settings: chain)
    chain = Chain(searcher(store), WordReranker(), Gate("words", 0.0, None, None, "by hand"), k=5)
    return Desk(Settings(index=store.folder, database=database))


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with TestClient(create_app(desk), base_url="http://127.0.0.1", cookies={"rag_browser": BROWSER}) as client:
        yield client


@pytest.fixture
def conversations(desk: Desk) -> Conversations:
    return Conversations.of(desk.settings)


@pytest.fixture
def accounts(desk: Desk) -> Accounts:
    """Return the accounts of the desk's index; their hashes are quick to compute."""
    return Accounts.of(desk.settings, cost=2)


def asked(desk: Desk, conversations: Conversations, question: str, owner: str = OWNER) -> tuple[str, str]:
    """Ask and keep the turn; return (conversation, turn)."""
    desk.warm.load()
    answer = [step.answer for step in desk.ask(question, ())][-1]
    conversation = conversations.start(owner, question)
    return conversation, conversations.add(owner, conversation, question, answer.to_dict())


def upload(client: TestClient, name: str, data: bytes) -> tuple[int, dict[str, str]]:
    response = client.post("/api/documents", files={"file": (name, data)})
    return response.status_code, response.json()


def listed(client: TestClient) -> dict[str, int]:
    """Return the ids of the documents by name."""
    return {document["name"]: document["id"] for document in client.get("/api/documents").json()["documents"]}


def delete(client: TestClient, name: str) -> Response:
    return client.delete(f"/api/documents/{listed(client).get(name, 999_999)}")
