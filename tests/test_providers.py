"""The real clients of the providers against servers on loopback: one of scripted answers, and llama.cpp's own."""

import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from index.store import Store
from rag.abstention import Gate
from rag.answer import Answer
from rag.chain import Chain
from rag.generation.providers import open_model
from rag.generation.writer import open_writer
from rag.settings import SettingError, Settings
from tests.conftest import WordEncoder, WordReranker, build, rag, searcher
from tests.servers import KEY, Reply, Server, anthropic, ollama, openai, scripted_server, status, stream, tiny_model

QUESTION = "What is the rent of the lease?"
SAID = ["The rent is ", "900 euros [1]. The re", "nt is 7 euros [1]."]


@pytest.fixture
def server() -> Iterator[Server]:
    with scripted_server() as scripted:
        yield scripted


@pytest.fixture
def ask(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    build(store, folder)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, KEY)

    def asked(model: str, url: str, **values: Any) -> Answer:
        settings = Settings(model=model, model_url=url, **values)
        writer = open_writer(settings, WordEncoder().count_tokens)
        gate = Gate("words", 0.0, None, None, "by hand")
        return Chain(searcher(store), WordReranker(), gate, k=5, writer=writer).invoke(QUESTION)

    return asked


@pytest.mark.parametrize(
    ("model", "path", "reply"),
    [
        ("openai:m", "/chat/completions", stream(openai(SAID))),
        ("ollama:m", "/api/chat", stream(ollama(SAID), kind="application/x-ndjson")),
        ("anthropic:m", "/v1/messages", stream(anthropic(SAID))),
    ],
)
def test_each_provider_streams_and_is_checked(
    ask: Callable[..., Answer], server: Server, model: str, path: str, reply: Reply
) -> None:
    server.replies = [reply]
    answer = ask(model, server.url)
    assert [claim.text for claim in answer.claims] == ["The rent is 900 euros."]
    assert answer.model == model
    assert answer.writing is not None
    assert (answer.writing.input_tokens, answer.writing.output_tokens) == (70, 9)
    assert answer.writing.faults == {"number": 1}
    ((asked, _, body),) = server.requests
    assert asked == path
    assert '<passage number=\\"1\\">' in json.dumps(body)


def test_a_busy_server_is_asked_again_after_the_time_it_names(ask: Callable[..., Answer], server: Server) -> None:
    server.replies = [status(429, retry_after="1"), stream(openai(SAID))]
    started = time.monotonic()
    answer = ask("openai:m", server.url)
    assert time.monotonic() - started >= 1
    assert answer.model == "openai:m"
    assert len(server.requests) == 2


@pytest.mark.parametrize("model", ["openai:m", "ollama:m", "anthropic:m"])
@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (status(401), "refused the key: check "),
        (status(404), "the server has no model"),
        (stream(["data: {nonsense", "", "{"]), ""),
        (stream([]), ""),
    ],
)
def test_a_failing_server_gives_the_documents_own_sentences(
    ask: Callable[..., Answer], server: Server, model: str, reply: Reply, says: str
) -> None:
    server.replies = [reply]
    answer = ask(model, server.url, model_seconds=20)
    assert "The rent is 900 euros." in [claim.text for claim in answer.claims]
    assert answer.model == "extractive/words"
    assert answer.writing is not None
    assert model in answer.writing.failure
    assert says in answer.writing.failure
    assert KEY not in str(answer.to_dict())
    assert server.url not in answer.writing.failure


def test_a_connection_that_breaks_in_the_middle_is_a_failure(ask: Callable[..., Answer], server: Server) -> None:
    server.replies = [stream(openai(["The rent is 900 euros [1]. The lease ends on 3 May"])[:1], breaks=True)]
    answer = ask("openai:m", server.url)
    assert answer.model == "extractive/words"
    assert answer.writing is not None
    assert answer.writing.failure.startswith("the connection to openai:m failed")


def test_no_server_at_all_is_a_failure(ask: Callable[..., Answer]) -> None:
    answer = ask("openai:m", "http://127.0.0.1:9")
    assert answer.writing is not None
    assert "is its server running? RAG_MODEL_URL says where" in answer.writing.failure


def test_a_silent_server_costs_no_more_than_the_time_allowed(ask: Callable[..., Answer], server: Server) -> None:
    server.replies = [lambda _: time.sleep(5)]
    started = time.monotonic()
    answer = ask("openai:m", server.url, model_seconds=0.5)
    assert time.monotonic() - started < 4
    assert answer.writing is not None
    assert answer.writing.failure == "openai:m did not finish within 0.5 s: RAG_MODEL_SECONDS allows it more"


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("llama", "it must be provider:name, such as ollama:llama3.2"),
        ("openai:", "it must be provider:name"),
        ("openai:gpt", "openai needs a key in OPENAI_API_KEY, or RAG_MODEL_URL"),
        ("anthropic:claude", "anthropic needs a key in ANTHROPIC_API_KEY"),
        ("gguf:/nowhere/m.gguf", "there is no file /nowhere/m.gguf"),
        ("wizard:m", "there is no provider 'wizard'"),
    ],
)
def test_what_is_wrong_with_the_setting_is_said_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, model: str, says: str
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingError, match=says.replace(".", r"\.")):
        open_model(Settings(model=model))


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "langchain_ollama" else there(name))
    with pytest.raises(SettingError, match=r"pip install 'checkable-rag\[ollama\]'"):
        open_model(Settings(model="ollama:m"))


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"not a model")
    with pytest.raises(SettingError, match="is no GGUF file"):
        open_model(Settings(model=f"gguf:{tmp_path / 'm.gguf'}"))


def test_a_model_in_this_process_answers_a_command(folder: Path) -> None:
    """`rag ask` with a GGUF file: whatever it writes, no number is shown that its source has not."""
    home = folder.parent
    assert rag("index", "docs", cwd=home).returncode == 0
    done = rag("ask", QUESTION, "-k", "1", "--model", f"gguf:{tiny_model()}", "--json", cwd=home)
    assert done.returncode in (0, 4), done.stderr
    answer = json.loads(done.stdout)
    assert answer["writing"]["model"] == f"gguf:{tiny_model().name}"
    assert answer["writing"]["output_tokens"] > 0
    assert done.returncode == (4 if answer["writing"]["failure"] else 0)
    for claim in answer["claims"]:
        quotes = " ".join(answer["sources"][n - 1]["quote"] for n in claim["citations"])
        assert all(word in quotes for word in claim["text"].split() if any(c.isdigit() for c in word.strip(".,")))
