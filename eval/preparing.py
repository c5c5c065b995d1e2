"""Get a suite ready to be asked: index its documents, in a cache that knows them by their content.

The cache is `$XDG_CACHE_HOME/checkable-rag` (else `~/.cache/checkable-rag`). An index in it belongs to one content, one
encoder, one chunk size and one version of `index/`, so a change of any makes another; the older ones of the same suite
are removed.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from eval.suite import Suite, SuiteDocument, SuiteError, make_suite, rows_of
from index.documents import document_name, names_base
from index.parsing import ParsedDocument
from rag.assemble import index_meta, open_store
from rag.indexing import index_folder
from rag.settings import Settings

BUNDLED = Path(__file__).parent / "questions.jsonl"
SEEDS = Path(__file__).parent.parent / "seeds"


@dataclass(frozen=True)
class Prepared:
    """A suite, the settings with which its index is opened, and the suite's document ids by their names there."""

    suite: Suite
    settings: Settings
    ids: Mapping[str, str]


def cache_folder() -> Path:
    """Return where indexes of suites and unfinished runs are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "checkable-rag"


def code_hash(*packages: str) -> str:
    """Return a hash of the source files of packages, so that nothing is reused that other code made."""
    digest = hashlib.sha256()
    for package in packages:
        folder = Path(str(files(package)))
        for path in sorted(folder.rglob("*.py")):
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def prepare_suite(suite: Suite, settings: Settings) -> Prepared:
    """Index a suite's documents into the cache, unless they are there."""
    meta = index_meta(settings)
    content = repr((sorted(suite.documents.items()), meta, code_hash("index")))
    key = hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:16]
    home = cache_folder() / "suites" / suite.name
    folder = home / key
    names = {f"documents/{number:05}.txt": doc_id for number, doc_id in enumerate(suite.documents)}
    settings = replace(settings, index=folder / ".rag")
    if not (folder / "complete").exists():
        if home.exists():
            shutil.rmtree(home)
        (folder / "documents").mkdir(parents=True)
        for name, doc_id in names.items():
            # subtle: a parser takes one byte order mark away, so a text that begins with one needs two.
            (folder / name).write_bytes(suite.documents[doc_id].text.encode("utf-8-sig"))
        index_folder(settings, folder / "documents", encoding="utf-8", rebuild=False)
        (folder / "complete").write_text(json.dumps(names, ensure_ascii=False), "utf-8")
    return Prepared(suite, settings, names)


def prepare_bundled(settings: Settings) -> Prepared:
    """Index the bundled set's documents, those of `seeds/`. Raises SuiteError outside a checkout."""
    if not SEEDS.is_dir() or not BUNDLED.is_file():
        raise SuiteError(
            "the bundled set stands in the project's source: give --suite FOLDER, or a folder of your own documents"
        )
    documents = {
        path.relative_to(SEEDS).as_posix(): SuiteDocument(path.read_bytes().decode("utf-8"))
        for path in sorted(SEEDS.glob("*.txt"))
    }
    return prepare_suite(make_suite("bundled", documents, list(rows_of(BUNDLED)), BUNDLED), settings)


def question_file(folder: Path) -> Path:
    """Return where the questions on a folder stand: beside it, since what is in it is a document."""
    root = folder.resolve()
    return root.parent / f"{root.name}-questions.jsonl"


def prepare_own(folder: Path, questions: Path, settings: Settings) -> Prepared:
    """Bring the index in step with a folder, and read questions on it; ids are paths below the folder.

    Raises SuiteError, or an error of the index.
    """
    rows = list(rows_of(questions))
    index_folder(settings, folder, encoding=None, rebuild=False)
    ids, parsed = own_documents(folder, settings)
    documents = {doc_id: SuiteDocument(document.text) for doc_id, document in parsed.items()}
    return Prepared(make_suite(folder.resolve().name, documents, rows, questions), settings, ids)


def own_documents(folder: Path, settings: Settings) -> tuple[dict[str, str], dict[str, ParsedDocument]]:
    """Return (ids by the names in the index, documents by id) of what the index holds of a folder."""
    root = folder.resolve()
    base = names_base(settings.index)
    top = document_name(root if root.is_dir() else root.parent, base)
    ids: dict[str, str] = {}
    documents: dict[str, ParsedDocument] = {}
    with open_store(settings).snapshot() as snapshot:
        for record in snapshot.documents():
            if top == "." or record.name.startswith(f"{top}/"):
                doc_id = record.name if top == "." else record.name[len(top) + 1 :]
                ids[record.name] = doc_id
                documents[doc_id] = snapshot.parsed(record.id)
    return ids, documents
