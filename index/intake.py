"""Which files are read, and which documents one file holds: itself, and what is attached to it.

An attachment is a document of its own, named like a file in a folder that has the mail's name: "mail.eml/report.pdf".
No file can lie there, so that the name alone says whose it is. It comes and goes with its mail.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from index.documents import Source, content_hash
from index.errors import UnreadableDocumentError
from index.parsing import SUFFIXES, Attachment, ParsedDocument, Parser, may_be_read
from index.parsing.formats import HEAD_BYTES

MAX_DEPTH = 3
MAX_ATTACHMENTS = 200
MAX_ATTACHED_BYTES = 200_000_000
MAX_NAME_BYTES = 200
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Found:
    """A document that was read; its attachments come after it as documents of their own."""

    name: str
    content_sha256: str
    parsed: ParsedDocument


@dataclass(frozen=True)
class Refused:
    """An attachment that is not read. `is_known` says that its format is one that usually is."""

    name: str
    reason: str
    is_known: bool


def suffix(name: str) -> str:
    """Return a name's suffix in small letters."""
    return PurePath(name).suffix.lower()


def is_readable(source: Source) -> bool:
    """Say whether a file has a format that is read: by its suffix, or else by its first kilobytes."""
    return suffix(source.name) in SUFFIXES or may_be_read(source.name, source.head(HEAD_BYTES))


def documents_in(parser: Parser, name: str, data: bytes, encoding: str | None) -> Iterator[Found | Refused]:
    """Yield the document, then those attached to it, to a depth of 3.

    Raises UnreadableDocumentError, before anything is yielded, if the file itself cannot be read.
    """
    parsed = parser.parse(name, data, encoding)
    yield Found(name, content_hash(data), replace(parsed, attachments=()))
    waiting = [(1, f"{name}/{inner}", attached) for inner, attached in _named(parsed.attachments)]
    count, size = 0, 0
    while waiting:
        depth, inner, attached = waiting.pop(0)
        count, size = count + 1, size + len(attached.data)
        if count > MAX_ATTACHMENTS or size > MAX_ATTACHED_BYTES:
            yield Refused(inner, f"over {MAX_ATTACHMENTS} attachments or {MAX_ATTACHED_BYTES:,} bytes of them", True)
            return
        if suffix(inner) not in SUFFIXES and not may_be_read(inner, attached.data[:HEAD_BYTES]):
            yield Refused(inner, "this format is not read", False)
            continue
        try:
            parsed = parser.parse(inner, attached.data, None)
        except UnreadableDocumentError as error:
            yield Refused(inner, str(error), True)
            continue
        yield Found(inner, content_hash(attached.data), replace(parsed, attachments=()))
        for deeper, below in _named(parsed.attachments):
            if depth < MAX_DEPTH:
                waiting.append((depth + 1, f"{inner}/{deeper}", below))
            else:
                yield Refused(f"{inner}/{deeper}", f"attached more than {MAX_DEPTH} deep", True)


def attached_to(owners: set[str], names: Iterable[str]) -> defaultdict[str, set[str]]:
    """Group the names of attachments by the file that they came with."""
    found = defaultdict(set)
    for name in names:
        if name not in owners:
            for folder in PurePath(name).parents:
                if str(folder) in owners:
                    found[str(folder)].add(name)
    return found


def with_attached(names: Sequence[str], all_names: Iterable[str]) -> list[str]:
    """Return the names with those of what is attached to them."""
    attached = attached_to(set(names), all_names)
    return list(dict.fromkeys([*names, *(inner for name in names for inner in sorted(attached[name]))]))


def _named(attachments: tuple[Attachment, ...]) -> Iterator[tuple[str, Attachment]]:
    """Give every attachment a safe name that no other one of the same mail has."""
    taken: set[str] = set()
    for attachment in attachments:
        name = base = safe_name(attachment.name)
        number = 1
        while name in taken:
            number += 1
            name = f"{PurePath(base).stem} ({number}){PurePath(base).suffix}"
        taken.add(name)
        yield name, attachment


def safe_name(name: str) -> str:
    r"""Return a file name that is one: no folders, no control characters, not hidden, at most 200 bytes.

    Example: "..\\a/b\n.txt" -> "b_.txt".
    """
    last = re.split(r"[/\\]", name)[-1]
    last = UNSAFE.sub("_", last).strip().lstrip(".") or "unnamed"
    path = PurePath(last)
    ending = path.suffix[:20]
    stem = path.name[: len(path.name) - len(path.suffix)] or "unnamed"
    room = MAX_NAME_BYTES - len(ending.encode("utf-8", "replace"))
    return stem.encode("utf-8", "replace")[:room].decode("utf-8", "ignore") + ending
