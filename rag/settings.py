"""What a person may choose, in one flat place. Flag > environment > `rag.toml` > default; built once at each edge."""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from index.collections import DEFAULT as DEFAULT_COLLECTION
from index.collections import checked_name, folder_of, root_of
from index.models import ENCODER_FILES
from rag.address import is_database
from rag.configfile import FILE, SettingError, check_known, read_settings

__all__ = ["Given", "SettingError", "Settings", "given_settings"]
DEFAULT, FLAG = "default", "flag"
ELSEWHERE = {"database", "model_url"}  # addresses that something of the user's is sent to


@dataclass(frozen=True)
class Settings:
    """All settings. `RAG_` and a field's name in capitals is its environment variable.

    `table` follows from what is given for `index`: the address of a Lance table ("s3://bucket/path", or a folder whose
    name ends in .lance), "" for a local index. Beside a table, `index` is the folder of what stays on this machine.
    `index` is the folder of the collection, once that is known. `copy` is None for a local index, which needs none.
    """

    index: Path = Path(".rag")
    collection: str = DEFAULT_COLLECTION
    copy: Path | None = None
    copy_seconds: float = 5
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
    host: str = "127.0.0.1"
    port: int = 7860
    url: str = ""
    database: str = field(default="", repr=False)  # it may hold a password
    log: Path | None = None
    log_questions: bool = False
    traces: bool = False
    table: str = field(default="", metadata={"from": "index"})

    @classmethod
    def from_environment(cls, **flags: object) -> "Settings":
        """Take flags that are not None, then environment variables, `rag.toml`, defaults. Raises SettingError."""
        return cls.of({name: given.value for name, given in given_settings(flags).items()})

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Settings":
        """Return these settings, checked. Raises SettingError."""
        place = str(values.get("index", cls.index))
        collection = checked_name(str(values.get("collection", cls.collection)))
        if not is_table(place):
            where: dict[str, object] = {"index": folder_of(Path(place), collection), "copy": None}
        elif collection == DEFAULT_COLLECTION:
            where = {"index": cls.index, "table": place}
        else:
            raise SettingError(f"{place} is a table, which holds one collection: name another table with --index")
        settings = cls(**{**values, **where, "collection": collection})  # type: ignore[arg-type]  # of the right types
        if settings.threshold is not None and not math.isfinite(settings.threshold):
            raise SettingError(f"threshold is {settings.threshold}, it must be a number")
        if str(settings.copy).startswith("s3:/") or str(settings.copy).endswith(".lance"):
            raise SettingError(f"copy is {settings.copy}, it must be a folder of this machine")
        _check("copy_seconds", settings.copy_seconds, 0.1, 3600)
        _check("k", settings.k, 1, 50)
        _check("chunk_size", settings.chunk_size, 20, 250)
        _check("chunk_overlap", settings.chunk_overlap, 0, 5)
        _check("parse_seconds", settings.parse_seconds, 0.01, 3600)
        _check("model_seconds", settings.model_seconds, 0.01, 3600)
        _check("model_context", settings.model_context, 1_000, 10_000_000)
        if settings.max_cost is not None:
            _check("max_cost", settings.max_cost, 0, 1e6)
        _ = settings.prices  # raises what is wrong with them
        _check("port", settings.port, 1, 65_535)
        if settings.database and not is_database(settings.database):
            raise SettingError(
                "RAG_DATABASE is not an address such as postgresql://user@host/database (in a password, every letter"
                " but a-z, A-Z and 0-9 as %XX)"
            )
        return settings

    @property
    def root(self) -> Path:
        """Return the index folder that holds all collections, and who may ask them."""
        return root_of(self.index)

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


@dataclass(frozen=True)
class Given:
    """A setting's value, and where it is from: "flag", a variable, the path of a file, or "default"."""

    value: object
    origin: str


def given_settings(flags: Mapping[str, object]) -> dict[str, Given]:
    """Return every setting by name, unchecked, with where it is from. Raises SettingError if it cannot be read.

    The file is `rag.toml` in the working directory, or the one that `RAG_CONFIG` names.
    """
    for name in flags:
        check_known(name, KINDS, FLAG)
    named = os.environ.get("RAG_CONFIG", "")
    path = Path(named or FILE)
    in_file = read_settings(path, KINDS) if named or path.is_file() else {}
    for key in () if named else sorted(ELSEWHERE & in_file.keys()):
        # A folder of somebody else's, such as a download, must not say where passages, conversations or a key are sent.
        raise SettingError(f"{path}: {key} counts only in a file that RAG_CONFIG names: RAG_CONFIG={path} rag ...")
    found: dict[str, Given] = {}
    for setting in fields(Settings):
        if setting.metadata:
            continue  # follows from another
        name, variable = setting.name, f"RAG_{setting.name.upper()}"
        if flags.get(name) is not None:
            found[name] = Given(flags[name], FLAG)
        elif os.environ.get(variable):
            found[name] = Given(_parse(variable, os.environ[variable], name), variable)
        elif name in in_file:
            found[name] = Given(in_file[name], str(path))
        else:
            found[name] = Given(setting.default, DEFAULT)
    return found


def _yes(value: str) -> bool:
    if value.lower() not in ("1", "0", "true", "false", "yes", "no"):
        raise ValueError(value)
    return value.lower() in ("1", "true", "yes")


PARSERS: dict[str, Callable[[str], object]] = {
    "copy": Path,
    "copy_seconds": float,
    "k": int,
    "threshold": float,
    "chunk_size": int,
    "chunk_overlap": int,
    "parse_seconds": float,
    "model_seconds": float,
    "model_context": int,
    "max_cost": float,
    "keep_unsupported": _yes,
    "log": Path,
    "log_questions": _yes,
    "traces": _yes,
    "port": int,
}
KINDS: dict[str, type] = {
    setting.name: bool if kind is _yes else kind if isinstance(kind, type) else str
    for setting in fields(Settings)
    if not setting.metadata
    for kind in [PARSERS.get(setting.name, str)]
} | {"index": Path}


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
