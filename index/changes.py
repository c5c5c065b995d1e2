"""What the store knows of the files of a run, and so which of them must be read again.

A file is taken for unchanged if its size, its times and its inode are those of last time; otherwise its content is
compared. A file that gave no document is tried again when it changes, or when the caller says so.
"""

from dataclasses import dataclass

from index.documents import UNSETTLED, Source
from index.loading import Task
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

    def by_stat(self, source: Source) -> FileRecord | None:
        """Return the record of a file that is as it was by its size, times and inode; None if it must be read."""
        record = self.files.get(source.name)
        if record is None or self.by_content or record.stat == UNSETTLED or record.stat != source.stat():
            return None
        return record if record.content_sha256 in self._outcomes(source.name) else None

    def task(self, source: Source) -> Task:
        """Return what a loader needs to know of a file."""
        return Task(source, self.files.get(source.name), self._outcomes(source.name))

    def _outcomes(self, name: str) -> dict[str, str]:
        """Say what came of which content: "" a document that is right, or why there is none; parse any other."""
        document, record = self.documents.get(name), self.files.get(name)
        if self.everything:
            return {}
        outcomes: dict[str, str] = {}
        if record is not None and record.reason and not self.failed and self.encoding is None:
            outcomes[record.content_sha256] = record.reason
        if document is not None:
            # A format may say itself how its text is encoded, whatever is asked.
            is_right = self.encoding in (None, document.encoding) or not document.encoding
            outcomes.pop(document.content_sha256, None)
            outcomes |= {document.content_sha256: ""} if is_right else {}
        return outcomes
