"""What the page asks for: answers step by step, the documents, a source in its document. No widgets, no HTTP."""

import queue
import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.build import Builder, mend_views
from index.documents import names_base
from index.errors import IndexMissingError, NoDocumentsError, RagError
from index.parsing import SUFFIXES
from index.store import Store
from rag.answer import Answer
from rag.assemble import index_meta, open_chain, open_store
from rag.chain import Chain, Question
from rag.conversation import Turn
from rag.question import checked
from rag.settings import Settings

CONTEXT_CHARACTERS = 600
EXAMPLES = 3
STOP_SECONDS = 0.05  # how soon a stop is seen
EXAMPLE_DOCUMENTS = 50
EXAMPLE_CHUNKS = 20
# Two or three capitalised words in the middle of a sentence.
NAME = re.compile(r"(?<=[a-zà-ÿ,] )[A-ZÀ-Þ][\w-]+(?: [A-ZÀ-Þ][\w-]+){1,2}\b(?! [A-ZÀ-Þ])")


@dataclass(frozen=True)
class Step:
    """How far an answer has come: what is searched for, then the passages that are read, then the answer."""

    searched: str
    passages: tuple[dict[str, Any], ...] = ()
    answer: Answer | None = None


class Desk:
    """One index, its chain, and the folder where uploads are kept. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store: Store = open_store(settings)
        self.uploads = names_base(settings.index) / "uploads"
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

    def ask(self, question: str, history: Sequence[Turn], stop: threading.Event | None = None) -> Iterator[Step]:
        """Yield the steps of an answer, until `stop` is set. Raises QuestionError, or an error of the index."""
        steps: queue.SimpleQueue[Step | Exception | None] = queue.SimpleQueue()
        stop = stop or threading.Event()

        def work() -> None:
            try:
                for step in self._steps(checked(question), history):
                    steps.put(step)
                    if stop.is_set():
                        return
                steps.put(None)
            except Exception as error:
                steps.put(error)

        threading.Thread(target=work, name="question", daemon=True).start()
        while not stop.is_set():
            try:
                step = steps.get(timeout=STOP_SECONDS)
            except queue.Empty:
                continue
            if step is None:
                return
            if isinstance(step, Exception):
                raise step
            yield step

    def _steps(self, question: str, history: Sequence[Turn]) -> Iterator[Step]:
        chain = self.chain()
        asked = chain.rewrite(Question(question, tuple(history)))
        searched = asked.searched or question
        yield Step(searched)
        ranked = chain.rerank(chain.retrieve(asked))
        looked_at = tuple(
            {"document": r.hit.passage.document, "heading": list(r.hit.passage.chunk.heading)} for r in ranked.hits[:3]
        )
        yield Step(searched, looked_at)
        yield Step(searched, looked_at, chain.verify(chain.gate_draft(chain.read(ranked))))

    def status(self) -> dict[str, Any]:
        """Return how many documents and passages there are, or that there is no index."""
        try:
            with self.store.snapshot() as snapshot:
                documents, chunks = snapshot.counts()
                return {"documents": documents, "chunks": chunks, "generation": snapshot.generation}
        except IndexMissingError:
            return {"documents": 0, "chunks": 0, "generation": 0}

    def documents(self) -> list[dict[str, Any]]:
        """Return what is indexed, by name."""
        try:
            with self.store.snapshot() as snapshot:
                records = snapshot.documents()
                at = snapshot.committed_at
        except IndexMissingError:
            return []
        prefix = f"{self.uploads.name}/"
        return [
            {
                "name": record.name,
                "type": Path(record.name).suffix.lstrip(".").lower() or "text",
                "chunks": record.chunks,
                "modified": _modified(names_base(self.settings.index) / record.name) or at,
                "uploaded": record.name.startswith(prefix),
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
                        texts = [
                            stored.text[s.start - stored.chunk.start : s.end - stored.chunk.start] for s in sentences
                        ]
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
        found = {"document": place["document"], "start": start, "end": end, "heading": place["heading"], "quote": quote}
        if text is None or text[start:end] != quote:
            return {**found, "there": False, "before": "", "after": "", "gone": text is None}
        before, after = text[max(0, start - CONTEXT_CHARACTERS) : start], text[end : end + CONTEXT_CHARACTERS]
        if start > CONTEXT_CHARACTERS:
            before = f"… {before.partition(' ')[2] or before}"
        if end + CONTEXT_CHARACTERS < len(text):
            after = f"{after.rpartition(' ')[0] or after} …"
        return {**found, "there": True, "before": before, "after": after, "gone": False}

    def keep(self, name: str, data: bytes) -> tuple[str, str | None]:
        """Store an uploaded file and index it; return (the name it has, the reason why it is not indexed or None)."""
        self.uploads.mkdir(parents=True, exist_ok=True)
        safe = safe_name(name)
        if Path(safe).suffix.lower() not in SUFFIXES:
            return safe, f"this format is not read (only {', '.join(sorted(SUFFIXES))})"
        path = self.uploads / safe
        before = path.read_bytes() if path.exists() else None
        path.write_bytes(data)
        with self._writing:
            try:
                report = self._builder().build(self.uploads)
            except NoDocumentsError as error:
                reason: str | None = str(error)
            else:
                reason = next((why for skipped, why in report.skipped if skipped.endswith(f"/{safe}")), None)
        if reason is not None:
            # What cannot be read is not kept, and what was there before is.
            path.unlink(missing_ok=True) if before is None else path.write_bytes(before)
            reason = reason.partition(f"{safe}: ")[2].partition(")")[0] or reason
        return safe, reason

    def remove(self, document: str) -> bool:
        """Take a document out of the index; an uploaded one's file is deleted. Says whether it was there."""
        with self._writing:
            with self.store.transaction(index_meta(self.settings)) as transaction:
                there = transaction.remove(document)
            mend_views(self.store)
            path = names_base(self.settings.index) / document
            if path.parent == self.uploads:
                path.unlink(missing_ok=True)
        return there

    def reindex(self) -> dict[str, Any]:
        """Bring the index in step with the files of the folders that it holds documents of."""
        base = names_base(self.settings.index)
        tops = {
            base / Path(d["name"]).parts[0] if not Path(d["name"]).is_absolute() else Path(d["name"]).parent
            for d in self.documents()
        }
        counts = Counter[str]()
        skipped: list[dict[str, str]] = []
        with self._writing:
            for top in sorted(tops):
                try:
                    report = self._builder().build(top)
                except NoDocumentsError as error:
                    skipped.append({"document": top.name, "reason": str(error)})
                    continue
                counts.update(added=len(report.added), changed=len(report.changed), removed=len(report.removed))
                skipped += [{"document": name, "reason": why} for name, why in report.skipped]
        return {**{key: counts[key] for key in ("added", "changed", "removed")}, "skipped": skipped}

    def _builder(self) -> Builder:
        return Builder(self.store, index_meta(self.settings), lambda: self.chain().searcher.encoder)


MAX_NAME_BYTES = 200


def safe_name(name: str) -> str:
    r"""Return a file name that is one: no folders, no control characters, not hidden, at most 200 bytes.

    Example: "..\\a/b\n.txt" -> "b_.txt".
    """
    last = re.split(r"[/\\]", name)[-1]
    last = re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "_", last).strip().lstrip(".") or "unnamed"
    path = Path(last)
    suffix = path.suffix[:20]
    stem = path.name[: len(path.name) - len(path.suffix)] or "unnamed"
    room = MAX_NAME_BYTES - len(suffix.encode("utf-8", "replace"))
    return stem.encode("utf-8", "replace")[:room].decode("utf-8", "ignore") + suffix


def _modified(path: Path) -> str | None:
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
    except OSError:
        return None
