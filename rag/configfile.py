"""Read `rag.toml`: settings that hold wherever the same command is run from the same folder, in one flat table.

A key that is not a setting is refused, so that a typing error cannot pass for a setting that has no effect.
"""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from index.errors import RagError

FILE = "rag.toml"
MAX_BYTES = 1_000_000


class SettingError(RagError):
    """A setting has a value that it cannot have, or there is no such setting."""


def read_settings(path: Path, kinds: Mapping[str, type]) -> dict[str, object]:
    """Return the settings of a file; `kinds` says what each is: bool, int, float, str or Path.

    A relative path is taken from the file's folder. Raises SettingError, without the value: it may be a secret that
    somebody tried to put there.
    """
    try:
        with path.open("rb") as file:
            table = tomllib.loads(file.read(MAX_BYTES).decode("utf-8"))
    except OSError as error:
        raise SettingError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not TOML: {error}") from error
    return {key: _checked(path, key, value, kinds) for key, value in table.items()}


def check_known(key: str, kinds: Mapping[str, type], where: str) -> None:
    """Raise SettingError, with the nearest name, if there is no such setting."""
    if key not in kinds:
        (near,) = get_close_matches(key, kinds, n=1, cutoff=0.0)
        raise SettingError(f"{where}: there is no setting {key!r}; the nearest is {near} (`rag config` lists all)")


def _checked(path: Path, key: str, value: object, kinds: Mapping[str, type]) -> object:
    check_known(key, kinds, str(path))
    kind = kinds[key]
    # subtle: True is an int in Python, and 8 is no float.
    taken = {Path: (str,), float: (int, float)}.get(kind, (kind,))
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, taken):
        what = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, 'a text in "quotes"')
        raise SettingError(f"{path}: {key} must be {what}")
    if kind is Path and "://" not in str(value):
        return path.parent / Path(str(value)).expanduser()
    return float(value) if isinstance(value, int) and kind is float else value
