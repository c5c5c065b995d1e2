"""Our search as a LangChain retriever, for other people's chains."""

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from index.search import Searcher
from rag.vectorstore import place


class PassageRetriever(BaseRetriever):
    """Return the `k` best passages for a question, by vectors and words; `metadata` says where each stands."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    searcher: Searcher
    k: int = 8

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None, **kwargs: Any
    ) -> list[Document]:
        hits = self.searcher.search(query, self.k if k is None else k).hits
        return [
            Document(id=h.passage.key, page_content=h.passage.text, metadata={**place(h.passage), "score": h.score})
            for h in hits
        ]
