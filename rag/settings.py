"""What a person may choose, in one flat place. Flag > environment > default; built once at each edge."""

import math
import os
from dataclasses import dataclass, fields
from pathlib import Path

from index.errors import RagError
from index.models import ENCODER_FILES


class SettingError(RagError):
    """A setting has a value that it cannot have."""


@dataclass(frozen=True)
class Settings:
    """All settings. `RAG_` and a field's name in capitals is its environment variable."""

    index: Path = Path(".rag")
    encoder: str = ENCODER_FILES.name
    k: int = 8
    threshold: float | None = None
    chunk_size: int = 200
    chunk_overlap: int = 1
    parse_seconds: float = 10

    @classmethod
    def from_environment(cls, **flags: object) -> "Settings":
        """Take flags that are not None, then environment variables, then defaults. Raises SettingError."""
        values: dict[str, object] = {}
        for setting in fields(cls):
            variable = f"RAG_{setting.name.upper()}"
            given = flags.get(setting.name)
            if given is None and os.environ.get(variable):
                given = _parse(variable, os.environ[variable], setting.name)
            if given is not None:
                values[setting.name] = given
        settings = cls(**values)  # type: ignore[arg-type]  # the values come from options of the right type
        if settings.threshold is not None and not math.isfinite(settings.threshold):
            raise SettingError(f"threshold is {settings.threshold}, it must be a number")
        _check("k", settings.k, 1, 50)
        _check("chunk_size", settings.chunk_size, 20, 250)
        _check("chunk_overlap", settings.chunk_overlap, 0, 5)
        _check("parse_seconds", settings.parse_seconds, 0.01, 3600)
        return settings


PARSERS = {"index": Path, "k": int, "threshold": float, "chunk_size": int, "chunk_overlap": int, "parse_seconds": float}


def _parse(variable: str, value: str, name: str) -> object:
    try:
        return PARSERS.get(name, str)(value)
    except ValueError as error:
        raise SettingError(f"{variable}={value!r} is not a number") from error


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingError(f"{name.replace('_', '-')} is {value}, it must be from {low} to {high}")
