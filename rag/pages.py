"""The pages that a source stands on, as pictures with the quote painted over. Only a PDF has such pages.

The file is read again, and must be the very file that was indexed.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from index.documents import SourceFile, content_hash, names_base
from index.errors import PageError, UnreadableDocumentError
from index.interface import IndexStore
from rag.answer import Answer, Span

if TYPE_CHECKING:
    from index.parsing.pdf import Marked, PageImage

PAGE = re.compile(r"page \d+")
NOT_FOR_NAMES = re.compile(r"[^\w.-]+")
LONGEST_NAME = 80


def has_pages(place: str) -> bool:
    """Say whether a place is on pages: "page 3", but not "slide 3"."""
    return bool(PAGE.match(place))


class SourcePages:
    """The pages of one source. Raises PageError with the reason if they cannot be shown."""

    def __init__(self, store: IndexStore, source: Span) -> None:
        from index.parsing.pdf import marked, text_of

        self._name = source.document
        self._data = _file(store, source.document)
        try:
            text = text_of(self._data)
            if text[source.start : source.end] != source.quote:
                raise PageError(f"{self._name} was indexed by another version: run `rag index FOLDER --rebuild`")
            self.marks: list[Marked] = marked(self._data, source.start, source.end)
        except UnreadableDocumentError as error:
            raise PageError(f"the pages of {self._name} cannot be drawn: {error}") from error

    def draw(self, number: int) -> "PageImage":
        """Return the page of this number with its part of the quote painted over."""
        from index.parsing.pdf import draw

        marks = next((mark for mark in self.marks if mark.page == number), None)
        if marks is None:
            raise PageError(f"nothing of the source stands on page {number}")
        try:
            return draw(self._data, marks)
        except UnreadableDocumentError as error:
            raise PageError(f"page {number} of {self._name} cannot be drawn: {error}") from error


def _file(store: IndexStore, document: str) -> bytes:
    """Return the bytes of an indexed PDF."""
    with store.snapshot() as snapshot:
        record = next((d for d in snapshot.documents() if d.name == document), None)
    if record is None:
        raise PageError(f"{document} is not indexed any more")
    if not record.is_file:
        raise PageError(f"{document} was added as a text: it has no pages")
    try:
        data, _ = SourceFile(document, names_base(store.folder) / document).read()
    except UnreadableDocumentError as error:
        raise PageError(f"{document} cannot be read: {error}") from error
    if content_hash(data) != record.content_sha256:
        raise PageError(f"{document} has changed since it was indexed: run `rag index` again")
    if b"%PDF-" not in data[:1024]:
        raise PageError(f"{document} has no pages to show: only PDFs have")
    return data


def write_pages(store: IndexStore, answer: Answer, number: int, output: Path) -> list[Path]:
    """Write the pages of source `[number]` as PNG into a folder, or to a file; return where they are.

    Nearly always that is one page; a quote that runs on over the end of a page has two. What was there under such a
    name is replaced. Raises PageError.
    """
    if number > len(answer.sources):
        raise PageError(f"there is no source [{number}]: the answer has {len(answer.sources)}")
    source = answer.sources[number - 1]
    is_file = output.suffix.lower() == ".png" and not output.is_dir()
    if not is_file and not output.is_dir():
        raise PageError(f"no such folder: {output} (name a folder, or a file that ends in .png)")
    pages = SourcePages(store, source)
    stem = output.stem if is_file else NOT_FOR_NAMES.sub("_", Path(source.document).stem)[:LONGEST_NAME]
    folder = output.parent if is_file else output
    written: list[Path] = []
    for mark in pages.marks:
        is_named = is_file and len(pages.marks) == 1
        path = output if is_named else folder / f"{stem}-page-{mark.page}.png"
        path.write_bytes(pages.draw(mark.page).png)
        written.append(path)
    return written
