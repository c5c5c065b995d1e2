"""Index a folder and describe an index, as the command line and the browser show them."""

import sys
from pathlib import Path

from index.build import Builder, BuildReport, list_folder
from index.encoders import document_encoder
from index.encoding import DEFAULT_ENCODER, MULTILINGUAL_ENCODER
from index.languages import mostly_english
from index.lexical import LexicalView
from index.parsing import Parser
from index.vectors import VectorView
from index.views import view_state
from rag.assemble import index_meta, open_store
from rag.render import printable
from rag.settings import Settings

LOOKED_AT = 100  # documents whose language is looked at


def index_folder(settings: Settings, folder: Path, *, encoding: str | None, rebuild: bool) -> BuildReport:
    """Bring the index in step with a folder, with a progress bar on standard error if it is a terminal."""
    from tqdm import tqdm

    parser = Parser(settings.parse_seconds)
    builder = Builder(open_store(settings), index_meta(settings), lambda: document_encoder(settings.encoder), parser)
    listing = list_folder(folder, settings.index)
    total = sum(_size(source.path) for source in listing.files)
    hidden = True if sys.stderr is None else None  # None: hidden unless it is a terminal
    with tqdm(total=total, unit="B", unit_scale=True, disable=hidden, desc=printable(f"Indexing {folder}")) as bar:
        return builder.build(folder, listing=listing, encoding=encoding, rebuild=rebuild, progress=bar.update)


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


def index_status(settings: Settings) -> dict[str, object]:
    """Describe an index: what it holds, with which model, and its views."""
    store = open_store(settings)
    with store.snapshot() as snapshot:
        documents, chunks = snapshot.counts()
        return {
            "index": str(store.folder),
            "documents": documents,
            "chunks": chunks,
            "bytes": sum(_size(path) for path in store.folder.rglob("*")),
            "model": snapshot.meta.encoder,
            "chunk size": snapshot.meta.chunk_size,
            "generation": snapshot.generation,
            "updated": snapshot.committed_at,
            **{kind.name: str(view_state(kind, store.folder, snapshot)[0]) for kind in (VectorView, LexicalView)},
        }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
