"""The collections that a server holds: each with its own documents and conversations, all with the same models.

Whoever asks is given one of theirs, or is told that there is none of that name: the same words whether it is somebody
else's or does not exist.
"""

import threading
import unicodedata
from dataclasses import dataclass

from index.collections import DEFAULT, check_there, folder_of, known, name_of
from index.errors import CollectionMissingError, IndexMissingError
from index.store import Store
from ui.conversations import Conversations
from ui.desk import Desk
from ui.talk import Talks
from ui.visitor import Visitor

NONE = "there is no such collection"


@dataclass(frozen=True)
class Collection:
    """One collection: its documents, its conversations, and the questions that are being answered in it."""

    name: str
    desk: Desk
    conversations: Conversations
    talks: Talks


class Collections:
    """All collections of the index folder that a desk is in. Thread-safe.

    One that is made or removed while the server runs is there, or gone, with the next request.
    """

    def __init__(self, desk: Desk) -> None:
        """Begin with the desk of the collection that is opened first. Raises CollectionMissingError."""
        check_there(desk.settings.index)
        self.desk = desk
        self._root = desk.settings.root
        self._first = name_of(desk.settings.index)
        self._open = {self._first: _collection(self._first, desk)}
        self._lock = threading.Lock()

    def names(self, visitor: Visitor) -> tuple[str, ...]:
        """Return the names of those that there are for a visitor, the one that is opened first at the beginning."""
        there = self._there()
        if visitor.collections is not None:
            return tuple(name for name in visitor.collections if name in (DEFAULT, *there))
        # The default one need not hold anything: then it is listed only if it is alone.
        listed = there if there and not self._is_default_indexed() else [DEFAULT, *there]
        return tuple(sorted(listed, key=lambda name: name != self._first))

    def open(self, visitor: Visitor, name: str = "") -> Collection:
        """Return a visitor's collection, the first if none is named. Raises CollectionMissingError."""
        names, wanted = self.names(visitor), unicodedata.normalize("NFC", name)
        if not wanted and names:
            return self._opened(names[0])
        if wanted in names or (wanted == DEFAULT and visitor.collections is None):
            return self._opened(wanted)
        raise CollectionMissingError(NONE, self._root)

    def all(self) -> list[Collection]:
        """Return every collection, whoever may ask it."""
        return [self._opened(name) for name in (DEFAULT, *self._there())]

    def check_readable(self) -> None:
        """Raise why the collection that is opened first cannot be read; an empty one may be if there are others.

        Or why people and conversations cannot.
        """
        self._opened(DEFAULT).conversations.database.check()
        for collection in sorted(self.all(), key=lambda c: c.name != self._first):
            try:
                with collection.desk.store.snapshot():
                    return
            except IndexMissingError as error:
                missing = error
        raise missing

    def _opened(self, name: str) -> Collection:
        with self._lock:
            if name not in self._open:
                desk = self.desk.beside(folder_of(self._root, name))
                self._open[name] = _collection(name, desk)
            return self._open[name]

    def _there(self) -> list[str]:
        """Return the names of the others than the default one, and forget what is gone."""
        there = [] if self.desk.settings.table else known(self._root)
        with self._lock:
            for name in self._open.keys() - {DEFAULT, self._first, *there}:
                del self._open[name]
        return there

    def _is_default_indexed(self) -> bool:
        return Store(self._root).path.exists()


def _collection(name: str, desk: Desk) -> Collection:
    conversations = Conversations.of(desk.settings)
    return Collection(name, desk, conversations, Talks(desk, conversations))
