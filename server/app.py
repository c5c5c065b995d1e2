"""The application: the page and the API over one desk, behind one rule of access."""

import os
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

import ui
from server import ask, conversations, documents, embeddings, metrics, openai
from server.access import Access
from server.accounts import FILE as ACCOUNTS
from server.accounts import Accounts
from server.metrics import Counting, Metrics
from server.problems import explain_errors
from server.public import Public
from ui.conversations import FILE, Conversations
from ui.desk import Desk
from ui.page import build_page

STATIC = Path(ui.__file__).parent / "static"
OPENAPI = "/api/openapi.json"
LOCAL = Public()


def create_app(
    desk: Desk, *, public: Public = LOCAL, accounts: Accounts | None = None, with_page: bool = True
) -> ASGIApp:
    """Return the whole application; its models load in the background."""
    accounts = accounts or Accounts(desk.settings.index / ACCOUNTS)
    app = create_api(desk)
    figures: Metrics = app.state.metrics
    if with_page:
        _mount_page(app, desk, public)
    desk.warm.load()
    return Counting(Access(app, accounts, public, on_failure=figures.refused), figures)


def create_api(desk: Desk) -> FastAPI:
    """Return the API alone, with nobody at its door."""
    app = FastAPI(
        title="checkable-rag",
        description="Answers from your own documents, every sentence with its exact source.",
        version="1",
        docs_url=None,  # they would be fetched from elsewhere
        redoc_url=None,
        openapi_url=OPENAPI,
    )
    app.state.desk = desk
    app.state.conversations = Conversations(desk.settings.index / FILE)
    app.state.metrics = Metrics(desk)
    desk.on_answer = app.state.metrics.answered
    explain_errors(app)
    for part in (ask, documents, conversations, openai, embeddings, metrics):
        app.include_router(part.router)
    return app


def _mount_page(app: FastAPI, desk: Desk, public: Public) -> None:
    app.mount("/ui", StaticFiles(directory=STATIC), name="ui")
    # What Gradio would do by default: count its starts at its maker's, and offer links there.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    gr.mount_gradio_app(
        app,
        build_page(desk, app.state.conversations),
        path="/",
        root_path=public.prefix or None,
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
        head='<link rel="stylesheet" href="ui/style.css"><script src="ui/chat.js" defer></script>'
        '<script src="ui/documents.js" defer></script>',
        js=None,
    )
