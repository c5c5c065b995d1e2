"""Build the real parts from settings: the one place where they are chosen and put together."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from index.encoders import question_encoder
from index.encoding import encoder_identity
from index.schema import IndexMeta
from index.search import Searcher
from index.store import Store
from rag.abstention import load_gate
from rag.reranking import load_reranker
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.chain import Chain


def open_store(settings: Settings) -> Store:
    """Return the index folder's store."""
    return Store(settings.index)


def index_meta(settings: Settings) -> IndexMeta:
    """Return what an index made with these settings is made with."""
    return IndexMeta(encoder_identity(settings.encoder), settings.chunk_size, settings.chunk_overlap)


def open_searcher(settings: Settings) -> Searcher:
    """Return the search over the index."""
    return Searcher(open_store(settings), question_encoder(settings.encoder))


def open_chain(settings: Settings) -> "Chain":
    """Return the chain from question to answer."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        # Reading and checking 125 MB of models leaves the interpreter free: meanwhile it imports LangChain (1 s).
        searcher = pool.submit(open_searcher, settings)
        reranker = pool.submit(load_reranker, lambda: searcher.result().encoder)
        from rag.chain import Chain

        gate = load_gate(reranker.result().name, settings.threshold)
        return Chain(searcher.result(), reranker.result(), gate, settings.k)
