"""The places that an index can lie in. The tests of a module that is marked `everywhere` run against each.

A test among them that looks into the local store itself is marked `local`.
"""

from pathlib import Path

from index.interface import IndexStore
from index.lance import LanceStore
from index.store import Store

PLACES = ("local", "lance")


def open_place(place: str, folder: Path) -> IndexStore:
    """Return an empty index of a kind, below a folder."""
    return LanceStore(str(folder / "index.lance"), folder / ".rag") if place == "lance" else Store(folder / ".rag")
