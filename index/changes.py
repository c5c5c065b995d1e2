"""What the store knows of the files of a run, and so which of them must be read again.

A file is taken for unchanged if its size, its times and its inode are those of last time; otherwise its content is
compared. A file that gave no document is tried again when it changes, or when the caller says so.
"""

from dataclasses import dataclass

from index.documents import UNSETTLED, SourceFile
from index.records import DocumentRecord, FileRecord


@dataclass(frozen=True)
class Known:
    """The documents and files of the folders of a run, by name, and what the caller wants to be read again.

    `encoding` is what all files are to be read in (None: as they say), `by_content` that no file's times are trusted,
    `failed` that those without a document are tried again, `everything` that all are parsed again.
    """

    documents: dict[str, DocumentRecord]
    files: dict[str, FileRecord]
    encoding: str | None = None
    by_content: bool = False
    failed: bool = False
    everything: bool = False

    def by_stat(self, source: SourceFile) -> FileRecord | None:
        """Return the record of a file that is as it was by its size, times and inode; None if it must be read."""
        record = self.files.get(source.name)
        if record is None or self.by_content or record.stat == UNSETTLED or record.stat != source.stat():
            return None
        return None if self.outcome(source.name, record.content_sha256) is None else record

    def outcome(self, name: str, content_sha256: str) -> str | None:
        """Say what came of this content last time: "" a document that is right, or why none; None: parse it."""
        if self.everything:
            return None
        document, record = self.documents.get(name), self.files.get(name)
        if document is not None and document.content_sha256 == content_sha256:
            # A format may say itself how its text is encoded, whatever is asked.
            return "" if self.encoding in (None, document.encoding) or not document.encoding else None
        has_failed = record is not None and record.reason and record.content_sha256 == content_sha256
        return record.reason if record and has_failed and not self.failed and self.encoding is None else None
