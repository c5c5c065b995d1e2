"""Get a suite ready to be asked: index its documents, in a cache that knows them by their content.

The cache is `$XDG_CACHE_HOME/checkable-rag` (else `~/.cache/checkable-rag`). An index in it belongs to one content, one
encoder, one chunk size and one version of `index/`, so a change of any makes another. It is made beside its place and
moved there when it is whole; those that were not used for two weeks are removed.
"""

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from eval.suite import Suite, SuiteDocument, SuiteError, make_suite, rows_of
from index.documents import document_name, names_base, names_below
from index.parsing import ParsedDocument
from index.report import BuildReport
from rag.assemble import index_meta, open_store
from rag.indexing import index_folders
from rag.settings import Settings

BUNDLED = Path(__file__).parent / "questions.jsonl"
SEEDS = Path(__file__).parent.parent / "seeds"
KEPT_SECONDS = 14 * 24 * 3600
MAX_NAME = 60  # characters, of up to four bytes: file systems allow 255 bytes


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
    """Return a hash of the code and data files of packages, so that nothing is reused that others made."""
    digest = hashlib.sha256()
    for package in packages:
        folder = Path(str(files(package)))
        for path in sorted(p for p in folder.rglob("*") if p.suffix in (".py", ".json", ".onnx")):
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def prepare_suite(suite: Suite, settings: Settings) -> Prepared:
    """Index a suite's documents into the cache, unless they are there. Raises SuiteError if one cannot be read.

    A document's file is called by its title, as people's files are: that is said in front of its sentences.
    """
    content = repr((list(suite.documents.items()), index_meta(settings), code_hash("index")))
    key = hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:24]
    home = cache_folder() / "suites"
    names = {
        f"documents/{number:05}/{called(document.title) or number}.txt": doc_id
        for number, (doc_id, document) in enumerate(suite.documents.items())
    }
    if not (home / key).exists():
        home.mkdir(parents=True, exist_ok=True)
        _remove_unused(home)
        with tempfile.TemporaryDirectory(dir=home, prefix="new-") as making:
            folder = Path(making)
            for name, doc_id in names.items():
                (folder / name).parent.mkdir(parents=True)
                # subtle: a parser takes one byte order mark away, so a text that begins with one needs two.
                (folder / name).write_bytes(suite.documents[doc_id].text.encode("utf-8-sig"))
            made = replace(settings, index=folder / ".rag")
            report = index_folders(made, [folder / "documents"], encoding="utf-8")
            if report.skipped:
                name, reason = report.skipped[0]
                raise SuiteError(f"the document {names.get(name, name)!r} of {suite.name} cannot be indexed: {reason}")
            with suppress(OSError):  # another run was faster
                folder.rename(home / key)
            folder.mkdir(exist_ok=True)  # what TemporaryDirectory will remove
    os.utime(home / key)
    return Prepared(suite, replace(settings, index=home / key / ".rag"), names)


def called(title: str) -> str:
    """Return what a document's file would be called, without its suffix. Example: "AC/DC" -> "AC DC"."""
    return " ".join(re.findall(r"[\w'’(),.&-]+", title))[:MAX_NAME].strip(" .")


def _remove_unused(home: Path) -> None:
    for folder in home.iterdir():
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(folder)


def read_bundled() -> Suite:
    """Return the bundled set, with the documents of `seeds/`. Raises SuiteError outside a checkout."""
    if not SEEDS.is_dir() or not BUNDLED.is_file():
        raise SuiteError(
            "the bundled set stands in the project's source: give --suite FOLDER, or a folder of your own documents"
        )
    documents = {
        path.relative_to(SEEDS).as_posix(): SuiteDocument(path.read_bytes().decode("utf-8"))
        for path in sorted(SEEDS.glob("*.txt"))
    }
    return make_suite("bundled", documents, list(rows_of(BUNDLED)), BUNDLED)


def question_file(folder: Path) -> Path:
    """Return where the questions on a folder stand: beside it, since what is in it is a document."""
    root = folder.resolve()
    return root.parent / f"{root.name}-questions.jsonl"


def prepare_own(folder: Path, questions: Path, settings: Settings) -> tuple[Prepared, BuildReport]:
    """Bring the index in step with a folder, and read questions on it; ids are paths below the folder.

    The index may hold documents of other folders: they are searched, too, as for everybody who asks. Raises SuiteError,
    or an error of the index.
    """
    rows = list(rows_of(questions))
    report = index_folders(settings, [folder])
    ids, parsed = indexed_documents(folder, settings)
    documents = {doc_id: SuiteDocument(document.text, blocks=document.blocks) for doc_id, document in parsed.items()}
    return Prepared(make_suite(folder.resolve().name, documents, rows, questions), settings, ids), report


def indexed_documents(folder: Path, settings: Settings) -> tuple[dict[str, str], dict[str, ParsedDocument]]:
    """Return (ids by the names in the index, documents by id) of what an index holds.

    A document of `folder` has its path below it for an id, any other its whole path.
    """
    base = names_base(settings.index)
    root = folder.resolve() if folder.is_dir() else folder.resolve().parent
    with open_store(settings).snapshot() as snapshot:
        records = snapshot.documents()
        below = names_below([record.name for record in records], [folder], settings.index)
        top = document_name(root, Path("/nowhere")).rstrip("/") + "/"
        whole = {r.name: f"{document_name(base, Path('/nowhere'))}/{r.name}" for r in records}
        whole |= {r.name: r.name for r in records if r.name.startswith("/")}
        ids = {r.name: whole[r.name].removeprefix(top) if r.name in below else whole[r.name] for r in records}
        return ids, {ids[record.name]: snapshot.parsed(record.id) for record in records}
