"""JSON and JSON lines: a record is a passage, "key: value; key: value"; its place is its line, or where it lies.

Keys of nested objects are joined ("address.city"). Long texts stand on their own, below the record's short values.
"""

import json
from collections.abc import Iterator
from typing import Any

from index.errors import UnreadableDocumentError
from index.parsing.blocks import ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.decoding import decode

LONG_TEXT = 200
MAX_DEPTH = 100


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the records of a JSON file, or of one with a JSON value on each line."""
    text, used = decode(data, encoding)
    builder = TextBuilder()
    for place, value in _records(text):
        builder.place(place)
        _add(builder, value)
    return builder.document(used)


def _records(text: str) -> Iterator[tuple[str, Any]]:
    """Yield (place, value): the members of an array or object, or the lines. Raises UnreadableDocumentError."""
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise UnreadableDocumentError("nested too deeply") from error
    except ValueError as error:
        if "\n" not in text.strip():
            raise UnreadableDocumentError(f"not JSON: {error}") from error
        yield from _lines(text)
        return
    if isinstance(value, list):
        yield from ((f"[{number}]", member) for number, member in enumerate(value))
    elif isinstance(value, dict) and any(isinstance(member, dict | list) for member in value.values()):
        for key, member in value.items():
            if isinstance(member, list) and any(isinstance(item, dict) for item in member):
                yield from ((f"{key}[{number}]", item) for number, item in enumerate(member))
            else:
                yield key, {key: member}
    else:
        yield "", value


def _lines(text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UnreadableDocumentError(f"not JSON: line {number}") from error


def _add(builder: TextBuilder, value: Any) -> None:
    short: list[str] = []
    long: list[str] = []
    for path, text in _leaves(value, "", 0):
        said = f"{path}: {text}" if path else text
        (long if len(text) > LONG_TEXT or "\n" in text else short).append(said)
    apart = not builder.add("; ".join(short), apart=False)
    for text in long:
        builder.add(text, apart=apart)


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of everything that is no container; a list of plain values is one text."""
    if depth > MAX_DEPTH:
        raise UnreadableDocumentError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _leaves(member, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list):
        plain = [_shown(member) for member in value if not isinstance(member, dict | list)]
        if any(plain):
            yield path, ", ".join(text for text in plain if text)
        for member in value:
            if isinstance(member, dict | list):
                yield from _leaves(member, path, depth + 1)
    elif _shown(value):
        yield path, _shown(value)


def _shown(value: Any) -> str:
    """Return a plain value as JSON writes it, a text without its quotes; null is nothing."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
