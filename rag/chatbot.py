"""The door for programs: a chatbot over a folder, in three lines.

from rag import Chatbot
answer = Chatbot.open("notes").ask("When does the lease end?")
print(answer.claims[0].text, answer.sources[0])
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.filters import parse_filter
from index.following import CopiedStore
from index.search import Hit
from rag.answer import Answer
from rag.assemble import open_chain
from rag.chain import Chain
from rag.conversation import Turn
from rag.question import checked
from rag.settings import Settings
from rag.stages import Step

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from index.report import BuildReport
    from rag.retriever import PassageRetriever

INDEX = ".rag"  # in the folder of the documents
TOOL_NAME = "ask_documents"
TOOL_DESCRIPTION = (
    "Answer a question from the user's own documents. Every sentence ends with the numbers of its sources, which are"
    " listed with their exact words; it says so if the documents do not hold the answer."
)


class Chatbot:
    """Answers from one index. Thread-safe; the models are loaded once, when it is opened."""

    def __init__(self, chain: Chain, settings: Settings, folder: Path | None = None) -> None:
        self.chain = chain
        self.settings = settings
        self.folder = folder

    @classmethod
    def open(cls, folder: str | Path | None = None, *, index: str | Path | None = None, **settings: Any) -> "Chatbot":
        """Bring the index in step with a folder of documents, and load the models (a second or two).

        The index is `.rag` in that folder, unless `index` names another. Without `folder` nothing is read, and answers
        are from what is indexed. `settings` are those of `rag config`, such as `model="ollama:llama3.2"`; what is not
        given is taken from the environment, `rag.toml`, and the defaults.

        Raises a RagError (index/errors.py) that says what to do: NoDocumentsError for a folder with nothing to read,
        IndexMissingError if nothing is indexed, SettingError, ModelError.
        """
        source = None if folder is None else Path(folder)
        place = index if index is not None else source / INDEX if source is not None else None
        chosen = Settings.from_environment(index=place, **settings)
        if source is not None:
            _refresh(chosen, source)
        return cls(open_chain(chosen), chosen, source)

    def ask(self, question: str, *, after: Sequence[Answer] = (), where: str = "") -> Answer:
        """Answer a question, which may lean on answers before it, from the documents that meet the filter `where`.

        Raises QuestionError, FilterError, or an error of the index. Without an answer in the documents that is the
        verdict, not an error.
        """
        return self.chain.invoke(question, _turns(after), parse_filter(where))

    def stream(self, question: str, *, after: Sequence[Answer] = (), where: str = "") -> Iterator[Step]:
        """Yield each step of an answer as soon as it is there; the last one has the Answer. Raises as `ask`."""
        return self.chain.stream(question, _turns(after), parse_filter(where))

    def search(self, question: str, k: int = 8, *, where: str = "") -> tuple[Hit, ...]:
        """Return the `k` best passages, best first. Raises as `ask`."""
        return tuple(self.chain.searcher.search(checked(question), k, where=parse_filter(where)).hits)

    def refresh(self) -> "BuildReport":
        """Bring the index in step with the folder again; answers are from the new state at once. Raises as `open`."""
        if self.folder is None:
            raise ValueError("this chatbot was opened without a folder")
        report = _refresh(self.settings, self.folder)
        store = self.chain.searcher.store
        if isinstance(store, CopiedStore):
            store.catch_up()
        return report

    def as_retriever(self, k: int = 8) -> "PassageRetriever":
        """Return the search as a LangChain retriever of `k` passages."""
        from rag.retriever import PassageRetriever

        return PassageRetriever(searcher=self.chain.searcher, k=k)

    def as_tool(self, name: str = TOOL_NAME, description: str = TOOL_DESCRIPTION) -> "BaseTool":
        """Return the chatbot as a LangChain tool for agents.

        Its content is the answer with its sources as text, its artifact the Answer. An error is told to the agent.
        """
        from rag.tool import answer_tool

        return answer_tool(self.ask, name, description)


def _refresh(settings: Settings, folder: Path) -> "BuildReport":
    from rag.indexing import make_builder

    return make_builder(settings).build(folder)


def _turns(answers: Sequence[Answer]) -> list[Turn]:
    return [Turn(a.question, a.searched, tuple(claim.text for claim in a.claims), a.choices) for a in answers]
