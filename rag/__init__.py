"""Question to Answer: retrieve, rerank, read, verify. For programs: `Chatbot.open("folder").ask("...")`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.answer import Answer
    from rag.chatbot import Chatbot

__all__ = ["Answer", "Chatbot"]


def __getattr__(name: str) -> object:
    """Load what is asked for only then: `import rag` costs nothing, and a chatbot's imports take a second."""
    if name == "Answer":
        from rag.answer import Answer

        return Answer
    if name == "Chatbot":
        from rag.chatbot import Chatbot

        return Chatbot
    raise AttributeError(f"module 'rag' has no attribute {name!r}")
