"""What the page asks for: answers step by step, the documents, a source in its document. No widgets, no HTTP."""

import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from index.build import Builder
from index.documents import Listing, SourceFile, names_base
from index.encoders import document_encoder
from index.encoding import MULTILINGUAL_ENCODER, Encoder
from index.errors import IndexMissingError, NoDocumentsError, RagError
from index.filters import parse_filter
from index.intake import safe_name, with_attached
from index.interface import IndexStore
from index.parsing import Parser
from index.schema import IndexMeta
from rag.answer import Span
from rag.assemble import index_meta, open_chain, open_store
from rag.chain import Chain
from rag.conversation import Turn
from rag.pages import SourcePages, has_pages
from rag.settings import Settings
from rag.stages import Step

CONTEXT_CHARACTERS = 600
EXAMPLES = 3
EXAMPLE_DOCUMENTS = 50
EXAMPLE_CHUNKS = 20
# Two or three capitalised words in the middle of a sentence.
NAME = re.compile(r"(?<=[a-zà-ÿ,] )[A-ZÀ-Þ][\w-]+(?: [A-ZÀ-Þ][\w-]+){1,2}\b(?! [A-ZÀ-Þ])")


class Desk:
    """One index, its chain, and the folder where uploads are kept. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store: IndexStore = open_store(settings)
        self.base = names_base(settings.index)
        self.uploads = self.base / "uploads"
        self._chain: Chain | None = None
        self._failure: RagError | None = None
        self._loaded = threading.Event()
        self._writing = threading.Lock()

    def load(self) -> None:
        """Load the models in the background; a question that is asked meanwhile waits for them."""
        threading.Thread(target=self._load, name="models", daemon=True).start()

    def _load(self) -> None:
        try:
            self._chain = open_chain(self.settings)
        except RagError as error:
            self._failure = error
        finally:
            self._loaded.set()

    def chain(self) -> Chain:
        """Return the chain, when it is loaded. Raises the error that it could not be loaded for."""
        self._loaded.wait()
        if self._chain is None:
            raise self._failure or RagError("the models could not be loaded")
        return self._chain

    @property
    def is_loaded(self) -> bool:
        """Say whether the models are there, or will never be."""
        return self._loaded.is_set()

    def ask(self, question: str, history: Sequence[Turn], where: str = "") -> Iterator[Step]:
        """Yield the steps of an answer, the last with the Answer.

        Raises QuestionError, FilterError, or an error of the index.
        """
        only = parse_filter(where)
        yield from self.chain().stream(question, history, only)

    def counts(self) -> tuple[int, int]:
        """Return (documents, passages); none if there is no index yet."""
        try:
            with self.store.snapshot() as snapshot:
                return snapshot.counts()
        except IndexMissingError:
            return 0, 0

    def documents(self) -> list[dict[str, Any]]:
        """Return what is indexed, by name."""
        try:
            with self.store.snapshot() as snapshot:
                records = snapshot.documents()
                at = snapshot.committed_at
        except IndexMissingError:
            return []
        return [
            {
                "name": record.name,
                "type": Path(record.name).suffix.lstrip(".").lower() or "text",
                "chunks": record.chunks,
                "modified": _modified(self.base / record.name) or at,
                "uploaded": self._is_upload(record.name),
            }
            for record in records
        ]

    def examples(self) -> list[str]:
        """Return questions on the names that the documents mention most."""
        names: Counter[str] = Counter()
        try:
            with self.store.snapshot() as snapshot:
                for record in snapshot.documents()[:EXAMPLE_DOCUMENTS]:
                    for stored in snapshot.chunks_of(record.id)[:EXAMPLE_CHUNKS]:
                        sentences = [s for s in stored.chunk.sentences if not s.is_heading]
                        first = stored.chunk.start
                        texts = [stored.text[s.start - first : s.end - first] for s in sentences]
                        names.update(name.removesuffix("’s") for text in texts for name in NAME.findall(text))
        except RagError:
            return []
        return [f"What is said about {name}?" for name, _ in names.most_common(EXAMPLES)]

    def text(self, document: str) -> str | None:
        """Return a document's whole text as extracted, or None if it is not indexed (any more)."""
        try:
            with self.store.snapshot() as snapshot:
                return snapshot.text_of(document)
        except IndexMissingError:
            return None

    def in_document(self, place: dict[str, Any]) -> dict[str, Any]:
        """Return a source with the text around it; `there` is False if the document no longer says this there."""
        start, end = place["start"], place["end"]
        quote = place.get("quote", place.get("text", ""))
        text = self.text(place["document"])
        found = {key: place.get(key, "") for key in ("document", "start", "end", "heading", "place")} | {"quote": quote}
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
            parser.parse(safe, data)
        path = self.uploads / safe
        with self._writing:
            self.uploads.mkdir(parents=True, exist_ok=True)
            before = path.read_bytes() if path.exists() else None
            try:
                path.write_bytes(data)
                builder.build(self.uploads)
            except BaseException:
                path.unlink(missing_ok=True) if before is None else path.write_bytes(before)
                raise
        return safe

    def remove(self, document: str) -> bool:
        """Take a document out of the index; an uploaded one's file is deleted. Says whether it was there."""
        meta = self._meta()
        there = False
        with self._writing:
            with self.store.transaction(meta) as transaction:
                for name in with_attached([document], (r.name for r in transaction.snapshot.documents())):
                    there |= transaction.forget(name)
            self.store.mend()
            if there and self._is_upload(document):
                (self.base / document).unlink(missing_ok=True)
        return there

    def reread(self) -> dict[str, Any]:
        """Read the indexed files again, and nothing else: what changed is indexed anew, what is gone is removed."""
        names = [*(document["name"] for document in self.documents()), *self._failed()]
        paths = {name: self.base / name for name in dict.fromkeys(names)}
        files = [SourceFile(name, path, path.parent.resolve()) for name, path in paths.items() if path.is_file()]
        builder = self._builder()
        with self._writing:
            try:
                report = builder.build(Path("/"), listing=Listing(files))
            except NoDocumentsError as error:
                return {"changed": 0, "removed": 0, "skipped": [{"document": "", "reason": str(error)}]}
        skipped = [{"document": name, "reason": reason} for name, reason in report.skipped]
        return {"changed": len(report.changed), "removed": len(report.removed), "skipped": skipped}

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
