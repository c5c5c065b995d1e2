"""The application: the page and the API over one desk, behind one rule of access."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from starlette.types import ASGIApp

from index.following import CopiedStore
from server import ask, collections, conversations, documents, embeddings, metrics, openai
from server.access import Access
from server.accounts import Accounts
from server.lean import lean_gradio
from server.metrics import Counting, Metrics
from server.problems import explain_errors
from server.public import Public
from ui.collections import Collections
from ui.desk import Desk
from ui.places import THREADS

OPENAPI = "/api/openapi.json"
LOCAL = Public()
ROUTERS = tuple(part.router for part in (ask, collections, documents, conversations, openai, embeddings, metrics))


def create_app(
    desk: Desk, *, public: Public = LOCAL, accounts: Accounts | None = None, with_page: bool = True
) -> ASGIApp:
    """Return the whole application over all collections beside a desk's, which is opened first.

    Its models load in the background. Raises CollectionMissingError.
    """
    accounts = accounts or Accounts.of(desk.settings)
    app = create_api(desk)
    figures: Metrics = app.state.metrics
    if with_page:
        with lean_gradio():
            from server.page import mount_page

        mount_page(app, public)
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
        lifespan=_with_threads,
    )
    if isinstance(desk.store, CopiedStore):
        desk.store.follow()
    app.state.collections = Collections(desk)
    app.state.metrics = Metrics(app.state.collections)
    desk.on_answer = app.state.metrics.answered
    explain_errors(app)
    for router in ROUTERS:
        app.include_router(router)
    return app


@asynccontextmanager
async def _with_threads(app: FastAPI) -> AsyncIterator[None]:
    """Have a thread for every question that may wait, and some for all else."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield
