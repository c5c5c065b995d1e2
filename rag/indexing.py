"""Index a folder and describe an index, as the command line and the browser show them."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from index.buckets import Root
from index.build import Builder, list_folders
from index.collections import own_files
from index.copies import CopyStore
from index.encoders import document_encoder
from index.encoding import DEFAULT_ENCODER, MULTILINGUAL_ENCODER
from index.errors import RagError
from index.ignoring import EVERYTHING, Rules
from index.languages import mostly_english
from index.lexical import LexicalView
from index.parsing import Parser
from index.report import BuildReport
from index.schema import IndexMeta
from index.snapshot import Snapshot
from index.store import Store
from index.vectors import VectorView
from index.views import view_state
from rag import events
from rag.assemble import index_meta, open_copy, open_store
from rag.listeners import listen
from rag.progress import shown_progress
from rag.render import printable
from rag.settings import Settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from index.cluster import ClusterLoading

CLUSTER_COMMIT_SECONDS = 60.0  # a commit looks for the rows that it replaces in the whole table
LOOKED_AT = 100  # documents whose language is looked at


def index_folders(
    settings: Settings,
    folders: Sequence[Root],
    *,
    rules: Rules = EVERYTHING,
    encoding: str | None = None,
    rebuild: bool = False,
    verify: bool = False,
    retry_failed: bool = False,
    ray: str = "",
) -> BuildReport:
    """Bring the index in step with folders, and show on standard error how far it is.

    With `ray`, the address of a cluster (or "local"), its machines read, chunk and encode the files.
    """
    listen(settings)
    began = time.monotonic()
    builder = make_builder(settings)
    cluster: AbstractContextManager[object] = nullcontext()
    if ray:
        builder.load = cluster = open_cluster(settings, ray, builder.meta, encoding)
        builder.commit_seconds = CLUSTER_COMMIT_SECONDS
    listing = list_folders(folders, settings.index, rules)
    total = sum(source.stat().size for source in listing.files)
    with cluster, shown_progress(printable(f"Indexing {', '.join(map(str, folders))}"), total) as progress:
        report = builder.build(
            *folders,
            listing=listing,
            encoding=encoding,
            rebuild=rebuild,
            verify=verify,
            retry_failed=retry_failed,
            progress=progress,
        )
    with builder.store.snapshot() as snapshot:
        events.indexed(report, snapshot.generation, time.monotonic() - began)
    return report


def make_builder(settings: Settings) -> Builder:
    """Return what indexes folders with these settings."""
    parser = Parser(settings.parse_seconds)
    return Builder(open_store(settings), index_meta(settings), lambda: document_encoder(settings.encoder), parser)


def open_cluster(settings: Settings, address: str, meta: IndexMeta, encoding: str | None) -> "ClusterLoading":
    """Return what loads files with the machines of a Ray cluster. Raises RagError."""
    if not settings.table:
        raise RagError(
            f"--ray is for a table, which many machines can reach, not for {settings.index}: name it with --to"
        )
    if find_spec("ray") is None:
        raise RagError("--ray needs Ray: run `pip install 'checkable-rag[scale]'` first")
    from index.cluster import ClusterLoading, WorkerSettings

    return ClusterLoading(address, WorkerSettings(settings.encoder, meta, settings.parse_seconds, encoding))


def language_advice(settings: Settings) -> str | None:
    """Return the advice to use the multilingual encoder if most documents are not in English; else None."""
    if settings.encoder != DEFAULT_ENCODER:
        return None
    with open_store(settings).snapshot() as snapshot:
        records = snapshot.documents()
        step = max(1, len(records) // LOOKED_AT)
        if mostly_english(snapshot.text(record.id) for record in records[::step]):
            return None
    return (
        "Most of these documents are not in English. More is found in them with the multilingual model:"
        f" pip install 'checkable-rag[multilingual]', RAG_ENCODER={MULTILINGUAL_ENCODER}, and index with --rebuild"
    )


def failed_files(settings: Settings) -> list[dict[str, str]]:
    """Return the files and folders that could not be read: name, why, and when that was found (ISO 8601)."""
    with open_store(settings).snapshot() as snapshot:
        files = snapshot.files().values()
    return [{"document": f.name, "reason": f.reason, "when": f.at} for f in files if f.reason]


def index_status(settings: Settings) -> dict[str, object]:
    """Describe an index: what it holds, with which model, and its views."""
    # Of a table with a copy, the copy is described: the table may not be there.
    store = open_copy(settings.copy, settings.table) if settings.copy else open_store(settings)
    with store.snapshot() as snapshot:
        documents, chunks = snapshot.counts()
        failed = sum(bool(file.reason) for file in snapshot.files().values())
        return {
            "index": store.place,
            "documents": documents,
            "chunks": chunks,
            "failed": failed,
            "model": snapshot.meta.encoder,
            "chunk size": snapshot.meta.chunk_size,
            "generation": snapshot.generation,
            "updated": snapshot.committed_at,
            **(_copy_status(settings, store) if isinstance(store, CopyStore) else {}),
            **(_local_status(store, snapshot) if isinstance(store, Store) and isinstance(snapshot, Snapshot) else {}),
        }


def _copy_status(settings: Settings, copy: CopyStore) -> dict[str, object]:
    """Say which generation a copy holds, and of the table whether it is in step, or when it last was."""
    held = copy.held()
    if held is None:
        return {"copy of": copy.of, "in step": "not known: it says nothing of what it is"}
    try:
        with open_store(settings).snapshot() as there:
            is_in_step, newest = (held.of, held.commit) == (copy.of, there.commit), there.generation
    except RagError as error:
        return {"copy of": held.of, "in step": f"last seen at {held.seen}; {error}"}
    behind = f"no, last seen at {held.seen}; the table is at generation {newest}"
    return {"copy of": held.of, "in step": "yes" if is_in_step else behind}


def _local_status(store: Store, snapshot: Snapshot) -> dict[str, object]:
    """Describe the files of a local index."""
    return {
        "bytes": sum(_size(path) for path in own_files(store.folder)),
        **{kind.name: str(view_state(kind, store.folder, snapshot)[0]) for kind in (VectorView, LexicalView)},
    }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
