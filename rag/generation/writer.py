"""A language model that writes from passages: calls, budgets of tokens, time and money."""

import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.runnables import Runnable

from rag.conflicts import stems
from rag.conversation import Turn
from rag.generation.deadline import timed_out
from rag.generation.failures import ContextTooLongError, SpentError, call_failed, late
from rag.generation.prompts import (
    ANSWER_TOKENS,
    NO_ANSWER,
    RESERVE,
    CountTokens,
    answer_messages,
    fence,
    fitting,
    rewrite_messages,
    schema,
)
from rag.generation.sentences import Sentence, from_json, from_text
from rag.mentions import folded, new_names, new_numbers
from rag.settings import SettingError, Settings
from rag.stages import ModelUse

MAX_REWRITTEN = 300  # characters of a question that a model wrote
MIN_KEPT = 0.5  # of the question's content words
QUESTION_MARKS = ("?", "？", "؟", ";")
FREE = ("gguf", "ollama")
CUT = ("length", "max_tokens", "MAX_TOKENS")  # finish reasons of an answer that stopped in the middle
THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)


class Writer:
    """One chat model. Thread-safe: what a call took is kept in the `ModelUse` that is given to it."""

    def __init__(
        self, model: BaseChatModel, settings: Settings, count_tokens: CountTokens, *, is_structured: bool = False
    ) -> None:
        self.provider, _, name = settings.model.partition(":")
        self.name = f"{self.provider}:{Path(name).name if self.provider == 'gguf' else name}"
        self.keep_unsupported = settings.keep_unsupported
        self._model, self._settings, self._count = model, settings, count_tokens
        self._is_structured = is_structured
        self._prices = settings.prices
        self._spent, self._lock = 0.0, threading.Lock()
        if settings.max_cost is not None and self._prices is None and self.provider not in FREE:
            raise SettingError("max-cost needs RAG_MODEL_PRICE: US dollars for a million tokens in, out")

    def write(
        self, question: str, language: str, passages: Sequence[str], history: Sequence[Turn], use: ModelUse
    ) -> Iterator[Sentence]:
        """Yield the sentences that the model writes, unchecked; none if it says that the passages do not answer.

        As many of the passages are given, from the first on, as the model can read. Raises ModelCallError.
        """
        bare = answer_messages(question, language, (), history, self._is_structured)
        room = self._settings.model_context - ANSWER_TOKENS - self._tokens(bare)
        given = fitting([fence(n, text) for n, text in enumerate(passages, start=1)], room, self._count)
        while True:
            messages = answer_messages(question, language, passages[:given], history, self._is_structured)
            try:
                yield from self._sentences(messages, given, use)
                return
            except ContextTooLongError:
                if given == 1:
                    raise
                given //= 2

    def rewrite(self, question: str, history: Sequence[Turn], use: ModelUse, *, is_other: bool = False) -> str | None:
        """Return the question as one that stands alone, or None if the model gives nothing usable.

        `is_other` asks for other words, since a search for these found nothing.

        A statement is not usable (a poor model answers instead), nor is a question that lost most of what was asked, or
        that names what stands in neither question nor conversation. Raises ModelCallError.
        """
        pieces = self._called(self._model, rewrite_messages(question, history, is_other), use, _Watch())
        said = THOUGHT.sub("", "".join(str(piece.text) for piece in pieces)).strip().strip('"“”')
        known = " ".join([question, *(text for turn in history for text in (turn.searched, *turn.sentences))])
        is_one_line = 0 < len(said) <= MAX_REWRITTEN and "\n" not in said
        is_asking = said.endswith(QUESTION_MARKS) or not question.rstrip().endswith(QUESTION_MARKS)
        asked = stems(folded(question))
        is_kept = is_other or len(asked & stems(folded(said))) >= MIN_KEPT * len(asked)
        if not (is_one_line and is_asking and is_kept) or folded(said) == folded(question):
            return None
        return None if new_names(said, known) or new_numbers(said, known) else said

    def _sentences(self, messages: Sequence[BaseMessage], passages: int, use: ModelUse) -> Iterator[Sentence]:
        """Yield sentences; the last one is left out if the answer was cut off in it."""
        watch = _Watch()
        if self._is_structured:
            held_to = self._model.with_structured_output(schema(passages), method="json_schema")
            found = from_json(self._called(held_to, messages, use, watch), lambda: watch.is_cut)
        else:
            pieces = self._called(self._model, messages, use, watch)
            found = from_text(_without_thoughts(str(piece.text) for piece in pieces), lambda: watch.is_cut)
        yield from (sentence for sentence in found if folded(sentence.text).strip(" .!") != NO_ANSWER.lower())

    def _called(
        self, model: Runnable[Any, Any], messages: Sequence[BaseMessage], use: ModelUse, watch: "_Watch"
    ) -> Iterator[Any]:
        """Call the model within the limits; yield what it sends. Raises ModelCallError, whatever the client raises."""
        self._check_cost(messages)
        seconds = self._settings.model_seconds
        try:
            yield from timed_out(lambda: model.stream(list(messages), config={"callbacks": [watch]}), seconds)
        except TimeoutError:
            raise late(self.name, seconds) from None
        except Exception as error:
            if type(error).__name__ == "LengthFinishReasonError":  # how openai's client says that JSON was cut off
                watch.is_cut = True
                return
            raise call_failed(error, self.provider, self.name, seconds) from None
        finally:
            self._add(watch, use)

    def _tokens(self, messages: Sequence[BaseMessage]) -> int:
        return int(sum(self._count([str(message.content) for message in messages])) * RESERVE)

    def _check_cost(self, messages: Sequence[BaseMessage]) -> None:
        limit = self._settings.max_cost
        if limit is None or self._prices is None:
            return
        most = (self._tokens(messages) * self._prices[0] + ANSWER_TOKENS * self._prices[1]) / 1e6
        if self._spent + most > limit:
            raise SpentError(f"{self.name} is not asked: {self._spent:.4f} of {limit:g} dollars (--max-cost) are spent")

    def _add(self, watch: "_Watch", use: ModelUse) -> None:
        if watch.tokens is None:
            return
        tokens_in, tokens_out = watch.tokens
        use.input_tokens = (use.input_tokens or 0) + tokens_in
        use.output_tokens = (use.output_tokens or 0) + tokens_out
        if self._prices:
            cost = (tokens_in * self._prices[0] + tokens_out * self._prices[1]) / 1e6
            use.cost = (use.cost or 0.0) + cost
            with self._lock:
                self._spent += cost


class _Watch(BaseCallbackHandler):
    """Learn from LangChain how a call ended: the tokens (in, out) that the provider counted, and whether it was cut."""

    def __init__(self) -> None:
        self.tokens: tuple[int, int] | None = None
        self.is_cut = False

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """Take both from the whole message."""
        for generation in (g for several in response.generations for g in several):
            message = getattr(generation, "message", None)
            counted = getattr(message, "usage_metadata", None)
            if counted:
                self.tokens = counted["input_tokens"], counted["output_tokens"]
            said = getattr(message, "response_metadata", {})
            self.is_cut |= any(said.get(key) in CUT for key in ("finish_reason", "stop_reason", "done_reason"))


def open_writer(settings: Settings, count_tokens: CountTokens) -> Writer:
    """Return the writer that `settings.model` names. Raises SettingError."""
    from rag.generation.providers import open_model, structured

    model = open_model(settings)
    return Writer(model, settings, count_tokens, is_structured=structured(model))


def _without_thoughts(pieces: Iterator[str]) -> Iterator[str]:
    """Leave out what a reasoning model thinks aloud between tags."""
    held, sent = "", 0
    for piece in pieces:
        held += piece
        said = THOUGHT.sub("", held)
        # What may be the beginning of a tag waits for the rest of it.
        end = said.rfind("<") if "<" in said[-12:] else len(said)
        if end > sent:
            yield said[sent:end]
            sent = end
    yield THOUGHT.sub("", held)[sent:]
