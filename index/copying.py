"""The step that brings a local copy in step with the index that it is of.

Rows are taken as they are, with their ids and checksums: so a document has one id in the table and in every copy, equal
scores stand in the same order, and comparing is cheap. Ids are given once, and a document that changes gets another; so
what is new and what is gone is told by the ids, and of the documents' checksums all are compared. What the copy holds
then is written in the transaction that writes the rows: before it, a reader sees the generation before, after it the
new one. A copy that cannot be carried on (of another index, of another model, of an index that was set back) is made
anew in one such transaction, or from nothing if its database cannot be used.

What is left out: when to take a step, and from whom (following.py).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass

from index.copies import CopyStore, Held
from index.errors import IndexBusyError, IndexDamagedError, IndexMovedError, MigrationError, RagError
from index.interface import IndexStore
from index.migration import contents
from index.reading import IndexSnapshot, Row
from index.records import FileRecord
from index.transaction import Transaction

MOVES = 20  # so often a step goes on with a newer version, when the one that it reads is removed

# The name and checksum of every document, by its id.
Documents = dict[int, tuple[str, bytes]]
# Show a work that is so long; the function that it gives takes what was done since its last call.
Shown = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]


@dataclass(frozen=True)
class Step:
    """What a step did. `anew` is why all was copied, "" if only the changes were; `held` is what the copy holds now."""

    held: Held
    added: int = 0
    removed: int = 0
    anew: str = ""
    changed: bool = False


def unseen(what: str, total: int) -> AbstractContextManager[Callable[[int], object]]:
    """Show nothing."""
    return nullcontext(lambda done: None)


def step(source: IndexStore, copy: CopyStore, *, verify: bool = False, shown: Shown = unseen) -> Step:
    """Bring a copy in step with the newest generation of its source, in one transaction. The views are left to `mend`.

    With `verify`, everything is read and compared, too. Raises IndexBusyError if another process takes a step,
    IndexMissingError or StorageError if the source is not there, MigrationError if it is not what was written;
    then the copy is as it was.
    """
    anew = ""
    for is_last in (False, True):
        try:
            return _step(source, copy, anew, shown, verify=verify)
        except _DiffersError as error:
            anew = str(error)
            if is_last:
                raise MigrationError(f"the copy in {copy.folder} is not what {source.place} holds: {anew}") from error
        except IndexDamagedError:
            if is_last:
                raise
            copy.damaged = _commit_of(copy)
    raise AssertionError("the last try returns or raises")


class _DiffersError(Exception):
    """The copy is not what its source holds; says how."""


def _commit_of(copy: CopyStore) -> str:
    try:
        with copy.snapshot() as here:
            return here.commit
    except RagError:
        return ""


@contextmanager
def _reading(source: IndexStore) -> Iterator[None]:
    """Tell damage of the source from damage of the copy."""
    try:
        yield
    except IndexDamagedError as error:
        raise MigrationError(f"{source.place} is damaged, and its copy stays as it was: {error}") from error


def _step(source: IndexStore, copy: CopyStore, anew: str, shown: Shown, *, verify: bool) -> Step:
    with _reading(source), source.snapshot() as there:
        meta, newest = there.meta, Held.at(source.place, there)
    held = copy.held()
    if held and (held.of, held.commit) == (newest.of, newest.commit) and not (anew or verify) and copy.damaged is None:
        if held.is_old:
            _see(copy, newest)
        return Step(newest)
    none = "there was none" if copy.damaged is None else "it was damaged"
    with copy.transaction(meta, rebuild=True) as transaction:
        copying = _Copying(source, transaction, anew, none, shown)
        moved: IndexMovedError | None = None
        for _ in range(MOVES):
            try:
                with source.snapshot() as there:
                    return copying.bring(there, verify=verify)
            except IndexMovedError as error:  # what was taken is the same in the version that took its place
                moved = error
        assert moved is not None
        raise moved


def _see(copy: CopyStore, held: Held) -> None:
    """Write down that the copy is in step, unless another process writes, which does the same."""
    with copy.snapshot() as here:
        meta, commit = here.meta, here.commit
    with suppress(IndexBusyError), copy.transaction(meta) as transaction:
        if transaction.snapshot.commit == commit:
            transaction.hold(held.written())


class _Copying:
    """The transaction of one step. `anew` is why all must be copied, if that is known; `none`, why nothing is there."""

    def __init__(self, source: IndexStore, transaction: Transaction, anew: str, none: str, shown: Shown) -> None:
        self._source = source
        self._transaction = transaction
        self._anew = anew
        self._shown = shown
        self._held = Held.read(transaction.snapshot.copied)
        self._added = self._removed = 0
        if not transaction.snapshot.generation:
            self._anew = anew or none
        elif self._held is None or self._held.generation != transaction.snapshot.generation:
            self._anew = anew or "it was written to by others"
        if self._anew:
            self._held = None

    def bring(self, there: IndexSnapshot, *, verify: bool) -> Step:
        """Make the copy hold this generation. Raises _DiffersError if it does not then."""
        with _reading(self._source):
            documents, files, counts = there.checksums(), there.files(), there.counts()
        transaction, now_held = self._transaction, Held.at(self._source.place, there)
        if why := self._why_anew(there, documents):
            self._anew = why
            transaction.clear(there.meta, there.dimension)
            self._held = now_held
        transaction.generation, transaction.at = there.generation, there.committed_at
        transaction.changed |= self._held is None or self._held.generation != there.generation
        here = transaction.look().checksums()
        for id_ in here.keys() - documents.keys():
            self._removed += transaction.remove(here[id_][0])
        self._take(there, documents, documents.keys() - here.keys(), counts[1])
        self._note(files)
        self._compare(there, documents, counts)
        if verify:
            with _reading(self._source):
                wanted = contents(there)
            if contents(transaction.look()) != wanted:
                raise _DiffersError("documents differed when all was read")
        transaction.hold(now_held.written())
        changed = transaction.changed
        return Step(now_held, self._added, self._removed, self._anew, changed)

    def _why_anew(self, there: IndexSnapshot, documents: Documents) -> str:
        """Return why the copy cannot be carried on to this generation, "" if it can."""
        held, before = self._held, self._transaction.snapshot
        if held is None:
            return self._anew
        if held.of != self._source.place:
            return f"it was of {held.of}"
        if (before.meta, before.dimension) != (there.meta, there.dimension):
            return "the index was made with another model or other sizes"
        # subtle: what stands behind the "@" changes when a table is mended, and nothing that is read
        is_other = held.commit.partition("@")[0] != there.commit.partition("@")[0]
        now = self._transaction.look()
        here, last = now.checksums(), now.last_document_id()
        if (
            there.generation < held.generation
            or (there.generation == held.generation and is_other)
            or any(documents.get(id_, value) != value for id_, value in here.items())
            or any(id_ <= last for id_ in documents.keys() - here.keys())
        ):
            return "the index went another way than the copy"
        return ""

    def _take(self, there: IndexSnapshot, documents: Documents, new: Iterable[int], total: int) -> None:
        """Store the documents that are new, a hundred at a time, so that memory stays bounded."""
        missing = total - self._transaction.look().counts()[1]
        with self._shown(f"Copying {self._source.place}", max(0, missing)) as advance:
            for id_, row, chunks in self._rows(there, list(new)):
                self._transaction.take(id_, (*row, documents[id_][1]), chunks)
                self._added += 1
                advance(len(chunks))

    def _rows(self, there: IndexSnapshot, ids: list[int]) -> Iterator[tuple[int, Row, list[Row]]]:
        with _reading(self._source):
            yield from there.whole_rows(ids)

    def _note(self, files: dict[str, FileRecord]) -> None:
        """Remember of every file what is known of it there."""
        here = self._transaction.look().files()
        for name in here.keys() - files.keys():
            self._transaction.lose(name)
        for name, file in files.items():
            if here.get(name) != file:
                self._transaction.note(file)

    def _compare(self, there: IndexSnapshot, documents: Documents, counts: tuple[int, int]) -> None:
        """Compare what costs little: every document's id, name and checksum, and the number of passages."""
        here = self._transaction.look()
        if (here.meta, here.dimension) != (there.meta, there.dimension):
            raise _DiffersError("the index was made again meanwhile")
        if here.checksums() != documents:
            raise _DiffersError("its documents differed")
        if here.counts() != counts:
            raise _DiffersError(f"it had {here.counts()[1]} passages, not {counts[1]}")
