"""Every error a user can meet, as one tree. The edges turn it into one line and an exit code.

RagError
├── NoDocumentsError         nothing to index: missing folder, empty folder, no readable text
├── PatternError             a pattern of --include, --exclude or .ragignore cannot be understood
├── UnreadableDocumentError  one file that cannot be read as text (indexing skips and names it)
│   ├── NoTextLayerError     a PDF of pictures: it needs OCR first
│   └── FileUnavailableError one file that cannot be read at the moment; what is indexed of it stays
├── OcrError                 a scan cannot be read: no tesseract, not a scan
├── PageError                a source's page cannot be drawn: not a PDF, or the file has changed
├── EncodingError            no text encoding has that name
├── QuestionError            an empty question, or one that is too long
├── FilterError              a filter that cannot be read, or that no document meets
├── IndexMissingError        there is no index yet
│   └── CollectionMissingError  there is no such collection
├── CollectionError          a collection cannot be called or made like this, or is still somebody's
├── IndexBusyError           another process is writing
├── IndexIncompatibleError   made by a newer format, another model or another chunk size
│   └── IndexOutdatedError   made by an older format
├── IndexDamagedError        the database is not what was written
├── ArchiveError             a file of `rag export` or `rag backup` is not what was written, or not one
├── MigrationError           an index cannot be copied to a place, or is not what was copied
├── StorageError             disk full, folder read-only; object storage that refuses or is not there
│   ├── IndexMovedError      the version of a table that is read has just been removed
│   └── DatabaseError        people and conversations cannot be read or kept (rag/database.py)
├── ModelError               a model cannot be loaded: not the pinned files, not a model
│   └── ModelMissingError    its package is not installed
├── SettingError             a setting has a value that it cannot have (rag/settings.py)
└── SuiteError               an evaluation suite's file is missing or malformed (eval/suite.py)

Errors of libraries are translated where they are called, with `raise ... from`.
"""

from pathlib import Path


class RagError(Exception):
    """Say what happened and the command that fixes it, in one line."""


class NoDocumentsError(RagError):
    """Nothing to index."""


class UnreadableDocumentError(RagError):
    """One file cannot be read as text."""


class NoTextLayerError(UnreadableDocumentError):
    """A PDF shows text, but says none."""


class FileUnavailableError(UnreadableDocumentError):
    """One file cannot be read at the moment, which says nothing about what is in it."""


class PatternError(RagError):
    """A pattern cannot be understood."""


class OcrError(RagError):
    """A scan cannot be read by OCR."""


class PageError(RagError):
    """A source's page cannot be drawn."""


class EncodingError(RagError):
    """No text encoding has that name."""


class QuestionError(RagError):
    """The question cannot be searched for."""


class FilterError(RagError):
    """A filter cannot be read, or no document meets it."""


class IndexMissingError(RagError):
    """There is no index at the given place."""


class CollectionMissingError(IndexMissingError):
    """There is no collection of that name; `folder` is where it would be."""

    def __init__(self, message: str, folder: Path) -> None:
        super().__init__(message)
        self.folder = folder


class CollectionError(RagError):
    """A collection cannot be called or made like this, or is still somebody's."""


class IndexBusyError(RagError):
    """Another process holds the writer's lock."""


class IndexIncompatibleError(RagError):
    """The index was made by a newer format, another model or another chunk size."""


class IndexOutdatedError(IndexIncompatibleError):
    """The index was made by an older format."""


class IndexDamagedError(RagError):
    """The database is not what was written to it; `what` is the part of the message that says in which way."""

    def __init__(self, message: str, what: str = "") -> None:
        super().__init__(message)
        self.what = what or message


class ArchiveError(RagError):
    """A file is not a whole archive of an index."""


class MigrationError(RagError):
    """An index cannot be copied to a place, or is not there what it was."""


class StorageError(RagError):
    """The file system or the object storage refused: disk full, read-only, no such bucket, no answer."""


class IndexMovedError(StorageError):
    """What is being read has just been removed, in favour of a newer version: begin again."""


class ModelError(RagError):
    """A model cannot be loaded."""


class ModelMissingError(ModelError):
    """A model's package is not installed."""
