"""A conversation of a page: questions that are being answered, and what the page shows of it all.

A question is answered by a thread of its own, which keeps the turn when it is done, whether or not a page still waits
for it. So a page that is reloaded, or closed, loses nothing.
"""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from index.errors import RagError
from rag.answer import Writing
from rag.conversation import Turn
from rag.kinds import Kind
from rag.phrases import phrases
from rag.render import NEAREST, writing_lines
from rag.stages import Step
from ui.conversations import Conversations, StoredTurn
from ui.desk import Desk
from ui.visitor import Visitor

logger = logging.getLogger("rag")

POLL_SECONDS = 0.05
# What is seen is sent again so often: it may have been drawn over by what the page had asked for just before.
AGAIN_SECONDS = 1.0
STOPPED = "Stopped before there was an answer."
SHOWN_CHARACTERS = 240
READ_SHOWN = 3  # passages that are named while they are read
SHOWN = ("document", "heading", "place", "date", "lead", "short")  # of a source or a passage


@dataclass
class Pending:
    """A question that is being answered.

    `replacing` is the turn that its answer takes the place of, with all later; `where` says which documents are asked.
    """

    conversation: str
    question: str
    replacing: str | None
    where: str
    live: dict[str, Any]
    note: str = ""
    changed: threading.Condition = field(default_factory=threading.Condition)
    stopped: bool = False
    done: bool = False

    def show(self, **values: Any) -> None:
        """Let the pages that wait see more of it."""
        with self.changed:
            self.live = {**self.live, **values}
            self.changed.notify_all()


class Talks:
    """The questions that are being answered, one a conversation."""

    def __init__(self, desk: Desk, conversations: Conversations) -> None:
        self.desk = desk
        self.conversations = conversations
        self.pending: dict[str, Pending] = {}
        self._lock = threading.Lock()

    def start(
        self, visitor: Visitor, conversation: str | None, question: str, replacing: str | None = None, where: str = ""
    ) -> Pending:
        """Begin to answer a question; a second one in the same conversation waits for nobody and shows the first."""
        with self._lock:
            if conversation is None or not self.conversations.owns(visitor.owner, conversation):
                conversation = self.conversations.start(visitor.owner, question)
            if conversation in self.pending:
                return self.pending[conversation]
            live = {"question": question, "searched": question, "passages": []}
            made = self.pending[conversation] = Pending(conversation, question, replacing, where, live)
        threading.Thread(target=self._work, args=(visitor, made), name="question", daemon=True).start()
        return made

    def stop(self, conversation: str | None) -> None:
        """Wait no longer for an answer."""
        pending = self.pending.get(conversation or "")
        if pending:
            with pending.changed:
                pending.stopped = True
                pending.changed.notify_all()

    def follow(self, pending: Pending) -> Iterator[dict[str, Any]]:
        """Yield what is seen of a question that is being answered, each time there is more, until it is done."""
        seen: dict[str, Any] | None = None
        at = 0.0
        while not pending.done:
            if pending.live is not seen or time.monotonic() - at > AGAIN_SECONDS:
                seen, at = pending.live, time.monotonic()
                yield seen
            with pending.changed:
                if pending.live is seen and not pending.done:
                    pending.changed.wait(POLL_SECONDS)

    def _work(self, visitor: Visitor, pending: Pending) -> None:
        answer: dict[str, Any] | None = None
        worker = threading.Thread(target=self._answer, args=(visitor, pending), name="answer", daemon=True)
        worker.start()
        while worker.is_alive() and not pending.stopped:
            worker.join(POLL_SECONDS)
        with pending.changed:
            answer = pending.live.get("answer")
            if pending.stopped and answer is None:
                pending.note = STOPPED
        try:
            self._keep(visitor.owner, pending, answer)
        except (RagError, KeyError) as error:
            pending.note = str(error)
        finally:
            with self._lock:
                self.pending.pop(pending.conversation, None)
            with pending.changed:
                pending.done = True
                pending.changed.notify_all()

    def _answer(self, visitor: Visitor, pending: Pending) -> None:
        turns = self.conversations.turns(visitor.owner, pending.conversation)
        ids = [turn.id for turn in turns]
        if pending.replacing in ids:
            turns = turns[: ids.index(str(pending.replacing))]
        try:
            for step in self.desk.seen_by(visitor.only).ask(pending.question, history(turns), pending.where):
                if pending.stopped:
                    return
                pending.show(searched=step.searched, passages=_looked_at(step))
                if step.claims and not step.answer:
                    pending.show(
                        claims=[asdict(claim) for claim in step.claims],
                        sources=[_shown(asdict(s)) for s in step.sources],
                    )
                if step.answer:
                    pending.show(answer=step.answer.to_dict())
        except RagError as error:
            pending.note = f"{str(error)[:1].upper()}{str(error)[1:]}."
        except Exception:
            logger.exception("a question failed")
            pending.note = "Something went wrong on the server; its log says what."

    def _keep(self, owner: str, pending: Pending, answer: dict[str, Any] | None) -> None:
        """Store the turn. What it replaces goes only once there is an answer; a deleted conversation keeps nothing."""
        if not self.conversations.owns(owner, pending.conversation):
            return
        if answer is not None and pending.replacing:
            self.conversations.cut(owner, pending.conversation, pending.replacing)
        if answer is not None or not pending.replacing:
            self.conversations.add(owner, pending.conversation, pending.question, answer, pending.note)


def _looked_at(step: Step) -> list[dict[str, Any]]:
    chunks = [ranked.hit.passage for ranked in step.hits[:READ_SHOWN]]
    return [{"document": stored.document, "heading": list(stored.chunk.heading)} for stored in chunks]


def _shown(source: dict[str, Any]) -> dict[str, Any]:
    return {k: source.get(k) for k in SHOWN} | {"quote": source["quote"]}


def nearest(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what else than its sources can be opened of a stored answer: the closest sentences, then other passages.

    Their numbers go on above those of the sources.
    """
    closest = answer.get("closest", ())
    return [*closest, *(p for p in answer["passages"] if not any(_holds(p, span) for span in closest))]


def _holds(passage: dict[str, Any], span: dict[str, Any]) -> bool:
    return bool(passage["document"] == span["document"] and passage["start"] <= span["start"] < passage["end"])


def _said(place: dict[str, Any]) -> str:
    return f"“{place['quote']}”" if "quote" in place else f"{place['text'][:SHOWN_CHARACTERS]} …"


def _writing(answer: dict[str, Any]) -> list[str]:
    """Say what a language model had to do with the answer, line by line; nothing without one."""
    writing = answer.get("writing")
    return [*writing_lines(Writing(**writing), phrases(answer.get("language", "en")))] if writing else []


def _gathered(answer: dict[str, Any]) -> str:
    """Say how much was looked at for a list or a comparison; else nothing."""
    if not answer["claims"] or answer.get("kind") not in (Kind.LIST, Kind.COMPARISON):
        return ""
    documents = len({passage["document"] for passage in answer["passages"]})
    words = phrases(answer.get("language", "en"))
    return words.looked_at.format(passages=len(answer["passages"]), documents=documents)


def turn_value(turn: StoredTurn) -> dict[str, Any]:
    """Return what the page shows of a turn: no more of the passages than where they are and how they begin."""
    value: dict[str, Any] = {"id": turn.id, "question": turn.question, "note": turn.note, "thumb": turn.thumb}
    answer = turn.answer
    if answer:
        value |= {
            "searched": answer["searched"],
            "verdict": answer["verdict"],
            "words": asdict(phrases(answer.get("language", "en"))),
            "claims": answer["claims"],
            "dropped": answer["dropped"],
            "looked_at": len(answer["passages"]),
            "where": answer.get("where", ""),
            "gathered": _gathered(answer),
            "conflicts": answer.get("conflicts", ()),
            "choices": answer.get("choices", ()),
            "sources": [_shown(source) for source in answer["sources"]],
            "writing": _writing(answer),
            "passages": [{k: p.get(k) for k in SHOWN} | {"text": _said(p)} for p in nearest(answer)[:NEAREST]],
        }
    return value


def history(turns: list[StoredTurn]) -> list[Turn]:
    """Return the conversation so far as the chain takes it; what was not answered is left out."""
    return [
        Turn(
            turn.question,
            turn.answer["searched"],
            tuple(claim["text"] for claim in turn.answer["claims"]),
            tuple(turn.answer.get("choices", ())),
        )
        for turn in turns
        if turn.answer
    ]
