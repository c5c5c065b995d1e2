"""Show how far a long run is: a bar on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_SECONDS = 60.0


@contextmanager
def shown_progress(what: str, total: int, unit: str = "B") -> Iterator[Callable[[int], object]]:
    """Give a function that takes what was done since its last call, in bytes or another unit.

    Rate and time left are on standard error.

    A terminal gets a bar. Anything else gets a line after a minute, and then every minute, so a short run is silent.
    """
    from tqdm import tqdm

    if sys.stderr is not None and sys.stderr.isatty():
        with tqdm(total=total, unit=unit if unit == "B" else f" {unit}", unit_scale=True, desc=what) as bar:
            yield bar.update
        return
    yield _Lines(what, total, unit).update


class _Lines:
    """Print a line every minute."""

    def __init__(self, what: str, total: int, unit: str = "B") -> None:
        self.what = what
        self.total = total
        self.unit = unit
        self.done = 0
        self.started = self.last = time.monotonic()

    def update(self, size: int) -> None:
        self.done += size
        now = time.monotonic()
        if sys.stderr is not None and now - self.last >= LINE_SECONDS:
            self.last = now
            line = progress_line(self.what, self.done, self.total, now - self.started, self.unit)
            print(line, file=sys.stderr, flush=True)


def progress_line(what: str, done: int, total: int, seconds: float, unit: str = "B") -> str:
    """Say how far a run is after so many seconds. Example: "Indexing notes: 25 % of 4.0 MB, 10 kB/s, 5 min left"."""
    rate = done / max(seconds, 1e-9)
    left = (total - done) / rate if rate else 0.0
    share = 100 * done // total if total else 100
    minutes = f"{max(1, round(left / 60))} min left"
    if unit != "B":
        return f"{what}: {share} % of {total:,} {unit}, {rate:,.0f} a second, {minutes}"
    return f"{what}: {share} % of {total / 1e6:.1f} MB, {rate / 1e3:.0f} kB/s, {minutes}"
