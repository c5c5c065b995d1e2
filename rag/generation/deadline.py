"""An iterator with a deadline that holds whatever its source does: blocks, sends nothing new, or never ends."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_END = object()


def timed_out(source: Callable[[], Iterable[T]], seconds: float) -> Iterator[T]:
    """Yield what the source yields. Raises TimeoutError `seconds` after the first is asked for, or what it raises.

    The source runs in a thread of its own, which is left behind when time is up or nobody asks any more; it ends with
    the next item that it yields.
    """
    items: queue.SimpleQueue[tuple[object, BaseException | None]] = queue.SimpleQueue()
    is_over = threading.Event()

    def produce() -> None:
        try:
            for item in source():
                if is_over.is_set():
                    return
                items.put((item, None))
        except Exception as error:
            items.put((_END, error))
        else:
            items.put((_END, None))

    threading.Thread(target=produce, name="language model", daemon=True).start()
    end = time.monotonic() + seconds
    try:
        while True:
            try:
                item, error = items.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise TimeoutError from None
            if error is not None:
                raise error
            if item is _END:
                return
            yield item  # type: ignore[misc]  # only the end is of another type
    finally:
        is_over.set()
