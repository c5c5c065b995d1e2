"""Copy an index to another place, from a local one to a table or back, without encoding anything, and compare the two.

The copy is one commit: whoever reads at the other place sees nothing of it before, and all of it after.
"""

from dataclasses import dataclass, field

from index.errors import IndexMissingError, MigrationError
from index.interface import IndexStore
from index.new_rows import chunk_rows, document_row
from index.reading import IndexSnapshot
from index.records import NewDocument
from index.schema import checksum

NAMED = 3


@dataclass
class Contents:
    """What is compared of an index: a checksum of each document with its chunks and vectors, by name."""

    checksums: dict[str, bytes] = field(default_factory=dict)
    chunks: int = 0

    def add(self, document: NewDocument) -> None:
        """Take a document in. Ids do not count: they are each index's own."""
        rows = [document_row(document)[-1], *(row[-1] for row in chunk_rows(document, None))]
        self.checksums[document.name] = checksum(len(document.chunks), vector=b"".join(rows))
        self.chunks += len(document.chunks)


def contents(snapshot: IndexSnapshot) -> Contents:
    """Read all of an index, comparing the checksum of every row. Raises IndexDamagedError."""
    found = Contents()
    for document in snapshot.whole_documents():
        found.add(document)
    return found


def migrate(source: IndexStore, target: IndexStore) -> Contents:
    """Copy the newest generation of an index to a place where there is none, and return what was copied.

    Raises MigrationError if there is an index already, or if what is read there is not what was copied;
    IndexDamagedError if the source is not what was written.
    """
    _refuse_existing(target)
    copied = Contents()
    with source.snapshot() as snapshot, target.transaction(snapshot.meta) as transaction:
        for document in snapshot.whole_documents():
            transaction.put(document)
            copied.add(document)
        for file in snapshot.files().values():
            transaction.note(file)
    target.mend()
    with target.snapshot() as snapshot:
        compare(copied, contents(snapshot), target.place)
    return copied


def compare(copied: Contents, there: Contents, place: str) -> None:
    """Raise MigrationError, naming the documents, if an index does not hold what was copied to it."""
    names = copied.checksums.keys() | there.checksums.keys()
    differing = sorted(name for name in names if copied.checksums.get(name) != there.checksums.get(name))
    if differing:
        more = f" and {len(differing) - NAMED} more" if len(differing) > NAMED else ""
        raise MigrationError(
            f"{place} is not what was copied: {len(there.checksums)} documents and {there.chunks} passages, of"
            f" {len(copied.checksums)} and {copied.chunks}; different: {', '.join(differing[:NAMED])}{more}. Do not use"
            " it; the index that was copied is as it was"
        )


def _refuse_existing(target: IndexStore) -> None:
    try:
        with target.snapshot() as snapshot:
            documents, _ = snapshot.counts()
    except IndexMissingError:
        return
    raise MigrationError(f"there is an index at {target.place} already ({documents} documents): name another place")
