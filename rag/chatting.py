"""A conversation in the terminal: questions that lean on the ones before, and commands that begin with a slash."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from index.errors import QuestionError, RagError
from index.filters import DocumentFilter, parse_filter
from rag.answer import Answer
from rag.chain import Chain
from rag.conversation import Turn
from rag.render import source_lines
from rag.streaming import streamed_lines
from rag.transcript import as_json, as_markdown

HELP = """\
/sources       show the quotes of the last answer with their places
/where FILTER  ask only documents like this: path:reports/* date>=2024 (nothing: all)
/new           begin a new conversation
/export FILE   save the conversation, as Markdown or (.json) JSON
/help          show this
/quit          leave (or Ctrl-D)"""


@dataclass(frozen=True)
class Said:
    """A question and its answer as plain data, for a transcript."""

    question: str
    answer: dict[str, Any] | None
    note: str = ""


@dataclass
class Chat:
    """One conversation after another; each line that is typed gives lines to print."""

    chain: Callable[[], Chain]
    width: int
    where: DocumentFilter = field(default_factory=DocumentFilter)
    turns: list[Turn] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    last: Answer | None = None

    def lines(self, typed: str) -> Iterator[str]:
        """Yield what to print for a line that was typed. Raises RagError."""
        command, _, rest = typed.strip().partition(" ")
        if not command:
            return
        if not command.startswith("/"):
            yield from self._answer(typed)
        elif command == "/sources":
            yield from self._sources()
        elif command == "/new":
            self.turns, self.said, self.last = [], [], None
            yield "A new conversation."
        elif command == "/where":
            self.where = parse_filter(rest)
            yield f"Only documents with {rest.strip()}." if self.where.terms else "All documents."
        elif command == "/export":
            yield self._export(rest.strip())
        elif command == "/help":
            yield from HELP.splitlines()
        else:
            raise QuestionError(f"there is no command {command}: /help lists them")

    def _answer(self, question: str) -> Iterator[str]:
        steps = self.chain().stream(question, self.turns, self.where)
        yield from streamed_lines(steps, question, self.where.text, self.width, self._keep, show_sources=False)

    def _keep(self, answer: Answer) -> None:
        self.last = answer
        sentences = tuple(claim.text for claim in answer.claims)
        self.turns.append(Turn(answer.question, answer.searched, sentences, answer.choices))
        self.said.append(Said(answer.question, answer.to_dict()))

    def _sources(self) -> Iterator[str]:
        if self.last is None or not self.last.sources:
            yield "The last answer has no sources." if self.last else "There is no answer yet."
            return
        for number, span in enumerate(self.last.sources, start=1):
            yield from source_lines(number, span, self.width)

    def _export(self, name: str) -> str:
        if not name:
            raise QuestionError("name a file: /export notes.md")
        if not self.said:
            raise QuestionError("there is nothing to export yet")
        path, title = Path(name).expanduser(), self.said[0].question
        text = (
            json.dumps(as_json(title, self.said), ensure_ascii=False, indent=2) + "\n"
            if path.suffix == ".json"
            else as_markdown(title, self.said)
        )
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            raise RagError(f"{path} is there already: name another file") from error
        except OSError as error:
            raise RagError(f"cannot write {path}: {error.strerror}") from error
        return f"written: {path}"
