"""The page: Gradio's widgets and events around the conversation, which `static/chat.js` draws."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import gradio as gr

from index.errors import RagError
from ui.collections import Collections
from ui.conversations import Conversations
from ui.desk import Desk
from ui.talk import Pending, Talks, turn_value
from ui.visitor import Visitor, visitor_of

TITLE = "Ask your documents"
STATUS = "<p role='status'>{{value.text}}</p>"
# Custom scripts may run before the files that the page's head names are there.
WHEN_READY = (
    "window.checkable ??= {}; window.checkable.whenReady ??= (f) =>"
    " window.checkable.chat && window.checkable.documents ? f() : setTimeout(() => window.checkable.whenReady(f), 20); "
)
CHAT = "window.checkable.whenReady(() => window.checkable.chat(element, props, trigger, watch));"
DOCUMENTS = "window.checkable.whenReady(() => window.checkable.documents(element));"
COLLECTIONS = "window.checkable.whenReady(() => window.checkable.collections(element));"
CONVERSATIONS = "window.checkable.whenReady(() => window.checkable.conversations(element, trigger));"
# Gradio keeps what a page shows (60 kB, and its conversation), also when it is closed: of so many that were used last.
# The next question of a page that it has forgotten begins a new conversation.
MAX_PAGES = 500

Update = tuple[Any, ...]
NOTHING: Update = (gr.skip(),) * 6


def build_page(collections: Collections) -> gr.Blocks:
    """Return the page."""
    talk = Events(collections)
    page: gr.Blocks = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True)
    page.state_session_capacity = MAX_PAGES
    with page:
        gr.HTML(f"<h1>{TITLE}</h1>", elem_id="title", apply_default_css=False)
        status = gr.HTML(
            {"text": "Loading the models …"},
            html_template=STATUS,
            elem_id="status",
            js_on_load=None,
            apply_default_css=False,
        )
        gr.HTML(
            html_template="<div></div>",
            js_on_load=WHEN_READY + COLLECTIONS,
            elem_id="collections",
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
                    where = gr.Textbox(
                        label="Only documents with",
                        placeholder="type=pdf date>=2024",
                        lines=1,
                        max_lines=1,
                        max_length=1_000,
                        scale=2,
                        min_width=160,
                        elem_id="where",
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
            event(talk.ask, [box, current, editing, where], outputs, **options)
        chat.select(talk.act, [current, where], outputs, **options)
        listed.select(talk.open, [], outputs, **options)
        # subtle: not Gradio's own `cancels`: it may drop the very next question of the same page unanswered.
        stop.click(talk.stop, [current], [], api_visibility="private", show_progress="hidden")
        # subtle: one event when the page loads, and the other after it. Gradio ends a page's stream when no event is
        # left, and loses what an event says that begins in that very moment.
        page.load(talk.latest, [], [*outputs, status], **options).then(talk.status, [], [status], **options)
    page.queue(default_concurrency_limit=8, max_size=64, api_open=False)
    return page


class Events:
    """What the page's events do. Each yields new values for (chat, box, current, editing, send, stop).

    The collection stands in the page's own address, `?collection=legal`, so that no page is ever of two.
    """

    def __init__(self, collections: Collections) -> None:
        self.collections = collections
        self._newest: dict[str, object] = {}  # page -> its event that is shown, the oldest first
        self._lock = threading.Lock()

    def status(self, request: gr.Request) -> Iterator[dict[str, str]]:
        """Say what is loading, then what is indexed."""
        yield self._standing(request)
        with suppress(RagError):
            self._page(request).desk.chain()  # waits for it
        yield self._standing(request)

    def _standing(self, request: gr.Request) -> dict[str, str]:
        """Return what is loading, or what is indexed, without waiting."""
        try:
            desk = self._page(request).desk
            if not desk.warm.is_over:
                return {"text": "Loading the models … you can ask already"}
            desk.chain()
            documents, passages = desk.counts()
        except RagError as error:
            return {"text": f"This does not work at the moment: {error}"}
        plural = "document" if documents == 1 else "documents"
        if documents:
            return {"text": f"Ready: {documents:,} {plural}, {passages:,} passages"}
        return {"text": "No documents yet: add some under “Documents”, or run: rag index FOLDER"}

    def latest(self, request: gr.Request) -> Iterator[Update]:
        """Show the owner's latest conversation, or a new one, if no question was asked yet; and what is loading."""
        shown: Iterator[Update] = iter([NOTHING])
        with suppress(RagError):  # which the status says
            page = self._page(request)
            if page.session not in self._newest:
                shown = self._shown(page, self._latest(page))
        for update in shown:
            yield (*update, self._standing(request))

    def _latest(self, page: "_Page") -> Iterator[Update]:
        known = page.conversations.listed(page.owner)
        yield from self._show(page, known[0].id if known else None)

    def open(self, request: gr.Request, event: gr.EventData) -> Iterator[Update]:
        """Show the conversation that was chosen from the list."""
        page = self._page(request)
        yield from self._shown(page, self._show(page, event._data.get("conversation")))

    def ask(
        self, question: str, current: str | None, editing: str | None, where: str, request: gr.Request
    ) -> Iterator[Update]:
        """Answer a question, step by step, and keep the turn."""
        page = self._page(request)
        if not question.strip():
            yield self._update(page, current, note="Write a question first.", editing=editing)
            return
        yield from self._shown(page, self._follow(page, page.start(current, question, editing, where)))

    def act(self, current: str | None, where: str, request: gr.Request, event: gr.EventData) -> Iterator[Update]:
        """Do what a button in the conversation says."""
        page = self._page(request)
        yield from self._shown(page, self._act(page, current, where, event._data or {}))

    def _act(self, page: "_Page", current: str | None, where: str, data: dict[str, Any]) -> Iterator[Update]:
        action, turn = data.get("action"), str(data.get("turn"))
        stored = page.conversations.turn(page.owner, turn)
        if action == "new":
            yield self._update(page, None)
        elif action == "example":
            yield from self._follow(page, page.start(current, str(data.get("question")), None, where))
        elif stored and current and action == "edit":
            yield self._update(page, current, box=stored.question, editing=turn)
        elif stored and current and action == "retry":
            turns = page.conversations.turns(page.owner, current)
            # In another tab the conversation may have gone on; then the question is asked at its end.
            replacing = turn if turns and turns[-1].id == turn else None
            yield from self._follow(page, page.start(current, stored.question, replacing, where))
        else:
            yield from self._show(page, current)

    def stop(self, current: str | None, request: gr.Request) -> None:
        """Stop what this page is waiting for; the question is kept, so that it can be asked again."""
        self._page(request).talks.stop(current)

    def _shown(self, page: "_Page", updates: Iterator[Update]) -> Iterator[Update]:
        """Pass on what an event shows of a conversation, until a newer event of the same page shows something else."""
        mine = object()
        with self._lock:
            self._newest.pop(page.session, None)
            self._newest[page.session] = mine
            for forgotten in list(self._newest)[:-MAX_PAGES]:
                del self._newest[forgotten]
        for update in updates:
            if self._newest.get(page.session) is not mine:
                # subtle: Gradio sends an event's last values once more at its end, over those of the newer one.
                yield NOTHING
                return
            yield update

    def _show(self, page: "_Page", conversation: str | None) -> Iterator[Update]:
        """Show a conversation, and what is being answered in it."""
        if not conversation or not page.conversations.owns(page.owner, conversation):
            yield self._update(page, None)
        elif pending := page.talks.pending.get(conversation):
            yield from self._follow(page, pending)
        else:
            yield self._update(page, conversation)

    def _follow(self, page: "_Page", pending: Pending) -> Iterator[Update]:
        box: Any = ""  # emptied once; what is typed meanwhile stays
        for live in page.talks.follow(pending):
            shown = {key: value for key, value in live.items() if key != "answer"}
            yield self._update(page, pending.conversation, live=shown, replacing=pending.replacing, box=box)
            box = gr.skip()
        kept = pending.replacing is None or not pending.note
        note, box = ("", gr.skip()) if kept else (pending.note, pending.question)
        yield self._update(page, pending.conversation, note=note, box=box)

    def _page(self, request: gr.Request) -> "_Page":
        """Return what the page that sent an event is about. Raises CollectionMissingError."""
        assert request.request is not None, "events come by HTTP"
        visitor = visitor_of(request.request.scope)
        found = self.collections.open(visitor, request.request.query_params.get("collection", ""))
        desk = found.desk.seen_by(visitor.only)
        return _Page(visitor, desk, found.conversations, found.talks, str(request.session_hash))

    def _update(
        self,
        page: "_Page",
        conversation: str | None,
        *,
        live: dict[str, Any] | None = None,
        replacing: str | None = None,
        note: str = "",
        box: Any = None,
        editing: str | None = None,
    ) -> Update:
        turns = page.conversations.turns(page.owner, conversation) if conversation else []
        ids = [turn.id for turn in turns]
        if replacing in ids:
            turns = turns[: ids.index(str(replacing))]
        value = {
            "conversation": conversation,
            "turns": [turn_value(turn) for turn in turns],
            "live": live,
            "note": note,
            "editing": editing,
            "examples": [] if turns or live else page.desk.examples(),
        }
        busy = live is not None
        shown_box = gr.skip() if box is None else box
        return value, shown_box, conversation, editing, gr.update(visible=not busy), gr.update(visible=busy)


@dataclass(frozen=True)
class _Page:
    """Who is before a page, and the collection that it is about, as they see it."""

    visitor: Visitor
    desk: Desk
    conversations: Conversations
    talks: Talks
    session: str  # the page in one tab, as Gradio names it

    @property
    def owner(self) -> str:
        return self.visitor.owner

    def start(self, conversation: str | None, question: str, replacing: str | None, where: str) -> Pending:
        """Begin to answer a question."""
        return self.talks.start(self.visitor, conversation, question, replacing, where)
