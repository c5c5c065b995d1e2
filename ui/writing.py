"""Write to the index beside another process that does so, such as `rag watch`, whose commits take a moment."""

import time
from collections.abc import Callable
from typing import TypeVar

from index.errors import IndexBusyError

PATIENCE = 20.0  # seconds
TRY_AGAIN_SECONDS = 0.1

Done = TypeVar("Done")


def when_free(write: Callable[[], Done]) -> Done:
    """Do it, and again as long as another process is writing. Raises IndexBusyError when patience is at its end."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return write()
        except IndexBusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(TRY_AGAIN_SECONDS)
