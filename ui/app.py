"""The server: our routes, and Gradio's page, behind one rule of access."""

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import anyio.to_thread
import gradio as gr
from fastapi import Depends, FastAPI, HTTPException, Request, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import AfterValidator, BaseModel, Field
from starlette.types import ASGIApp

from index.errors import PageError, RagError, StorageError, UnreadableDocumentError
from index.parsing import FORMATS
from rag.transcript import as_json, as_markdown
from ui.access import Access, owner_of
from ui.conversations import FILE, Conversations, StoredTurn
from ui.desk import Desk
from ui.page import build_page

STATIC = Path(__file__).parent / "static"
MAX_UPLOAD_BYTES = 25_000_000


def _encodable(text: str) -> str:
    """Return the text. Raises ValueError if it holds half of a character, which no file can."""
    text.encode("utf-8")
    return text


Words = Annotated[str, AfterValidator(_encodable)]


class Feedback(BaseModel):
    """A thumb on a turn; an empty one takes it back."""

    thumb: str = Field(pattern="^(up|down|)$")
    comment: Words = Field("", max_length=2_000)


class Title(BaseModel):
    """A conversation's new title."""

    title: Words = Field(max_length=500)


def create_app(desk: Desk, *, host: str = "127.0.0.1", users: Mapping[str, str] | None = None) -> ASGIApp:
    """Return the whole application; its models load in the background."""
    conversations = Conversations(desk.settings.index / FILE)
    users = users or {}
    app = FastAPI(title="checkable-rag", docs_url=None, redoc_url=None, openapi_url=None)
    _add_routes(app, desk, conversations, users)
    app.mount("/ui", StaticFiles(directory=STATIC), name="ui")
    # What Gradio would do by default: count its starts at its maker's, and offer links there.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    page = build_page(desk, conversations, users)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=[],
        run_history=False,
        show_error=True,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        allowed_paths=[],
        max_file_size=1,  # files come by our own route
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        head='<link rel="stylesheet" href="/ui/style.css"><script src="/ui/chat.js" defer></script>'
        '<script src="/ui/documents.js" defer></script>',
        js=None,
    )
    desk.load()
    return Access(app, host, users)


def _add_routes(app: FastAPI, desk: Desk, conversations: Conversations, users: Mapping[str, str]) -> None:
    def owner(request: Request) -> str:
        return owner_of(request.headers, users)

    Owner = Annotated[str, Depends(owner)]  # noqa: N806 - a type

    @app.exception_handler(RagError)
    def explain(request: Request, error: RagError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 503)

    @app.exception_handler(PageError)
    def explain_page(request: Request, error: PageError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 409)

    @app.exception_handler(OSError)
    @app.exception_handler(sqlite3.OperationalError)
    def explain_storage(request: Request, error: Exception) -> JSONResponse:
        return explain(request, StorageError(f"the index folder cannot be used: {error}"))

    @app.get("/turns/{turn}/sources/{number}")
    def source(owner: Owner, turn: str, number: int) -> dict[str, Any]:
        """Return a source of a turn in its document; numbers above the sources' go on with the passages."""
        return desk.in_document(_place(conversations.turn(owner, turn), number))

    @app.get("/turns/{turn}/sources/{number}/pages")
    def pages(owner: Owner, turn: str, number: int) -> dict[str, Any]:
        """Return the pages that a source stands on, and how far down its first line is (a fraction of the page)."""
        found = desk.pages(_place(conversations.turn(owner, turn), number))
        tops = [(mark.page, min((box[1] for box in mark.boxes), default=0.0)) for mark in found.marks]
        return {"pages": [{"page": page, "top": top} for page, top in tops]}

    @app.get("/turns/{turn}/sources/{number}/page.png")
    def page_image(owner: Owner, turn: str, number: int, page: int) -> Response:
        """Return a page that a source stands on, with the quote painted over."""
        found = desk.pages(_place(conversations.turn(owner, turn), number))
        return Response(found.draw(page).png, media_type="image/png", headers={"cache-control": "private, no-cache"})

    @app.put("/turns/{turn}/feedback")
    def rate(owner: Owner, turn: str, feedback: Feedback) -> dict[str, str]:
        if not conversations.rate(owner, turn, feedback.thumb, feedback.comment):
            raise HTTPException(404, "there is no such answer")
        return {"thumb": feedback.thumb}

    @app.get("/documents")
    def documents(owner: Owner) -> dict[str, Any]:
        return {
            "documents": desk.documents(),
            "formats": [kind.name for kind in FORMATS],
            "limit": MAX_UPLOAD_BYTES,
            "passages": desk.counts()[1],
        }

    @app.get("/documents/text")
    def document_text(owner: Owner, name: str) -> dict[str, str]:
        text = desk.text(name)
        if text is None:
            raise HTTPException(404, "the document is not indexed any more")
        return {"document": name, "text": text}

    @app.post("/documents")
    async def upload(owner: Owner, file: UploadFile) -> JSONResponse:
        """Keep and index one file. Status 422 with the reason if it cannot be read."""
        # Browsers write quotes and line ends of a name in this way (HTML standard, multipart/form-data).
        name = (file.filename or "unnamed").replace("%22", '"').replace("%0A", "\n").replace("%0D", "\r")
        data = await file.read(MAX_UPLOAD_BYTES + 1)
        if len(data) > MAX_UPLOAD_BYTES:
            reason = f"larger than {MAX_UPLOAD_BYTES // 1_000_000} MB"
            return JSONResponse({"name": name, "detail": reason}, 413)
        try:
            return JSONResponse({"name": await anyio.to_thread.run_sync(desk.keep, name, data), "detail": None})
        except UnreadableDocumentError as error:
            return JSONResponse({"name": name, "detail": str(error)}, 422)

    @app.delete("/documents")
    def remove(owner: Owner, name: str) -> dict[str, str]:
        if not desk.remove(name):
            raise HTTPException(404, "the document is not indexed any more")
        return {"removed": name}

    @app.post("/documents/reread")
    def reread(owner: Owner) -> dict[str, Any]:
        return desk.reread()

    @app.get("/conversations")
    def list_conversations(owner: Owner, words: str = "") -> list[dict[str, str]]:
        return [{"id": c.id, "title": c.title, "updated": c.updated} for c in conversations.listed(owner, words)]

    @app.patch("/conversations/{conversation}")
    def rename(owner: Owner, conversation: str, title: Title) -> dict[str, str]:
        _owned(conversations, owner, conversation)
        conversations.rename(owner, conversation, title.title)
        return {"id": conversation}

    @app.delete("/conversations/{conversation}")
    def delete(owner: Owner, conversation: str) -> dict[str, str]:
        _owned(conversations, owner, conversation)
        conversations.delete(owner, conversation)
        return {"id": conversation}

    @app.get("/conversations/{conversation}/export.{form}")
    def export(owner: Owner, conversation: str, form: str) -> Any:
        _owned(conversations, owner, conversation)
        title = next(c.title for c in conversations.listed(owner) if c.id == conversation)
        turns = conversations.turns(owner, conversation)
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(title[:60], safe='')}.{form}"}
        if form == "json":
            return JSONResponse(as_json(title, turns), headers=headers)
        if form == "md":
            return PlainTextResponse(as_markdown(title, turns), headers=headers, media_type="text/markdown")
        raise HTTPException(404, "export.md or export.json")


def _place(turn: StoredTurn | None, number: int) -> dict[str, Any]:
    """Return a source of a turn, or, above their number, one of its passages."""
    if turn is None:
        raise HTTPException(404, "there is no such answer")
    answer = turn.answer or {}
    places = [*answer.get("sources", ()), *answer.get("passages", ())]
    if not 1 <= number <= len(places):
        raise HTTPException(404, "there is no such source")
    found: dict[str, Any] = places[number - 1]
    return found


def _owned(conversations: Conversations, owner: str, conversation: str) -> None:
    if not conversations.owns(owner, conversation):
        raise HTTPException(404, "there is no such conversation")
