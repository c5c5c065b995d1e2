"""The models, loaded once in the background; a question that is asked meanwhile waits for them."""

import threading
from collections.abc import Callable

from index.errors import RagError
from rag.chain import Chain


class Warm:
    """A chain that is being opened, or is there, or could not be opened."""

    def __init__(self, open_chain: Callable[[], Chain]) -> None:
        self._open = open_chain
        self._chain: Chain | None = None
        self._failure: RagError | None = None
        self._loaded = threading.Event()

    def load(self) -> None:
        """Begin to open it."""
        threading.Thread(target=self._load, name="models", daemon=True).start()

    def _load(self) -> None:
        try:
            self._chain = self._open()
        except RagError as error:
            self._failure = error
        finally:
            self._loaded.set()

    def chain(self) -> Chain:
        """Return the chain, when it is there. Raises the error that it could not be opened for."""
        self._loaded.wait()
        if self._chain is None:
            raise self._failure or RagError("the models could not be loaded")
        return self._chain

    @property
    def is_over(self) -> bool:
        """Say whether the chain is there, or will never be."""
        return self._loaded.is_set()
