"""A conversation in the terminal."""

import json
from pathlib import Path

import pytest

from index.errors import QuestionError, RagError
from index.store import Store
from rag.abstention import Gate
from rag.chain import Chain
from rag.chatting import Chat
from tests.conftest import WordReranker, build, rag, searcher


@pytest.fixture
def chat(store: Store, folder: Path) -> Chat:
    build(store, folder)
    return Chat(lambda: Chain(searcher(store), WordReranker(), Gate("words", 0.0, None, None, "by hand"), k=5), 80)


def said(chat: Chat, typed: str) -> str:
    return "\n".join(chat.lines(typed))


def test_a_follow_up_knows_what_was_asked_before(chat: Chat) -> None:
    said(chat, "What is the lease?")
    answer = said(chat, "And its rent?")
    assert answer.startswith("Searched for: What is the lease? And its rent?\n")
    assert "900 euros" in answer
    assert said(chat, "/new") == "A new conversation."
    assert "Searched for" not in said(chat, "And its rent?")


def test_sources_show_the_places_of_the_last_answer(chat: Chat) -> None:
    assert said(chat, "/sources") == "There is no answer yet."
    said(chat, "What is the rent of the lease?")
    assert "docs/lease.txt, characters" in said(chat, "/sources")
    said(chat, "What do purple zebras sing?")
    assert said(chat, "/sources") == "The last answer has no sources."


def test_a_conversation_is_saved_once(chat: Chat, tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match="nothing to export"):
        said(chat, f"/export {tmp_path / 'a.md'}")
    said(chat, "What is the rent of the lease?")
    assert said(chat, f"/export {tmp_path / 'a b.md'}") == f"written: {tmp_path / 'a b.md'}"
    assert "900 euros" in (tmp_path / "a b.md").read_text("utf-8")
    said(chat, f"/export {tmp_path / 'a.json'}")
    saved = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert saved["turns"][0]["answer"]["sources"][0]["document"] == "docs/lease.txt"
    with pytest.raises(RagError, match="is there already"):
        said(chat, f"/export {tmp_path / 'a.json'}")
    with pytest.raises(RagError, match="cannot write"):
        said(chat, f"/export {tmp_path / 'none' / 'a.md'}")
    with pytest.raises(QuestionError, match="name a file"):
        said(chat, "/export")


def test_unknown_commands_and_empty_lines(chat: Chat) -> None:
    assert said(chat, "   ") == ""
    assert "/export FILE" in said(chat, "/help")
    with pytest.raises(QuestionError, match="no command /sauces"):
        said(chat, "/sauces")


def test_rag_chat_goes_on_after_an_error(tmp_path: Path, folder: Path) -> None:
    rag("index", "docs", cwd=tmp_path)
    typed = "What is the rent of the lease?\n???\n/nothing\nWhat do cats eat?\n/sources\n/quit\nnot asked\n"
    done = rag("chat", cwd=tmp_path, stdin=typed.encode())
    assert done.returncode == 0, done.stderr
    assert "The rent is 900 euros. [2]" in done.stdout
    assert "They eat fish and mice." in done.stdout
    assert "“They eat fish and mice.”" in done.stdout
    assert done.stderr == "rag: the question has no words\nrag: there is no command /nothing: /help lists them\n"
