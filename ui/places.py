"""How many questions are answered at once, how many wait, and that whoever comes after these is told so at once.

An answer is computing: more of them at once than there are cores only makes each slower, and a queue without an end
makes people wait for answers that they have given up on. A client that reads slowly holds no place: a place is held
while a step is computed, not while it is sent.
"""

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TypeVar

from index.errors import RagError

AT_ONCE = min(os.cpu_count() or 1, 16)
AT_ONCE_WITH_MODEL = 16  # these wait for another process
WAITING = 60
PATIENCE = 60.0  # seconds: on a machine that is slow today the line may be too long, and who asked has gone
THREADS = AT_ONCE_WITH_MODEL + WAITING + 24  # of a server: some are left for all that is not a question
DRAIN_STEP = 0.05
SLOW_SECONDS = 2.0

FULL = "too many questions at the moment: ask again in a few seconds"

Step = TypeVar("Step")


class CrowdedError(RagError):
    """More questions wait than will be answered soon, or the server is about to stop."""


class _Turns:
    """So many places, each of which goes to whoever is next: first what has begun, then who has waited longest.

    subtle: a semaphore is not enough. Its place is free for a moment, and an answer's next step takes it before the
    thread that was woken, which goes to the end of the line: who came first can wait for minutes.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._lock = threading.Lock()
        self._line: list[tuple[bool, int, threading.Event]] = []  # a heap
        self._tickets = count()

    @contextmanager
    def taken(self, patience: float | None = None) -> Iterator[None]:
        """Hold a place, as soon as it is one's turn. Who has begun has no end of patience.

        Raises CrowdedError if it is not one's turn after so many seconds.
        """
        turn = threading.Event()
        entry = (patience is not None, next(self._tickets), turn)
        with self._lock:
            if self._free:
                self._free -= 1
                turn.set()
            else:
                heappush(self._line, entry)
        if not turn.wait(patience):
            self._leave(entry)
        try:
            yield
        finally:
            with self._lock:
                if self._line:
                    heappop(self._line)[-1].set()
                else:
                    self._free += 1

    def _leave(self, entry: tuple[bool, int, threading.Event]) -> None:
        with self._lock:
            if entry in self._line:  # else it is its turn at this very moment
                self._line.remove(entry)
                heapify(self._line)
                raise CrowdedError(FULL)


class Places:
    """So many at work, and so many that wait. Thread-safe."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING, patience: float = PATIENCE) -> None:
        self._work = _Turns(at_once)
        self._patience = patience
        self._lock = threading.Lock()
        self._free = at_once + waiting
        self._begun: set[object] = set()
        self._sending: dict[object, float] = {}  # since when a step waits to be sent
        self.is_closed = False

    def in_turn(self, steps: Iterator[Step]) -> Iterator[Step]:
        """Yield the steps, each computed when there is a place. Raises CrowdedError before the first one."""
        with self._counted() as number:
            with self._entered(), self._work.taken(self._patience):
                step = next(steps, None)
            while step is not None:
                self._sending[number] = time.monotonic()
                yield step
                del self._sending[number]
                with self._work.taken():  # it waits for a place, but is never turned away
                    step = next(steps, None)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place. Raises CrowdedError."""
        with self._counted(), self._entered(), self._work.taken(self._patience):
            yield

    def drain(self, seconds: float) -> bool:
        """Let nobody in any more, and wait for the answers that have begun; say whether they ended in time.

        One whose client has not fetched its next step for a while is not waited for.
        """
        self.is_closed = True
        deadline = time.monotonic() + seconds
        while (busy := self._busy()) and time.monotonic() < deadline:
            time.sleep(DRAIN_STEP)
        return not busy

    def _busy(self) -> bool:
        with self._lock:
            since = {number: self._sending.get(number, math.inf) for number in self._begun}
        return any(time.monotonic() - at < SLOW_SECONDS for at in since.values())

    @contextmanager
    def _entered(self) -> Iterator[None]:
        with self._lock:
            if self.is_closed:
                raise CrowdedError("the server is about to stop: ask again in a minute")
            if not self._free:
                raise CrowdedError(FULL)
            self._free -= 1
        try:
            yield
        finally:
            with self._lock:
                self._free += 1

    @contextmanager
    def _counted(self) -> Iterator[object]:
        number = object()
        with self._lock:
            self._begun.add(number)
        try:
            yield number
        finally:
            with self._lock:
                self._begun.discard(number)
                self._sending.pop(number, None)
