"""The log: a file with one event a line, as JSON. Several processes may write to one; it is renewed when it is large.

A question is kept as a keyed hash (BLAKE2b, 16 bytes): the same question gives the same hash, and without the key file
beside the log nobody can find a question by trying. Its text is kept only if asked for.
"""

import fcntl
import hashlib
import json
import logging
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from rag.events import Event

MAX_BYTES = 10_000_000
KEPT = 5
KEY_BYTES = 32
PRIVATE = 0o600


class LogFile(logging.Handler):
    """Append events to a file. Where that fails, the answer goes on, and one warning says so."""

    def __init__(self, path: Path, *, keep_questions: bool) -> None:
        super().__init__()
        self.path = path
        self.keep_questions = keep_questions
        self._has_warned = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write one event."""
        event: Event = record.__dict__["event"]
        try:
            self._append(json.dumps(self._line(event), ensure_ascii=False).encode("utf-8") + b"\n")
        except OSError as error:
            if not self._has_warned:
                logging.getLogger("rag").warning("cannot write %s: %s; events are lost", self.path, error.strerror)
            self._has_warned = True

    def _line(self, event: Event) -> dict[str, object]:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {"at": at, "event": event.name, "process": os.getpid(), **event.values}
        if event.seconds:
            line["seconds"] = event.seconds
        if event.question is not None:
            line |= {"question_hash": self._hash(event.question)}
            line |= {"question": event.question} if self.keep_questions else {}
        return line

    def _hash(self, question: str) -> str:
        return hashlib.blake2b(question.encode("utf-8"), digest_size=16, key=self._key()).hexdigest()

    def _key(self) -> bytes:
        """Return the key beside the log; a new one is put there whole, or another process's is taken."""
        path = self.path.with_name(f"{self.path.name}.key")
        if not path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f"{path.name}.{os.getpid()}")
            with open(new, "wb", opener=_private) as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            try:
                os.link(new, path)
            except FileExistsError:
                pass
            finally:
                new.unlink()
        return path.read_bytes()

    def _append(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with open(self.path, "ab", opener=_private) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if not _is_still(file, self.path):
                    continue  # another process renewed it while we waited
                size = os.fstat(file.fileno()).st_size
                if size and size + len(line) > MAX_BYTES:
                    self._renew()
                    continue
                file.write(line)
                return

    def _renew(self) -> None:
        """Rename log to log.1, log.1 to log.2, ...; what was the last is gone."""
        names = [self.path, *(self.path.with_name(f"{self.path.name}.{number}") for number in range(1, KEPT + 1))]
        for number in range(KEPT, 0, -1):
            if names[number - 1].exists():
                names[number - 1].replace(names[number])


def _is_still(file: BinaryIO, path: Path) -> bool:
    """Say whether an open file is the one of this name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _private(path: str, flags: int) -> int:
    """Open a file that nobody else may read."""
    return os.open(path, flags, PRIVATE)
