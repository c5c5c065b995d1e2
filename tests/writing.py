"""A chain with LangChain's own fake chat models in place of a language model."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from index.store import Store
from rag.abstention import Gate
from rag.answer import Answer
from rag.chain import Chain
from rag.conversation import Turn
from rag.generation.writer import Writer
from rag.settings import Settings
from tests.conftest import WordEncoder, WordReranker, build, searcher

QUESTION = "What is the rent of the lease?"
GOOD = "The rent is 900 euros [1]."
Ask = Callable[..., Answer]


class Told(FakeListChatModel):
    """Answers with what it was told to, letter by letter, and remembers what it was asked."""

    asked: list[Any] = []  # noqa: RUF012 -- pydantic copies it

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        self.asked.append(messages)
        yield from super()._stream(messages, *args, **kwargs)


@pytest.fixture
def open_chain(store: Store, folder: Path) -> Callable[..., Chain]:
    build(store, folder)

    def opened(model: Any, threshold: float = 0.0, *, is_structured: bool = False, **values: Any) -> Chain:
        settings = Settings(model="fake:model", **values)
        writer = Writer(model, settings, WordEncoder().count_tokens, is_structured=is_structured)
        gate = Gate("words", threshold, None, None, "by hand")
        return Chain(searcher(store), WordReranker(), gate, k=5, writer=writer)

    return opened


@pytest.fixture
def ask(open_chain: Callable[..., Chain]) -> Ask:
    def asked(said: str, question: str = QUESTION, history: tuple[Turn, ...] = (), **values: Any) -> Answer:
        return open_chain(Told(responses=[said]), **values).invoke(question, history)

    return asked
