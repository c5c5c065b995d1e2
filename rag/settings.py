"""What a person may choose, in one flat place. Flag > environment > default; built once at each edge."""

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path

from index.errors import RagError
from index.models import ENCODER_FILES


class SettingError(RagError):
    """A setting has a value that it cannot have."""


@dataclass(frozen=True)
class Settings:
    """All settings. `RAG_` and a field's name in capitals is its environment variable.

    `table` follows from what is given for `index`: the address of a Lance table ("s3://bucket/path", or a folder whose
    name ends in .lance), "" for a local index. Beside a table, `index` is the folder of what stays on this machine.
    """

    index: Path = Path(".rag")
    encoder: str = ENCODER_FILES.name
    k: int = 8
    threshold: float | None = None
    chunk_size: int = 200
    chunk_overlap: int = 1
    parse_seconds: float = 10
    model: str = ""
    model_url: str = ""
    model_seconds: float = 60
    model_context: int = 8_192
    model_price: str = ""
    max_cost: float | None = None
    keep_unsupported: bool = False
    table: str = field(default="", metadata={"from": "index"})

    @classmethod
    def from_environment(cls, **flags: object) -> "Settings":
        """Take flags that are not None, then environment variables, then defaults. Raises SettingError."""
        values: dict[str, object] = {}
        for setting in fields(cls):
            if setting.metadata:
                continue
            variable = f"RAG_{setting.name.upper()}"
            given = flags.get(setting.name)
            if setting.name == "index" and isinstance(given, str):
                given = PARSERS["index"](given)
            if given is None and os.environ.get(variable):
                given = _parse(variable, os.environ[variable], setting.name)
            if given is not None:
                values[setting.name] = given
        if is_table(place := str(values.get("index", ""))):
            values |= {"index": cls.index, "table": place}
        settings = cls(**values)  # type: ignore[arg-type]  # the values come from options of the right type
        if settings.threshold is not None and not math.isfinite(settings.threshold):
            raise SettingError(f"threshold is {settings.threshold}, it must be a number")
        _check("k", settings.k, 1, 50)
        _check("chunk_size", settings.chunk_size, 20, 250)
        _check("chunk_overlap", settings.chunk_overlap, 0, 5)
        _check("parse_seconds", settings.parse_seconds, 0.01, 3600)
        _check("model_seconds", settings.model_seconds, 0.01, 3600)
        _check("model_context", settings.model_context, 1_000, 10_000_000)
        if settings.max_cost is not None:
            _check("max_cost", settings.max_cost, 0, 1e6)
        _ = settings.prices  # raises what is wrong with them
        return settings

    @property
    def place(self) -> str:
        """Return where the index is: what `index` was given as."""
        return self.table or str(self.index)

    @property
    def prices(self) -> tuple[float, float] | None:
        """Return what a million tokens cost, in and out, in US dollars. Raises SettingError."""
        if not self.model_price:
            return None
        parts = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*,\s*(\d+(?:\.\d+)?)\s*", self.model_price)
        if parts is None:
            raise SettingError(f"RAG_MODEL_PRICE is {self.model_price!r}, it must be two prices, such as 0.15,0.60")
        return float(parts[1]), float(parts[2])


def is_table(place: str) -> bool:
    """Say whether an index at this place is a Lance table, not a local index."""
    return place.startswith("s3://") or place.rstrip("/").endswith(".lance")


def _yes(value: str) -> bool:
    if value.lower() not in ("1", "0", "true", "false", "yes", "no"):
        raise ValueError(value)
    return value.lower() in ("1", "true", "yes")


PARSERS: dict[str, Callable[[str], object]] = {
    "index": lambda place: place if is_table(place) else Path(place),
    "k": int,
    "threshold": float,
    "chunk_size": int,
    "chunk_overlap": int,
    "parse_seconds": float,
    "model_seconds": float,
    "model_context": int,
    "max_cost": float,
    "keep_unsupported": _yes,
}


def _parse(variable: str, value: str, name: str) -> object:
    try:
        return PARSERS.get(name, str)(value)
    except ValueError as error:
        raise SettingError(
            f"{variable}={value!r} is not {'yes or no' if PARSERS.get(name) is _yes else 'a number'}"
        ) from error


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingError(f"{name.replace('_', '-')} is {value}, it must be from {low} to {high}")
