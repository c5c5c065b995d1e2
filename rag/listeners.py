"""Who listens to events: a log, OpenTelemetry, or a person who asked for `--verbose`. Nobody unless asked for."""

import logging
from collections.abc import Callable

from rag.events import Event, logger
from rag.settings import Settings


def listen(settings: Settings) -> None:
    """Start what the settings ask for, once. Raises SettingError if its package is not there."""
    path = settings.log
    if path is not None:
        from rag.logfile import LogFile

        _add(f"log {path}", lambda: LogFile(path, keep_questions=settings.log_questions))
    if settings.traces:
        from rag.tracing import Traces

        _add("traces", Traces)


def show() -> None:
    """Print a line for every event on standard error."""

    def made() -> logging.Handler:
        handler = logging.StreamHandler()
        handler.setFormatter(_Line())
        return handler

    _add("shown", made)


def _add(name: str, make: Callable[[], logging.Handler]) -> None:
    if name not in {handler.name for handler in logger.handlers}:
        handler = make()
        handler.name = name
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)


class _Line(logging.Formatter):
    """An event as a line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return it."""
        event: Event = record.__dict__["event"]
        values = ", ".join(f"{name} {value}" for name, value in event.values.items())
        times = ", ".join(f"{stage} {1000 * seconds:.0f} ms" for stage, seconds in event.seconds.items())
        return f"rag: {event.name}: {'; '.join(part for part in (values, times) if part)}"
