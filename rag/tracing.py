"""Events as OpenTelemetry spans: one for each answer, below it one for each stage. Sent only where the setting says so.

Where they are sent to is OpenTelemetry's own setting (`OTEL_EXPORTER_OTLP_ENDPOINT` and its like). No question and no
text of a document is in a span.
"""

import logging
import time
from typing import TYPE_CHECKING

from rag.events import Event
from rag.settings import SettingError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

FLUSH_MILLISECONDS = 2_000
NAME = "checkable-rag"


class Traces(logging.Handler):
    """Turn events into spans. `provider` is OpenTelemetry's; the default sends them by OTLP over HTTP."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        super().__init__()
        try:
            from opentelemetry.trace import set_span_in_context

            self.provider = provider or _exporting()
        except ImportError as error:
            raise SettingError("RAG_TRACES needs a package: pip install 'checkable-rag[telemetry]'") from error
        self._tracer = self.provider.get_tracer(NAME)
        self._below = set_span_in_context

    def emit(self, record: logging.LogRecord) -> None:
        """Make the spans of one event; the stages end now, one after the other."""
        event: Event = record.__dict__["event"]
        end = time.time_ns()
        at = end - sum(_nanoseconds(seconds) for seconds in event.seconds.values())
        values = {name: value for name, value in event.values.items() if isinstance(value, bool | int | float | str)}
        whole = self._tracer.start_span(event.name, start_time=at, attributes=values)
        for stage, seconds in event.seconds.items():
            span = self._tracer.start_span(stage, context=self._below(whole), start_time=at)
            at += _nanoseconds(seconds)
            span.end(at)
        whole.end(end)

    def flush(self) -> None:
        """Send what waits."""
        self.provider.force_flush(FLUSH_MILLISECONDS)


def _exporting() -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": NAME}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
