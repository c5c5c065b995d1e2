"""What the page asks for: answers step by step, the documents, a source in its document. No widgets, no HTTP."""

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from index.build import Builder
from index.collections import check_there, name_of, uploads_of
from index.documents import Listing, Source, SourceFile, names_base
from index.encoders import document_encoder
from index.encoding import MULTILINGUAL_ENCODER, Encoder
from index.errors import (
    IndexMissingError,
    NoDocumentsError,
    PageError,
    RagError,
    UnreadableDocumentError,
)
from index.filters import EVERYTHING, DocumentFilter, parse_filter
from index.intake import safe_name, with_attached
from index.interface import IndexStore
from index.parsing import Parser
from index.schema import IndexMeta
from index.search import Results
from rag.answer import Answer, Span
from rag.assemble import index_meta, open_chain, open_to_ask
from rag.chain import Chain
from rag.conversation import Turn
from rag.pages import SourcePages, has_pages
from rag.question import checked
from rag.settings import Settings
from rag.stages import Step
from ui.examples import example_questions
from ui.loading import Warm
from ui.places import AT_ONCE, AT_ONCE_WITH_MODEL, Places
from ui.writing import when_free

CONTEXT_CHARACTERS = 600


@dataclass(frozen=True)
class Listed:
    """A document as it is listed. `modified` is when the file was changed (ISO 8601)."""

    id: int
    name: str
    type: str
    chunks: int
    modified: str
    uploaded: bool


class Desk:
    """One index, its chain, and the folder where uploads are kept. Thread-safe.

    `only` are the documents that there are for whoever stands at it; `on_answer` is told of every answer.
    """

    def __init__(self, settings: Settings, chain: Callable[[], Chain] | None = None) -> None:
        self.settings = settings
        self.store: IndexStore = open_to_ask(settings)
        self.base = names_base(settings.index)
        self.uploads = uploads_of(settings.index)
        self.warm = Warm(chain or (lambda: open_chain(settings)))
        self.only = EVERYTHING
        self.on_answer: Callable[[Answer], None] = lambda answer: None
        self.places = Places(AT_ONCE_WITH_MODEL if settings.model else AT_ONCE)
        self._writing = threading.Lock()

    def seen_by(self, only: DocumentFilter) -> "Desk":
        """Return this desk as somebody sees it for whom there are only these documents."""
        seen = copy.copy(self)  # the same index, models and lock
        seen.only = self.only.also(only)
        return seen

    def beside(self, folder: Path) -> "Desk":
        """Return the desk of another collection, in its index folder: the same models, places and listener."""
        settings = replace(self.settings, index=folder, collection=name_of(folder))
        other = Desk(settings, lambda: self.chain().over(other.store))
        other.places = self.places
        other.on_answer = lambda answer: self.on_answer(answer)
        other.warm.load()
        return other

    def chain(self) -> Chain:
        """Return the chain, when it is loaded. Raises the error that it could not be loaded for."""
        return self.warm.chain()

    def ask(self, question: str, history: Sequence[Turn], where: str = "") -> Iterator[Step]:
        """Yield the steps of an answer, the last with the Answer.

        Raises QuestionError, FilterError, CrowdedError, or an error of the index.
        """
        only = parse_filter(where).also(self.only)
        for step in self.places.in_turn(self.chain().stream(question, history, only)):
            if step.answer:
                self.on_answer(step.answer)
            yield step

    def search(self, question: str, k: int, where: str = "") -> Results:
        """Return the passages that match. Raises QuestionError, FilterError, CrowdedError, or an error of the index."""
        only = parse_filter(where).also(self.only)
        with self.places.taken():
            return self.chain().searcher.search(checked(question), k, where=only)

    def counts(self) -> tuple[int, int]:
        """Return (documents, passages); none if there is no index yet."""
        try:
            with self.store.snapshot() as snapshot:
                if not self.only.terms:
                    return snapshot.counts()
                names = snapshot.names(self.only.matches)
                chunks = [record.chunks for record in snapshot.documents() if record.name in names]
                return len(chunks), sum(chunks)
        except IndexMissingError:
            return 0, 0

    def documents(self, id_: int | None = None) -> list[Listed]:
        """Return what is indexed, by name; of an id, that one."""
        try:
            with self.store.snapshot() as snapshot:
                names = snapshot.names(self.only.matches)
                records = [r for r in snapshot.documents() if r.name in names and id_ in (None, r.id)]
                at = snapshot.committed_at
        except IndexMissingError:
            return []
        return [
            Listed(
                id=record.id,
                name=record.name,
                type=Path(record.name).suffix.lstrip(".").lower() or "text",
                chunks=record.chunks,
                modified=_modified(self.base / record.name) or at,
                uploaded=self._is_upload(record.name),
            )
            for record in records
        ]

    def examples(self) -> list[str]:
        """Return questions on the names that the documents mention most."""
        try:
            with self.store.snapshot() as snapshot:
                return example_questions(snapshot, self.only.matches)
        except RagError:
            return []

    def text(self, document: str) -> str | None:
        """Return a document's whole text as extracted, or None if it is not indexed (any more)."""
        return self._id_and_text(document)[1]

    def _id_and_text(self, document: str) -> tuple[int | None, str | None]:
        try:
            with self.store.snapshot() as snapshot:
                if self.only.terms and document not in snapshot.names(self.only.matches):
                    return None, None
                return snapshot.id_of(document), snapshot.text_of(document)
        except IndexMissingError:
            return None, None

    def in_document(self, place: dict[str, Any]) -> dict[str, Any]:
        """Return a source with the text around it; `there` is False if the document no longer says this there."""
        start, end = place["start"], place["end"]
        quote = place.get("quote", place.get("text", ""))
        id_, text = self._id_and_text(place["document"])
        found = (
            {"id": id_}
            | {key: place.get(key, "") for key in ("document", "start", "end", "heading", "place")}
            | {"quote": quote}
        )
        if text is None or text[start:end] != quote:
            return {**found, "there": False, "before": "", "after": "", "gone": text is None}
        found["pages"] = has_pages(found["place"])
        before, after = text[max(0, start - CONTEXT_CHARACTERS) : start], text[end : end + CONTEXT_CHARACTERS]
        if start > CONTEXT_CHARACTERS:
            before = f"… {before.partition(' ')[2] or before}"
        if end + CONTEXT_CHARACTERS < len(text):
            after = f"{after.rpartition(' ')[0] or after} …"
        return {**found, "there": True, "before": before, "after": after, "gone": False}

    def pages(self, place: dict[str, Any]) -> SourcePages:
        """Return the pages that a source stands on. Raises PageError if they cannot be shown."""
        if self.text(place["document"]) is None:
            raise PageError(f"{place['document']} is not indexed any more")
        heading = tuple(place["heading"])
        quote = place.get("quote", place.get("text", ""))
        return SourcePages(self.store, Span(place["document"], place["start"], place["end"], quote, heading))

    def keep(self, name: str, data: bytes) -> str:
        """Store an uploaded file and index it; return the name it has.

        Raises UnreadableDocumentError with the reason why it is not kept, or an error of the index. What was there
        under that name before is there then, in the folder and in the index.
        """
        safe = safe_name(name)
        builder = self._builder()
        with builder.parser as parser:
            parsed = parser.parse(safe, data)
        name_there = f"{self.uploads.name}/{safe}"
        if not self.only.matches(name_there, asdict(parsed.metadata)):
            raise UnreadableDocumentError("only some documents are yours, and this would not be one of them")
        path = self.uploads / safe
        with self._writing:
            check_there(self.settings.index)  # it would be made again
            if path.exists() and self.only.terms and self.text(name_there) is None:
                raise UnreadableDocumentError("there is another file of this name")
            self.uploads.mkdir(parents=True, exist_ok=True)
            before = path.read_bytes() if path.exists() else None
            try:
                path.write_bytes(data)
                when_free(lambda: builder.build(self.uploads))
            except BaseException:
                path.unlink(missing_ok=True) if before is None else path.write_bytes(before)
                raise
        return safe

    def remove(self, document: str) -> bool:
        """Take a document out of the index; an uploaded one's file is deleted. Says whether it was there."""
        meta = self._meta()

        def forget() -> bool:
            with self.store.transaction(meta) as transaction:
                names = with_attached([document], (r.name for r in transaction.snapshot.documents()))
                were_there = [transaction.forget(name) for name in names]
                return any(were_there)

        if self.text(document) is None:
            return False
        with self._writing:
            there = when_free(forget)
            self.store.mend()
            if there and self._is_upload(document):
                (self.base / document).unlink(missing_ok=True)
        return there

    def reread(self) -> dict[str, Any]:
        """Read the indexed files again, and nothing else: what changed is indexed anew, what is gone is removed."""
        seen = self._names(self.only)
        names = [*self._names(EVERYTHING), *self._failed()]
        paths = {name: self.base / name for name in dict.fromkeys(names)}
        there = {name: path for name, path in paths.items() if path.is_file()}
        files: list[Source] = [SourceFile(name, path, path.parent.resolve()) for name, path in there.items()]
        builder = self._builder()
        with self._writing:
            try:
                report = when_free(lambda: builder.build(Path("/"), listing=Listing(files)))
            except NoDocumentsError as error:
                said = "" if self.only.terms else str(error)
                return {"changed": 0, "removed": 0, "skipped": [{"document": "", "reason": said}]}
        # All files are read, whoever asks; what is said of it is what they may know.
        seen |= self._names(self.only)
        everything = not self.only.terms
        skipped = [{"document": n, "reason": why} for n, why in report.skipped if everything or n in seen]
        changed, removed = (sum(everything or n in seen for n in names) for names in (report.changed, report.removed))
        return {"changed": changed, "removed": removed, "skipped": skipped}

    def _names(self, only: DocumentFilter) -> set[str]:
        try:
            with self.store.snapshot() as snapshot:
                return snapshot.names(only.matches)
        except IndexMissingError:
            return set()

    def _failed(self) -> list[str]:
        """Return the names of the files that could not be read."""
        try:
            with self.store.snapshot() as snapshot:
                return [file.name for file in snapshot.files().values() if file.reason]
        except IndexMissingError:
            return []

    def _is_upload(self, document: str) -> bool:
        return (self.base / document).parent == self.uploads

    def _builder(self) -> Builder:
        parser = Parser(self.settings.parse_seconds)
        return Builder(self.store, self._meta(), self._encoder, parser)

    def _encoder(self) -> Encoder:
        """Return what encodes uploads: the chain's encoder, which is loaded, or the multilingual one's other half."""
        multilingual = self.settings.encoder == MULTILINGUAL_ENCODER
        return document_encoder(self.settings.encoder) if multilingual else self.chain().searcher.encoder

    def _meta(self) -> IndexMeta:
        """Return what the index was made with, whatever the settings say now; the settings' if there is none."""
        try:
            with self.store.snapshot() as snapshot:
                return snapshot.meta
        except IndexMissingError:
            return index_meta(self.settings)


def _modified(path: Path) -> str | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
    except (OSError, ValueError):
        return None
