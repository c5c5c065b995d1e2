"""What a language model may do wrong, what is said then, and what it may cost."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from rag.chain import Chain
from rag.render import answer_lines
from rag.settings import SettingError, Settings
from tests.writing import GOOD, QUESTION, Told, open_chain

__all__ = ["open_chain"]


class Unsteady(Told):
    """Raises what it was given once it has sent some letters; `once` it works from then on."""

    error: Exception
    letters: int = 0
    once: bool = False

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for n, piece in enumerate(super()._stream(messages, *args, **kwargs)):
            if n >= self.letters and not (self.once and len(self.asked) > 1):
                raise self.error
            yield piece


class StatusError(Exception):
    """What the providers' clients raise for an HTTP status."""

    def __init__(self, status_code: int, message: str = "secret sk-12345 at http://host") -> None:
        super().__init__(message)
        self.status_code = status_code


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (StatusError(401), "fake:model refused the key: check the key of the provider"),
        (StatusError(404), "the server has no model fake:model: check --model (RAG_MODEL) and RAG_MODEL_URL"),
        (StatusError(429), "is busy, or your quota is used up (429)"),
        (StatusError(500), "answered with an error (500)"),
        (StatusError(400, "maximum context length exceeded"), "set RAG_MODEL_CONTEXT"),
        (TimeoutError(), "did not finish within 60 s: RAG_MODEL_SECONDS"),
        (
            ConnectionResetError("http://host"),
            "the connection to fake:model failed: is its server running? RAG_MODEL_URL",
        ),
        (ValueError("nonsense sk-12345"), "fake:model failed with ValueError"),
    ],
)
@pytest.mark.parametrize("letters", [0, 40])
def test_a_model_that_fails_is_replaced_and_its_own_message_never_shown(
    open_chain: Callable[..., Chain], error: Exception, says: str, letters: int
) -> None:
    answer = open_chain(Unsteady(responses=[GOOD * 5], asked=[], error=error, letters=letters)).invoke(QUESTION)
    assert "The rent is 900 euros." in [claim.text for claim in answer.claims]
    assert answer.model == "extractive/words"
    assert answer.writing is not None
    assert says in answer.writing.failure
    assert "sk-12345" not in str(answer.to_dict())
    assert "http" not in answer.writing.failure


def test_passages_that_are_too_long_are_halved_and_asked_again(open_chain: Callable[..., Chain]) -> None:
    error = StatusError(400, "this model's maximum context length is 100 tokens")
    model = Unsteady(responses=[GOOD], asked=[], error=error, once=True)
    answer = open_chain(model).invoke(QUESTION)
    assert [claim.text for claim in answer.claims] == ["The rent is 900 euros."]
    assert [str(messages).count("</passage>") for messages in model.asked] == [4, 2]


def test_a_model_that_never_ends_is_left_behind(open_chain: Callable[..., Chain]) -> None:
    answer = open_chain(Told(responses=["Well, " * 200], sleep=0.05), model_seconds=0.3).invoke(QUESTION)
    assert answer.writing is not None
    assert answer.writing.failure == "fake:model did not finish within 0.3 s: RAG_MODEL_SECONDS allows it more"
    assert answer.claims


class Counting(FakeListChatModel):
    """Says at its end how it ended and what it took, as providers do."""

    reason: str = "stop"

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield from super()._stream(*args, **kwargs)
        usage = {"input_tokens": 1_000, "output_tokens": 100, "total_tokens": 1_100}
        message = AIMessageChunk("", usage_metadata=usage, response_metadata={"finish_reason": self.reason})
        yield ChatGenerationChunk(message=message)


def test_tokens_and_cost_are_told(open_chain: Callable[..., Chain]) -> None:
    answer = open_chain(Counting(responses=[GOOD]), model_price="0.5,2").invoke(QUESTION)
    assert answer.writing is not None
    assert (answer.writing.input_tokens, answer.writing.output_tokens) == (1_000, 100)
    assert answer.writing.cost == pytest.approx(0.0007)
    assert "1000 + 100 tokens, 0.0007 $" in "\n".join(answer_lines(answer, 200))


def test_an_answer_that_was_cut_off_loses_its_last_sentence(open_chain: Callable[..., Chain]) -> None:
    cut = Counting(responses=[f"{GOOD} The lease ends on 3 May 2031 [1]."], reason="length")
    assert [claim.text for claim in open_chain(cut).invoke(QUESTION).claims] == ["The rent is 900 euros."]
    whole = Counting(responses=[f"{GOOD} The lease ends on 3 May 2031 [1]."])
    assert len(open_chain(whole).invoke(QUESTION).claims) == 2


def test_no_model_is_asked_once_the_money_is_spent(open_chain: Callable[..., Chain]) -> None:
    chain = open_chain(Counting(responses=[GOOD]), model_price="10,10", max_cost=0.015)
    answers = [chain.invoke(QUESTION) for _ in range(3)]
    assert [a.model for a in answers] == ["fake:model", "extractive/words", "extractive/words"]
    assert answers[1].writing is not None
    assert "0.0110 of 0.015 dollars (--max-cost) are spent" in answers[1].writing.failure


def test_a_limit_of_money_needs_prices(open_chain: Callable[..., Chain]) -> None:
    with pytest.raises(SettingError, match="RAG_MODEL_PRICE"):
        open_chain(Told(responses=[GOOD]), max_cost=1.0)
    with pytest.raises(SettingError, match=r"must be two prices, such as 0\.15,0\.60"):
        Settings.from_environment(model_price="cheap")
