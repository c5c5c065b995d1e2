"""The tantivy view: BM25 over the chunks' words, with and without accents (see words.py).

On disk it is many small segments, each of the chunks with ids in one range, so that a change makes only one or two of
them again (see segments.py); tantivy searches them as one index, with the statistics of all.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Self

import tantivy
from tantivy import Occur, Query

from index.errors import StorageError
from index.rows import LAST_ID
from index.segments import Range, Segment, adopt, plan, read_segments, segment_of, segment_size, share, write_segments
from index.snapshot import Snapshot
from index.views import View, remove
from index.words import ANALYZERS, query_for, schema, searchable

FOLDER = "lexical"
MAKING = "lexical-making-"
HEAP_BYTES = 64_000_000
FEW_IDS = 5_000  # up to here a search is told which chunks to look at; beyond, it is quicker to look further down
GROWTH = 8  # how much further down, each time


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
        view = cls(tantivy.Index(schema()))
        view._add(snapshot.indexed_texts(1, LAST_ID))
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
        kept = [part for part in parts if isinstance(part, Segment)]
        made: list[tuple[Path, Segment]] = []
        with _translated(folder), TemporaryDirectory(dir=folder, prefix=MAKING) as making:
            template, _ = cls._made(Path(making, "empty"), [])
            for part in parts:
                texts = snapshot.indexed_texts(part.first, part.last) if isinstance(part, Range) else iter(())
                rest = share(part.count, size) - 1
                for first in texts:
                    own, ids = cls._made(Path(making, str(len(made))), chain([first], islice(texts, rest)))
                    made.append((own, segment_of(own, ids)))
            unstamp()
            if since is None:
                remove(place)
                place.mkdir()
            for own, segment in made:
                adopt(own, place)
                kept.append(segment)
            write_segments(place, sorted(kept, key=lambda s: s.first), [own for own, _ in made], template)
            return cls(tantivy.Index.open(str(place)))

    @classmethod
    def _made(cls, folder: Path, texts: Iterable[tuple[int, str]]) -> tuple[Path, list[int]]:
        """Make an index of some chunks in a new folder; return the folder and their ids."""
        folder.mkdir()
        return folder, cls(tantivy.Index(schema(), path=str(folder)))._add(texts)

    @classmethod
    def files(cls, folder: Path) -> list[Path]:
        """Return the files of the index, without locks and tantivy's own list of files."""
        return sorted(path for path in (folder / FOLDER).iterdir() if not path.name.startswith("."))

    def search(self, question: str, k: int, among: Collection[int] | None = None) -> list[tuple[int, float]]:
        """Return up to `k` (chunk id, BM25 score), best first. With `among`, only chunks of these ids."""
        if k < 1:
            return []
        query = query_for(question, self._searcher, self._index.schema)
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

    def _add(self, texts: Iterable[tuple[int, str]]) -> list[int]:
        """Index texts with their chunks' ids; return the ids. tantivy works beside whoever reads the texts."""
        ids: list[int] = []
        writer = self._index.writer(HEAP_BYTES, num_threads=1)
        for id_, text in texts:
            words = searchable(text)
            writer.add_document(tantivy.Document(id=id_, exact=words, folded=words))
            ids.append(id_)
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()
        return ids


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    """Turn tantivy's errors, which are all ValueErrors, into ours."""
    try:
        yield
    except ValueError as error:
        raise StorageError(f"cannot use {folder / FOLDER}: {error}") from error
