"""Import Gradio without two things that no page needs, and that take more than half of the time of its import."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def lean_gradio() -> Iterator[None]:
    """Have Gradio, imported in the block, write no type stubs of its classes and not import `mcp`.

    subtle: there is no setting for either. It passes over a class that has no file (`gradio/component_meta.py`), and
    goes without `mcp` where that is not installed (`gradio/mcp.py`); for our own use it is imported afterwards.
    """
    real: Callable[[Any], str] = inspect.getfile

    def getfile(found: Any) -> str:
        if isinstance(found, type) and found.__module__.startswith("gradio."):
            raise OSError("not asked for")
        return real(found)

    hidden = "mcp" not in sys.modules
    inspect.getfile = getfile  # type: ignore[assignment]  # of the same use
    if hidden:
        sys.modules["mcp"] = None  # type: ignore[assignment]  # so Python is told that there is none
    try:
        yield
    finally:
        inspect.getfile = real  # type: ignore[assignment]
        if hidden:
            del sys.modules["mcp"]
