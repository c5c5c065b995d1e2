"""The page: Gradio's widgets and events around the conversation, which `static/chat.js` draws."""

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import gradio as gr

from index.errors import RagError
from rag.conversation import Turn, standalone
from rag.phrases import phrases
from ui.access import owner_of
from ui.conversations import Conversations, StoredTurn
from ui.desk import Desk, Step

logger = logging.getLogger("rag")

TITLE = "Ask your documents"
MAX_KEPT = 2_000
STOPPED = "Stopped before there was an answer."
CHAT = "window.checkable.whenReady(() => window.checkable.chat(element, props, trigger, watch));"
DOCUMENTS = "window.checkable.whenReady(() => window.checkable.documents(element));"
CONVERSATIONS = "window.checkable.whenReady(() => window.checkable.conversations(element, trigger));"
# Custom scripts may run before the files that the page's head names are there.
WHEN_READY = (
    "window.checkable ??= {}; window.checkable.whenReady ??= (f) =>"
    " window.checkable.chat && window.checkable.documents ? f() : setTimeout(() => window.checkable.whenReady(f), 20); "
)

Update = tuple[Any, ...]


def build_page(desk: Desk, conversations: Conversations, users: Mapping[str, str]) -> gr.Blocks:
    """Return the page."""
    talk = Talk(desk, conversations, users)
    page: gr.Blocks = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True)
    with page:
        gr.HTML(f"<h1>{TITLE}</h1>", elem_id="title", apply_default_css=False)
        status = gr.HTML(
            {"text": "Loading the models …"},
            html_template=STATUS,
            elem_id="status",
            js_on_load=None,
            apply_default_css=False,
        )
        current = gr.State(None)
        editing = gr.State(None)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Chat"):
                chat = gr.HTML(
                    {"turns": [], "examples": []},
                    html_template="<div class='chat-root'></div>",
                    js_on_load=WHEN_READY + CHAT,
                    elem_id="chat",
                    apply_default_css=False,
                )
                with gr.Row(elem_id="ask"):
                    box = gr.Textbox(
                        label="Your question",
                        placeholder="Ask about what is in your documents",
                        lines=1,
                        max_lines=6,
                        max_length=20_000,
                        autofocus=True,
                        scale=8,
                        elem_id="question",
                    )
                    send = gr.Button("Ask", variant="primary", scale=1, min_width=90, elem_id="send")
                    stop = gr.Button("Stop", scale=1, min_width=90, visible=False, elem_id="stop")
            with gr.Tab("Documents"):
                gr.HTML(
                    html_template="<div></div>",
                    js_on_load=WHEN_READY + DOCUMENTS,
                    elem_id="documents",
                    apply_default_css=False,
                )
            with gr.Tab("Conversations"):
                listed = gr.HTML(
                    html_template="<div></div>",
                    js_on_load=WHEN_READY + CONVERSATIONS,
                    elem_id="listed",
                    apply_default_css=False,
                )

        outputs = [chat, box, current, editing, send, stop]
        options: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 8}
        for event in (box.submit, send.click):
            event(talk.ask, [box, current, editing], outputs, **options)
        chat.select(talk.act, [current], outputs, **options)
        listed.select(talk.open, [], outputs, **options)
        # subtle: not Gradio's own `cancels`: it may drop the very next question of the same page unanswered.
        stop.click(talk.stop, [], [], queue=False, api_visibility="private", show_progress="hidden")
        page.load(talk.latest, [], outputs, **options)
        page.load(talk.status, [], [status], **options)
    page.queue(default_concurrency_limit=8, max_size=64, api_open=False)
    return page


STATUS = "<p role='status'>{{value.text}}</p>"


class Talk:
    """What the page's events do. Each returns new values for (chat, box, current, editing, send, stop)."""

    def __init__(self, desk: Desk, conversations: Conversations, users: Mapping[str, str]) -> None:
        self.desk = desk
        self.conversations = conversations
        self.users = users
        self.stops: dict[str, threading.Event] = {}

    def status(self) -> Iterator[dict[str, str]]:
        """Say what is loading, then what is indexed."""
        if not self.desk.is_loaded:
            yield {"text": "Loading the models … you can ask already"}
        try:
            self.desk.chain()
        except RagError as error:
            yield {"text": f"The models could not be loaded: {error}"}
            return
        counts = self.desk.status()
        if not counts["documents"]:
            yield {"text": "No documents yet: add some under “Documents”, or run: rag index FOLDER"}
        else:
            plural = "document" if counts["documents"] == 1 else "documents"
            yield {"text": f"Ready: {counts['documents']:,} {plural}, {counts['chunks']:,} passages"}

    def latest(self, request: gr.Request) -> Update:
        """Show the owner's latest conversation, or a new one."""
        known = self.conversations.listed(self._owner(request))
        return self._show(request, known[0].id if known else None)

    def open(self, request: gr.Request, event: gr.EventData) -> Update:
        """Show the conversation that was chosen from the list."""
        return self._show(request, event._data.get("conversation"))

    def ask(self, question: str, current: str | None, editing: str | None, request: gr.Request) -> Iterator[Update]:
        """Answer a question, step by step, and keep the turn."""
        owner = self._owner(request)
        if not question.strip():
            yield self._update(owner, current, note="Write a question first.", box=question)
            return
        if current is None or not self.conversations.owns(owner, current):
            current = self.conversations.start(owner, question)
        elif editing:
            self.conversations.cut(owner, current, editing)
        yield from self._answer(request, current, question)

    def act(self, current: str | None, request: gr.Request, event: gr.EventData) -> Iterator[Update]:
        """Do what a button in the conversation says: ask again, edit, begin a new conversation, try an example."""
        owner = self._owner(request)
        data = event._data
        action, turn = data.get("action"), str(data.get("turn"))
        stored = self.conversations.turn(owner, turn)
        if action == "new":
            yield self._update(owner, None)
        elif action == "example":
            question = str(data.get("question"))
            current = current or self.conversations.start(owner, question)
            yield from self._answer(request, current, question)
        elif stored and current and action == "edit":
            yield self._update(owner, current, box=stored.question, editing=turn)
        elif stored and current and action == "retry":
            self.conversations.cut(owner, current, turn)
            yield from self._answer(request, current, stored.question)
        else:
            yield self._update(owner, current)

    def stop(self, request: gr.Request) -> None:
        """Stop what this page is waiting for; the question is kept, so that it can be asked again."""
        if stop := self.stops.get(str(request.session_hash)):
            stop.set()

    def _answer(self, request: gr.Request, current: str, question: str) -> Iterator[Update]:
        owner, page = self._owner(request), str(request.session_hash)
        stored = self.conversations.turns(owner, current)
        stop = self.stops[page] = threading.Event()
        answer, note = None, STOPPED
        live: dict[str, Any] = {"question": question, "searched": question, "passages": []}
        yield self._update(owner, current, live=live)
        try:
            for step in self.desk.ask(question, history(stored), stop):
                live = {"question": question, "searched": step.searched, "passages": list(step.passages)}
                if step.answer is None:
                    yield self._update(owner, current, live=live)
                else:
                    yield from self._sentences(owner, current, live, step)
                    answer, note = step.answer.to_dict(), ""
        except RagError as error:
            note = f"{str(error)[:1].upper()}{str(error)[1:]}."
        except Exception:
            logger.exception("a question failed")
            note = "Something went wrong on the server; its log says what."
        finally:
            self.stops.pop(page, None)
        # A conversation that was deleted meanwhile keeps nothing.
        if self.conversations.owns(owner, current):
            self.conversations.add(owner, current, question[:MAX_KEPT], answer, note)
        yield self._update(owner, current)

    def _sentences(self, owner: str, current: str, live: dict[str, Any], step: Step) -> Iterator[Update]:
        """Show the answer sentence by sentence, as a reader takes it in."""
        answer = step.answer.to_dict() if step.answer else {}
        claims: Any = answer["claims"]
        for count in range(1, len(claims)):
            yield self._update(owner, current, live={**live, "claims": claims[:count]})

    def _show(self, request: gr.Request, conversation: str | None) -> Update:
        owner = self._owner(request)
        return self._update(
            owner, conversation if conversation and self.conversations.owns(owner, conversation) else None
        )

    def _update(
        self,
        owner: str,
        conversation: str | None,
        *,
        live: dict[str, Any] | None = None,
        note: str = "",
        box: str = "",
        editing: str | None = None,
    ) -> Update:
        turns = self.conversations.turns(owner, conversation) if conversation else []
        value = {
            "conversation": conversation,
            "turns": [turn_value(turn) for turn in turns],
            "live": live,
            "note": note,
            "editing": editing,
            "examples": [] if turns or live else self.desk.examples(),
        }
        busy = live is not None
        return value, box, conversation, editing, gr.update(visible=not busy), gr.update(visible=busy)

    def _owner(self, request: gr.Request) -> str:
        return owner_of(dict(request.headers.items()), self.users)


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
            "sources": [{k: s[k] for k in ("document", "heading", "quote")} for s in answer["sources"]],
            "passages": [
                {"document": p["document"], "heading": p["heading"], "text": p["text"][:240]}
                for p in answer["passages"][:3]
            ],
        }
    return value


def history(turns: list[StoredTurn]) -> list[Turn]:
    """Return the conversation so far as the chain takes it; what was not answered is left out."""
    found: list[Turn] = []
    for turn in turns:
        if turn.answer:
            said = " ".join(claim["text"] for claim in turn.answer["claims"])
            found.append(Turn(turn.question, turn.answer.get("searched") or standalone(turn.question, found), said))
    return found
