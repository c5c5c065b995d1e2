"""The tantivy view: BM25 over the chunks' words, with and without accents.

Two fields hold the same words. `folded` drops accents and endings, so "Abrego" finds "Ábrego" and "returns" finds
"returned"; `exact` keeps them, so the form that was typed ranks first. Text is brought to NFC, for search only, and
what is written without spaces between words (Chinese, Japanese, Thai, ...) becomes pairs of characters.

On disk it is many small segments, each of the chunks with ids in one range, so that a change makes only one or two of
them again (see segments.py); tantivy searches them as one index, with the statistics of all.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Self

import tantivy
from tantivy import Filter, Occur, Query, TextAnalyzerBuilder, Tokenizer

from index.chunking import Chunk
from index.errors import StorageError
from index.records import StoredChunk
from index.segments import Range, Segment, adopt, plan, read_segments, segment_of, segment_size, write_segments
from index.snapshot import Snapshot
from index.views import View, remove

FOLDER = "lexical"
MAKING = "lexical-making-"
HEAP_BYTES = 64_000_000
MAX_WORD = 100
FEW_IDS = 5_000  # up to here a search is told which chunks to look at; then it is quicker to look further down
GROWTH = 8  # how much further down, each time
EXACT_BOOST = 0.5
# Han, Hiragana and Katakana; Thai, Lao, Myanmar, Khmer with their vowel signs; Hangul is written with spaces, but its
# endings stick to the words, so pairs find more there, too.
UNSPACED = re.compile(
    "[\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003134f"
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\uac00-\ud7a3]+"
)


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("id", stored=False, indexed=True, fast=True)
    builder.add_text_field("exact", tokenizer_name="exact")
    builder.add_text_field("folded", tokenizer_name="folded")
    return builder.build()


def _words() -> TextAnalyzerBuilder:
    return TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(MAX_WORD)).filter(Filter.lowercase())


ANALYZERS = {
    "exact": _words().build(),
    "folded": _words().filter(Filter.ascii_fold()).filter(Filter.stemmer("english")).build(),
}


class LexicalView(View):
    """Chunks that share words with a question, by BM25 (Robertson and Zaragoza 2009, k1 1.2, b 0.75)."""

    name: ClassVar[str] = "tantivy"
    stamp_file: ClassVar[str] = "lexical.json"
    version: ClassVar[int] = 4

    def __init__(self, index: tantivy.Index) -> None:
        self._index = index
        for name, analyzer in ANALYZERS.items():
            index.register_tokenizer(name, analyzer)
        index.config_reader("manual")
        index.reload()
        self._searcher = index.searcher()

    def __len__(self) -> int:
        return self._searcher.num_docs

    @classmethod
    def in_memory(cls, snapshot: Snapshot) -> Self:
        """Make the index from all chunks."""
        view = cls(tantivy.Index(_schema()))
        view._add(stored for chunks, _ in snapshot.chunks_since(0) for stored in chunks)
        return view

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open the index from its folder."""
        with _translated(folder):
            return cls(tantivy.Index.open(str(folder / FOLDER)))

    @classmethod
    def write(cls, folder: Path, snapshot: Snapshot, since: int | None, unstamp: Callable[[], None]) -> Self:
        """Carry the index on from `since`, or make it again.

        subtle: tantivy keeps the words of a removed chunk until it happens to merge its segment. What is deleted must
        be gone, so the segments that held a removed chunk are made again from the chunks that are left.
        """
        place = folder / FOLDER
        for left in folder.glob(f"{MAKING}*"):  # by a process that was killed
            remove(left)
        old = [] if since is None else read_segments(place)
        removed = [] if since is None else snapshot.removed_since(since)
        parts = plan(old, removed, snapshot.count_since(since or 0))
        size = segment_size(sum(part.count for part in parts))
        with _translated(folder), TemporaryDirectory(dir=folder, prefix=MAKING) as making:
            template = cls._made(Path(making, "empty"), [])
            kept = [part for part in parts if isinstance(part, Segment)]
            made: list[tuple[Path, Segment]] = []
            for part in parts:
                if isinstance(part, Range):
                    for chunks in _groups(snapshot.chunks_between(part.first, part.last), size):
                        part_folder = cls._made(Path(making, str(len(made))), chunks)
                        made.append((part_folder, segment_of(part_folder, chunks)))
            unstamp()
            if since is None:
                remove(place)
                place.mkdir()
            for part_folder, segment in made:
                adopt(part_folder, place)
                kept.append(segment)
            write_segments(place, sorted(kept, key=lambda s: s.first), [path for path, _ in made], template)
            return cls(tantivy.Index.open(str(place)))

    @classmethod
    def _made(cls, folder: Path, chunks: Sequence[StoredChunk]) -> Path:
        """Make an index of some chunks in a new folder."""
        folder.mkdir()
        view = cls(tantivy.Index(_schema(), path=str(folder)))
        if chunks:
            view._add(chunks)
        return folder

    @classmethod
    def files(cls, folder: Path) -> list[Path]:
        """Return the files of the index, without locks and tantivy's own list of files."""
        return sorted(path for path in (folder / FOLDER).iterdir() if not path.name.startswith("."))

    def search(self, question: str, k: int, among: Collection[int] | None = None) -> list[tuple[int, float]]:
        """Return up to `k` (chunk id, BM25 score), best first. With `among`, only chunks of these ids."""
        if k < 1:
            return []
        query = self._query(question)
        wanted = None if among is None else set(among)
        if wanted is not None and len(wanted) <= FEW_IDS:
            few = Query.term_set_query(self._index.schema, "id", list(wanted))
            query = Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.const_score_query(few, 0.0))])
        limit = k
        while True:
            hits = self._searcher.search(query, limit=limit, count=False).hits
            ids = self._searcher.fast_field_values("id", [address for _, address in hits])
            scored = [(int(i), float(score)) for i, (score, _) in zip(ids, hits, strict=True) if i is not None]
            found = scored if wanted is None else [(i, score) for i, score in scored if i in wanted]
            # Few chunks of those that match may be wanted: look further down until there are enough, or no more.
            if len(found) >= k or len(hits) < limit:
                return found[:k]
            limit *= GROWTH

    def has_word(self, word: str) -> bool:
        """Say whether a word, in lower case and NFC, is in the index as it is written."""
        query = Query.term_query(self._index.schema, "exact", word)
        return bool(self._searcher.search(query, limit=1, count=False).hits)

    def _query(self, question: str) -> Query:
        text = searchable(question)
        terms: list[tuple[Occur, Query]] = []
        for field, boost in (("folded", 1.0), ("exact", EXACT_BOOST)):
            for word in dict.fromkeys(ANALYZERS[field].analyze(text)):
                query = Query.term_query(self._index.schema, field, word)
                terms.append((Occur.Should, Query.boost_query(query, boost)))
        return Query.boolean_query(terms) if terms else Query.empty_query()

    def _add(self, chunks: Iterable[StoredChunk]) -> None:
        writer = self._index.writer(HEAP_BYTES, num_threads=1)
        for stored in chunks:
            text = searchable(indexed_text(stored.text, stored.chunk))
            writer.add_document(tantivy.Document(id=stored.id, exact=text, folded=text))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()


def _groups(chunks: Iterator[StoredChunk], size: int) -> Iterator[list[StoredChunk]]:
    while group := list(islice(chunks, size)):
        yield group


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    """Turn tantivy's errors, which are all ValueErrors, into ours."""
    try:
        yield
    except ValueError as error:
        raise StorageError(f"cannot use {folder / FOLDER}: {error}") from error


def searchable(text: str) -> str:
    """Return the text as its words are looked for. Example: "東京都 is" -> "東京 京都 is"."""
    return UNSPACED.sub(lambda run: f" {' '.join(_pairs(run[0]))} ", unicodedata.normalize("NFC", text))


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


def indexed_text(text: str, chunk: Chunk) -> str:
    """Return the words to index of a chunk: its heading path and its own text."""
    return "\n".join([*chunk.heading, text])
