"""Build the real parts from settings: the one place where they are chosen and put together.

Each part's module is imported where the part is built, since a command pays for every import (`rag status` needs no
model), and since the parts of the chain can be loaded side by side.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from index.collections import name_of
from index.errors import RagError
from rag.listeners import listen
from rag.settings import SettingError, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from index.copies import CopyStore
    from index.encoding import Encoder
    from index.interface import IndexStore
    from index.lance import LanceStore
    from index.schema import IndexMeta
    from index.search import Searcher
    from index.store import Store
    from rag.abstention import Judge
    from rag.chain import Chain
    from rag.database import Database, Kept
    from rag.generation.writer import Writer
    from rag.reranking import Reranker


def open_store(settings: Settings) -> "IndexStore":
    """Return the index that the settings name: a local one, or a Lance table. Raises RagError if Lance is missing."""
    if settings.table:
        return _open_table(settings.table, settings.index)
    return open_local(settings, "")


def open_to_ask(settings: Settings) -> "IndexStore":
    """Return the index for whoever asks: the same, or the copy of the table if the settings name one."""
    if settings.copy is None:
        return open_store(settings)
    return _open_copied(settings.table, settings.index, settings.copy, settings.copy_seconds)


def open_copy(folder: Path, table: str) -> "CopyStore":
    """Return the copy of a table as it is, which nobody follows for that."""
    from index.copies import CopyStore

    return CopyStore(folder, table)


@cache  # one in a process: it has the thread that follows
def _open_copied(table: str, index: Path, copy: Path, seconds: float) -> "IndexStore":
    from index.following import CopiedStore

    return CopiedStore(_open_table(table, index), copy, seconds, show_copying)


def show_copying(what: str, total: int) -> "AbstractContextManager[Callable[[int], object]]":
    """Show how far a copy is, on standard error."""
    from rag.progress import shown_progress

    return shown_progress(what, total, "passages")


def open_local(settings: Settings, what: str, *, may_be_copy: bool = False) -> "Store":
    """Return the index folder's store. Raises RagError if the settings name a table: `what` is not for those.

    With `may_be_copy` it is the table's copy, if the settings name one.
    """
    from index.store import Store

    if may_be_copy and settings.copy is not None:
        return open_copy(settings.copy, settings.table)
    if settings.table:
        raise RagError(f"{what} is for a local index: `rag migrate {settings.table} .rag` makes one")
    return Store(settings.index)


def _open_table(place: str, folder: Path) -> "LanceStore":
    if find_spec("lance") is None:
        raise RagError(f"{place} is a Lance table: run `pip install 'checkable-rag[scale]'` first")
    from index.lance import LanceStore

    return LanceStore(place, folder)


def open_database(settings: Settings, kept: "Kept") -> "Database":
    """Return where something is kept: in the database of the settings, else in a file beside the index.

    Raises SettingError if psycopg is missing.
    """
    from rag.database import SqliteDatabase

    if not settings.database:
        return SqliteDatabase(settings.index if kept.by_collection else settings.root, kept)
    if find_spec("psycopg") is None:
        raise SettingError("RAG_DATABASE needs a package: run `pip install 'checkable-rag[scale]'`")
    from rag.postgres import PostgresDatabase

    return PostgresDatabase(settings.database, kept, name_of(settings.index))


def index_meta(settings: Settings) -> "IndexMeta":
    """Return what an index made with these settings is made with."""
    from index.encoding import encoder_identity
    from index.schema import IndexMeta

    return IndexMeta(encoder_identity(settings.encoder), settings.chunk_size, settings.chunk_overlap)


def open_searcher(settings: Settings) -> "Searcher":
    """Return the search over the index."""
    from index.encoders import question_encoder
    from index.search import Searcher

    return Searcher(open_to_ask(settings), question_encoder(settings.encoder))


def open_chain(settings: Settings) -> "Chain":
    """Return the chain from question to answer."""
    listen(settings)
    with ThreadPoolExecutor(max_workers=2) as pool:
        # Reading and checking 125 MB of models leaves the interpreter free: meanwhile it imports the rest.
        reranker = pool.submit(_open_reranker, settings)
        searcher = pool.submit(open_searcher, settings)
        from rag.abstention import load_gate
        from rag.chain import Chain

        gate = load_gate(reranker.result().name, settings.threshold)
        foreign = foreign_judge(settings, searcher.result().encoder)
        writer = _open_writer(settings, searcher.result().encoder) if settings.model else None
        return Chain(searcher.result(), reranker.result(), gate, settings.k, foreign, writer)


def _open_writer(settings: Settings, encoder: "Encoder") -> "Writer":
    from rag.generation.writer import open_writer

    return open_writer(settings, encoder.count_tokens)


def foreign_judge(settings: Settings, encoder: "Encoder") -> "Judge | None":
    """Return who judges what is not in English: the multilingual encoder, if that is the one in use."""
    from index.encoding import MULTILINGUAL_ENCODER
    from rag.abstention import Judge, load_gate
    from rag.reranking import CosineReranker, Remembering

    if settings.encoder != MULTILINGUAL_ENCODER:
        return None
    reranker = Remembering(CosineReranker(encoder))
    return Judge(reranker, load_gate(reranker.name))


def _open_reranker(settings: Settings) -> "Reranker":
    from index.encoders import question_encoder
    from rag.reranking import load_reranker

    return load_reranker(lambda: question_encoder(settings.encoder))
