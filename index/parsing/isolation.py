"""Parse files in a process of their own, which is ended when one takes too long or too much memory.

Parsers of binary formats are other people's code, fed with files that nobody vouches for. The process is started when
a file first needs it (a fifth of a second) and kept for the next one. Text, and Markdown up to
200 kB, is parsed here: linear scans that cannot hang (2 s at worst), and a folder of notes needs no second process.
"""

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from index.errors import UnreadableDocumentError
from index.parsing.blocks import ParsedDocument
from index.parsing.formats import MARKDOWN, PLAIN, format_of, parser_of
from index.parsing.frames import LENGTHS, Header, unpack, write_frame

MAX_SECONDS = 10.0
MAX_MEMORY = 2 * 1024**3
MAX_MARKDOWN_BYTES = 200_000
START_SECONDS = 60.0
# On a busy machine, ten seconds of computing take longer: so many times as long are waited at most.
MAX_WAITING = 6
READ_BYTES = 1 << 20


class _TooSlowError(Exception):
    """The process did not answer in time."""


class _Clock:
    """Tell how long to wait for a process that may compute for so many seconds, however busy the machine is."""

    def __init__(self, pid: int, seconds: float) -> None:
        self.pid = pid
        self.seconds = seconds
        self.start, self.computed = time.monotonic(), _computed(pid)

    def left(self) -> float:
        """Return the seconds after which to ask again; 0 when its time is over."""
        waited = time.monotonic() - self.start
        if waited < self.seconds:
            return self.seconds - waited
        is_over = waited >= MAX_WAITING * self.seconds
        return 0 if is_over else max(0.0, self.seconds - (_computed(self.pid) - self.computed))


def _computed(pid: int) -> float:
    """Return the seconds that a process has computed; where the system does not say, the time of the clock."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return time.monotonic()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Parser:
    """Parse one file after another, each within `seconds` of computing and `memory` bytes.

    Thread-safe; close it after use.
    """

    def __init__(self, seconds: float = MAX_SECONDS, memory: int = MAX_MEMORY) -> None:
        self.seconds = seconds
        self.memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def parse(self, name: str, data: bytes, encoding: str | None = None) -> ParsedDocument:
        """Return a file's text and blocks. Raises UnreadableDocumentError with the reason why there are none."""
        kind = format_of(name, data)
        if kind is PLAIN or (kind is MARKDOWN and len(data) <= MAX_MARKDOWN_BYTES):
            return parser_of(kind)(data, encoding)
        with self._lock:
            try:
                header, body = self._ask(name, data, encoding)
            except _TooSlowError as error:
                self._end()
                raise UnreadableDocumentError(f"took longer than {self.seconds:g} seconds to read") from error
            except (EOFError, OSError) as error:
                self._end()
                raise UnreadableDocumentError("the parser crashed on it") from error
            except BaseException:
                self._end()  # the answer that is still to come would be taken for the next file's
                raise
            if "memory" in header:
                self._end()
                raise UnreadableDocumentError(f"needs more than {self.memory / 1024**3:g} GiB of memory to read")
        return unpack(header, body)

    def close(self) -> None:
        """End the process, if there is one. The next file starts another."""
        with self._lock:
            self._end()

    def __enter__(self) -> "Parser":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ask(self, name: str, data: bytes, encoding: str | None) -> tuple[Header, bytes]:
        process = self._process or self._start()
        requests, answers = _pipes(process)
        write_frame(requests, {"name": name, "encoding": encoding}, data)
        return _read_frame(answers, _Clock(process.pid, self.seconds))

    def _start(self) -> "subprocess.Popen[bytes]":
        # subtle: without -P, a file lxml.py in the folder where one stands would be run.
        command = [sys.executable, "-P", "-m", "index.parsing.worker", str(self.memory)]
        self._process = subprocess.Popen(  # noqa: S603 # our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        _read_frame(_pipes(self._process)[1], _Clock(self._process.pid, START_SECONDS))
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in _pipes(process):
                with suppress(OSError):  # what was not sent is of no use any more
                    pipe.close()


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[BinaryIO, BinaryIO]:
    return cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)


def _read_frame(pipe: BinaryIO, clock: _Clock) -> tuple[Header, bytes]:
    """Read one frame. Raises _TooSlowError, or EOFError if the process has ended."""
    head, size = LENGTHS.unpack(_read(pipe, LENGTHS.size, clock))
    header = json.loads(_read(pipe, head, clock))
    return header, _read(pipe, size, clock)


def _read(pipe: BinaryIO, size: int, clock: _Clock) -> bytes:
    parts = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while len(parts) < size:
            while not selector.select(left := clock.left()):
                if not left:
                    raise _TooSlowError
            # subtle: not through the pipe's buffer, which would block until it is full.
            part = os.read(pipe.fileno(), min(READ_BYTES, size - len(parts)))
            if not part:
                raise EOFError
            parts += part
    return bytes(parts)
