"""The official `openai` client and LangChain's `ChatOpenAI`, unchanged, against a server on a port."""

import base64
import socket
import threading
from collections.abc import Iterator

import numpy as np
import openai
import pytest
import uvicorn
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from rag.answer import Answer, Claim, Conflict, Disagreement, Span, Support, Verdict
from server.accounts import Accounts
from server.annotations import CitedText, lines_of
from server.app import create_app
from tests.conftest import WordEncoder
from ui.desk import Desk
from ui.visitor import Role

QUESTION = "What is the rent of the lease?"
MODEL = "checkable-rag"


@pytest.fixture
def address(desk: Desk) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(desk), log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0) as client:
        yield client


def test_a_completion_cites_in_its_text_its_annotations_and_the_answer(client: openai.OpenAI, desk: Desk) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": QUESTION}])
    message, answer = whole.choices[0].message, whole.model_extra["answer"]
    first = message.content.splitlines()[0]
    assert first.endswith(" [1]")
    assert first.removesuffix(" [1]") == " ".join(answer["claims"][0]["text"].split())
    assert len(message.annotations) == len(answer["claims"])
    for number, annotation in enumerate(message.annotations, start=1):
        cited, source = annotation.url_citation, answer["sources"][number - 1]
        assert message.content[cited.start_index : cited.end_index] == f"[{number}]"
        assert cited.title == source["document"]
        assert client._client.get(cited.url).json()["text"] == source["quote"]
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0
    assert whole.choices[0].finish_reason == "stop"


def test_a_stream_gives_the_same(client: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]
    whole = client.chat.completions.create(model=MODEL, messages=messages)
    chunks = list(
        client.chat.completions.create(
            model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}, temperature=0.2
        )
    )
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == whole.choices[0].message.content
    last = chunks[-2]
    assert last.choices[0].finish_reason == "stop"
    assert last.choices[0].delta.model_extra["annotations"] == [
        annotation.model_dump() for annotation in whole.choices[0].message.annotations
    ]
    assert last.model_extra["answer"]["claims"] == whole.model_extra["answer"]["claims"]
    assert chunks[-1].usage == whole.usage


def test_what_the_documents_do_not_hold_is_said_plainly(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Zebras?"}])
    assert whole.choices[0].message.content == "Not in the documents."
    assert whole.choices[0].message.annotations == []
    assert whole.model_extra["answer"]["verdict"] == "not_in_documents"


def test_the_messages_before_are_what_a_question_leans_on(client: openai.OpenAI) -> None:
    messages = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "The rent is 900 euros. [1]"},
        {"role": "user", "content": "Why?"},
    ]
    whole = client.chat.completions.create(model=MODEL, messages=messages)
    assert whole.model_extra["answer"]["searched"] == f"{QUESTION} Why?"


def test_what_cannot_be_done_is_refused(client: openai.OpenAI) -> None:
    user = {"role": "user", "content": QUESTION}
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    for wrong in (
        {"messages": [{"role": "system", "content": "x"}]},
        {"messages": [user], "n": 2},
        {"messages": [user], "tools": [tool]},
        {"messages": [{"role": "user", "content": " "}]},
    ):
        with pytest.raises(openai.UnprocessableEntityError):
            client.chat.completions.create(model=MODEL, **wrong)
    with pytest.raises(openai.NotFoundError, match="no model 'gpt-9'"):
        client.chat.completions.create(model="gpt-9", messages=[user])


def test_models_and_embeddings(client: openai.OpenAI, desk: Desk) -> None:
    encoder = desk.settings.encoder
    assert [model.id for model in client.models.list()] == [MODEL, encoder]
    assert client.models.retrieve(encoder).id == encoder
    made = client.embeddings.create(model=encoder, input=["Cats sleep.", "Dogs bark."])  # the client asks for base64
    plain = client.embeddings.create(model=encoder, input="Dogs bark.", encoding_format="float")
    expected = WordEncoder().encode(["Cats sleep.", "Dogs bark."])
    assert np.array([item.embedding for item in made.data]) == pytest.approx(expected)
    assert plain.data[0].embedding == pytest.approx(expected[1].tolist())
    assert made.usage.total_tokens == 4
    for wrong in ([], ["x"] * 257, [[1, 2]], ["x" * 20_001]):
        with pytest.raises(openai.UnprocessableEntityError):
            client.embeddings.create(model=encoder, input=wrong)
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="other", input="x")


def test_langchain_asks_streams_and_encodes(address: str, desk: Desk) -> None:
    chat = ChatOpenAI(base_url=f"{address}/v1", api_key="any", model=MODEL, max_retries=0)
    said_at_once = chat.invoke([("system", "Be kind."), ("human", QUESTION)]).content
    assert "The rent is 900 euros. [" in said_at_once
    assert "".join(chunk.content for chunk in chat.stream(QUESTION)) == said_at_once
    encoder = OpenAIEmbeddings(
        base_url=f"{address}/v1", api_key="any", model=desk.settings.encoder, check_embedding_ctx_length=False
    )
    assert encoder.embed_query("Dogs bark.") == pytest.approx(WordEncoder().encode(["Dogs bark."])[0].tolist())


def test_the_api_key_is_a_token(address: str, accounts: Accounts) -> None:
    accounts.add("ana", "long enough", Role.READER)
    _, token = accounts.make_token("ana")
    with openai.OpenAI(base_url=f"{address}/v1", api_key=token, max_retries=0) as known:
        assert known.models.list().data
    stranger = openai.OpenAI(base_url=f"{address}/v1", api_key="other", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError, match="a token"):
        stranger.models.list()


def test_an_answer_as_text_marks_every_sentence() -> None:
    spans = tuple(Span("a.txt", start, start + 4, quote, ()) for start, quote in ((0, "One.\n"), (5, "Two.")))
    claims = (
        Claim("Öne\nand all.", (1,), Support.SUPPORTED, 1.0),
        Claim("Two.", (1, 2), Support.SUPPORTED, 1.0),
    )
    conflict = (Conflict(Disagreement.NUMBER, (1, 2)),)
    answer = Answer("?", "?", "en", Verdict.ANSWERED, claims, spans, (), 1.0, 0.0, 0, "hand", 1, conflicts=conflict)
    cited = CitedText("https://x/api/documents", {"a.txt": 7})
    for line in lines_of(answer):
        cited.add(line)
    assert cited.text == "The documents disagree.\na.txt: Öne and all. [1]\na.txt: Two. [1][2]"
    marks = [annotation.url_citation for annotation in cited.annotations]
    assert [cited.text[mark.start_index : mark.end_index] for mark in marks] == ["[1]", "[1]", "[2]"]
    assert [mark.url.partition("?")[2] for mark in marks] == ["start=0&end=4", "start=0&end=4", "start=5&end=9"]


def test_base64_is_little_endian_float32(client: openai.OpenAI, desk: Desk) -> None:
    raw = client.embeddings.with_raw_response.create(model=desk.settings.encoder, input="x", encoding_format="base64")
    coded = raw.http_response.json()["data"][0]["embedding"]
    assert np.frombuffer(base64.b64decode(coded), "<f4") == pytest.approx(WordEncoder().encode(["x"])[0])
