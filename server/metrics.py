"""What a monitoring system asks: is it alive, is it ready, and figures as Prometheus reads them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.errors import RagError
from index.following import standing_of
from rag.answer import Answer
from server.problems import Problem, responses
from server.visiting import Admin
from ui.collections import Collections

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The figures of one process since it started."""

    def __init__(self, collections: Collections) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "rag_http_requests",
            "Requests by route, method and status",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self._answers = Counter("rag_answers", "Answers by verdict", ["verdict"], registry=self.registry)
        self._seconds = Histogram(
            "rag_stage_seconds", "Seconds by stage of an answer", ["stage"], registry=self.registry, buckets=SECONDS
        )
        self._refused = Counter("rag_login_failures", "Wrong passwords and tokens", registry=self.registry)
        self.registry.register(_IndexFigures(collections))

    def answered(self, answer: Answer) -> None:
        """Count an answer."""
        self._answers.labels(str(answer.verdict)).inc()
        for stage, seconds in answer.timings.items():
            self._seconds.labels(stage).observe(seconds)

    def requested(self, route: str, method: str, status: int) -> None:
        """Count a request."""
        self._requests.labels(route, method, str(status)).inc()

    def refused(self) -> None:
        """Count a wrong password or token."""
        self._refused.inc()


class _IndexFigures(Collector):
    """What is indexed now, in all collections together."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def collect(self) -> Iterator[GaugeMetricFamily]:
        counts = [collection.desk.counts() for collection in self._collections.all()]
        documents, passages = map(sum, zip(*counts, strict=True))
        yield GaugeMetricFamily("rag_documents", "Indexed documents", documents)
        yield GaugeMetricFamily("rag_passages", "Indexed passages", passages)
        standing = standing_of(self._collections.desk.store)
        if standing and standing.seen:
            age = (datetime.now(UTC) - datetime.fromisoformat(standing.seen)).total_seconds()
            yield GaugeMetricFamily("rag_copy_age_seconds", "Since the copy was last seen in step", age)


class Counting:
    """Count every request by the route that took it, so that names in a path do not become figures of their own."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count its response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in METHODS else "other"
                self.metrics.requested(route, method, message["status"])
            await send(message)

        await self.app(scope, receive, sending)


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Copy(BaseModel):
    """The copy of a table that is asked: which generation it holds, and when that was last seen to be the newest."""

    generation: int
    in_step: str = Field(description="ISO 8601")


class State(BaseModel):
    """It works."""

    status: str
    copied: Copy | None = None


router = APIRouter(tags=["Operation"])


@router.get("/healthz", response_model_exclude_none=True)
async def healthz() -> State:
    """Say that the process answers."""
    return State(status="alive")


@router.get("/readyz", responses={503: {"model": Problem}}, response_model_exclude_none=True)
def readyz(request: Request) -> State:
    """Say whether questions can be answered now: models are loaded, the index and the database can be read.

    A copy of a table is brought in step first, unless the table is not there; and how old it is is said.
    """
    collections: Collections = request.app.state.collections
    standing = standing_of(collections.desk.store)
    if standing is not None and not standing.is_tried:
        raise HTTPException(503, "the copy is being brought in step")
    if not collections.desk.warm.is_over:
        raise HTTPException(503, "the models are being loaded")
    try:
        collections.desk.chain()
        collections.check_readable()
    except RagError as error:
        # The reason may name folders of this machine: those who may know it find it in the log and on the page.
        raise HTTPException(503, f"not ready: {type(error).__name__}") from error
    return State(
        status="ready", copied=Copy(generation=standing.generation, in_step=standing.seen) if standing else None
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses={**responses(), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(room: Admin, request: Request) -> Any:
    """Return figures as Prometheus reads them."""
    figures: Metrics = request.app.state.metrics
    return Response(generate_latest(figures.registry), media_type=PROMETHEUS_TEXT)
