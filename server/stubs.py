"""Import Gradio without the type stubs that it makes of its own classes, which take half the time of its import."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_stubs() -> Iterator[None]:
    """Have Gradio, imported in the block, make no stubs (`gradio/component_meta.py`).

    subtle: there is no setting for it, but it passes over a class that has no file.
    """
    real: Callable[[Any], str] = inspect.getfile

    def getfile(found: Any) -> str:
        if isinstance(found, type) and found.__module__.startswith("gradio."):
            raise OSError("not asked for")
        return real(found)

    inspect.getfile = getfile
    try:
        yield
    finally:
        inspect.getfile = real
