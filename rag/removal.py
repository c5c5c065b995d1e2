"""Take documents out of an index, and prove that nothing of them is left; or a whole collection."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from index.collections import GOING, SUFFIX, check_there, name_of, root_of, uploads_of
from index.documents import SourceFile, names_below
from index.errors import NoDocumentsError, StorageError, UnreadableDocumentError
from index.intake import with_attached
from index.interface import IndexStore
from index.object_storage import is_remote
from index.parsing import parse
from index.reading import IndexSnapshot
from index.store import Store
from index.traces import Trace, stored_trace, trace_of
from index.views import remove as remove_all


@dataclass(frozen=True)
class Chosen:
    """The documents that are to be removed, by name, and the traces to look for afterwards."""

    names: tuple[str, ...]
    traces: tuple[Trace, ...]


def choose(store: IndexStore, wanted: Sequence[str], *, also_gone: bool) -> Chosen:
    """Find the documents that are meant: each a name in the index, a file or folder, or a pattern of names.

    With `also_gone` a file that is not indexed (any more) is taken, too, to look for traces of what it says now. Raises
    NoDocumentsError for a word that means nothing.
    """
    with store.snapshot() as snapshot:
        ids = {record.name: record.id for record in snapshot.documents()}
        names: dict[str, None] = {}
        traces: list[Trace] = []
        for word in wanted:
            matching = _matching(snapshot, word, ids, store.folder)
            if not matching and also_gone and (trace := _file_trace(Path(word))):
                traces.append(trace)
            elif not matching:
                raise NoDocumentsError(f"no indexed document is called or lies in {word!r}, and none matches it")
            names |= dict.fromkeys(matching)
        traces += [stored_trace(snapshot, ids[name], name) for name in names if name in ids]
    return Chosen(tuple(names), tuple(traces))


def _matching(snapshot: IndexSnapshot, word: str, ids: dict[str, int], folder: Path) -> list[str]:
    known = ids | dict.fromkeys(snapshot.files(), 0)
    if word in known:
        return with_attached([word], known)
    below = names_below(known, [word.rstrip("/") if is_remote(word) else Path(word)], folder)
    return with_attached(sorted(below) or sorted(name for name in ids if fnmatchcase(name, word)), known)


def _file_trace(path: Path) -> Trace | None:
    try:
        data, _ = SourceFile(str(path), path).read()
        return trace_of(str(path), parse(path.name, data).text)
    except UnreadableDocumentError:
        return None


def remove(store: IndexStore, names: Sequence[str]) -> None:
    """Remove documents from the store and the views. Their files stay."""
    with store.snapshot() as snapshot:
        meta = snapshot.meta
    with store.transaction(meta) as transaction:
        for name in names:
            transaction.forget(name)
    store.mend()


def remove_collection(folder: Path, drop: Callable[[Path], None] = lambda folder: None) -> None:
    """Remove a collection's index, conversations and uploads, and what a removal that was killed has left of others.

    `drop` removes what is kept elsewhere of the collection whose folder it is given.

    Raises CollectionMissingError, IndexBusyError if somebody is writing, StorageError.
    """
    try:
        _finish_removals(root_of(folder), drop)
        check_there(folder)
        with Store(folder).locked():
            drop(folder)  # before, so that a later collection of this name never finds any of it
            folder.rename(folder.with_name(f"{name_of(folder)}{GOING}"))  # from here on there is no such collection
        _finish_removals(root_of(folder), drop)
    except OSError as error:
        raise StorageError(f"cannot remove {folder}: {(error.strerror or str(error)).lower()}") from error


def _finish_removals(root: Path, drop: Callable[[Path], None]) -> None:
    for left in root.glob(f"*{GOING}"):
        folder = left.with_name(f"{left.name.removesuffix(GOING)}{SUFFIX}")
        if not folder.exists():
            drop(folder)  # what a server has written just before the folder went
        # subtle: the uploads first. While the folder is there, nobody else indexes them.
        remove_all(uploads_of(folder))
        remove_all(left)
