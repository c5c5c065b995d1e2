"""Slow down whoever guesses passwords.

After five wrong ones for a name from one address, or twenty from an address for whatever names, the next try waits: a
second, then two, four, up to a minute, in which even the right one is refused (so that guessing gains nothing).
"""

import time
from collections import OrderedDict
from collections.abc import Callable

FREE_FOR_NAME = 5
FREE_FOR_ADDRESS = 20
LONGEST_SECONDS = 60.0
FORGOTTEN_SECONDS = 3600.0
MAX_KEPT = 10_000

Key = tuple[str, ...]


class Throttle:
    """What went wrong lately, by address and name. One process knows its own only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[Key, tuple[int, float]] = OrderedDict()  # how many, and when the last was

    def wait(self, address: str, name: str) -> float:
        """Return the seconds until the next try is looked at; 0 is now."""
        return max(self._wait((address, name), FREE_FOR_NAME), self._wait((address,), FREE_FOR_ADDRESS))

    def failed(self, address: str, name: str) -> None:
        """Note a wrong password."""
        for key in ((address, name), (address,)):
            self._failures[key] = (self._count(key) + 1, self._clock())
            self._failures.move_to_end(key)
        while len(self._failures) > MAX_KEPT:
            self._failures.popitem(last=False)

    def succeeded(self, address: str, name: str) -> None:
        """Forget what was wrong with this name before."""
        self._failures.pop((address, name), None)

    def _wait(self, key: Key, free: int) -> float:
        over = self._count(key) - free
        if over < 0:
            return 0.0
        seconds = min(2.0 ** min(over, 10), LONGEST_SECONDS)
        return max(0.0, self._failures[key][1] + seconds - self._clock())

    def _count(self, key: Key) -> int:
        count, at = self._failures.get(key, (0, 0.0))
        return count if self._clock() - at < FORGOTTEN_SECONDS else 0
