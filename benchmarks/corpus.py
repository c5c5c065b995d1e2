"""Make an index of many chunks of text that reads like text: sentences of real articles, put together anew.

    python benchmarks/corpus.py DATA OUT -n 100000

DATA is a folder with `*/docs.jsonl` (one `{"title", "text", "lang"}` a line) and `*/questions.jsonl`. A chunk is five
sentences, four of five from one article; twenty chunks are a document. Each sentence is encoded once, by the real
encoder; a chunk's vector is the sum of its sentences' vectors and a little noise, scaled to length 1 (to encode a
million chunks takes a day here). So words, lengths and neighbourhoods are those of text; what cannot be measured with
it is how good an answer is.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.chunking import Chunk, Sentence
from index.encoders import question_encoder
from index.encoding import DEFAULT_ENCODER, Encoder, Vectors
from index.mending import mend_views
from index.parsing import Block, ParsedDocument
from index.records import NewDocument
from index.schema import text_digest
from index.sentences import split_sentences
from index.store import Store
from rag.assemble import index_meta
from rag.settings import Settings

CHUNK_SENTENCES = 5
DOCUMENT_CHUNKS = 20
OTHER_ARTICLE = 0.2  # of a chunk's sentences
NOISE = 0.1  # the length of what is added to a vector of length 1
LENGTHS = range(30, 400)  # characters of a sentence
COMMIT_DOCUMENTS = 2_000


@dataclass(frozen=True)
class Pool:
    """Sentences of articles with their vectors, shape (len(texts), dimension); `articles` are ranges of them."""

    texts: list[str]
    vectors: Vectors
    articles: list[range]


def read_pool(data: Path, cache: Path, encoder: Encoder) -> Pool:
    """Return the sentences of all English articles; their vectors are kept in the folder `cache` for the next time."""
    texts: list[str] = []
    articles: list[range] = []
    for record in _records(data, "docs.jsonl"):
        if record.get("lang") == "en":
            text, first = record["text"], len(texts)
            spans = split_sentences(text, 0, len(text))
            texts += [" ".join(text[s:e].split()) for s, e in spans if e - s in LENGTHS]
            if len(texts) - first >= CHUNK_SENTENCES:
                articles.append(range(first, len(texts)))
            else:
                del texts[first:]
    file = cache / f"sentences-{text_digest(encoder.identity + ''.join(texts))[:12]}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # little is padded then
        vectors = np.empty((len(texts), 384), np.float32)
        vectors[order] = encoder.encode([texts[i] for i in order])
        np.save(file, vectors)
    return Pool(texts, np.load(file), articles)


def read_questions(data: Path) -> list[str]:
    """Return the questions of the English sets, each once."""
    english = {Path(path).parent.name for path in data.glob("*/docs.jsonl") if _is_english(path)}
    found = [r["question"] for r in _records(data, "questions.jsonl", english) if r.get("lang", "en") == "en"]
    return list(dict.fromkeys(found))


def _records(data: Path, name: str, folders: "set[str] | None" = None) -> Iterator[dict[str, str]]:
    for path in sorted(data.glob(f"*/{name}")):
        if folders is None or path.parent.name in folders:
            yield from map(json.loads, path.read_text("utf-8").splitlines())


def _is_english(path: Path) -> bool:
    with path.open(encoding="utf-8") as file:
        return json.loads(file.readline()).get("lang") == "en"


def documents(pool: Pool, count: int, seed: int = 0, first: int = 0) -> Iterator[NewDocument]:
    """Yield documents with `count` chunks together; the same seed gives the same. Names begin at number `first`."""
    draw = np.random.default_rng(seed)
    for number in range(first, first + -(-count // DOCUMENT_CHUNKS)):
        size = min(DOCUMENT_CHUNKS, count - (number - first) * DOCUMENT_CHUNKS)
        article = pool.articles[draw.integers(len(pool.articles))]
        rows = draw.integers(article.start, article.stop, (size, CHUNK_SENTENCES))
        foreign = draw.random(rows.shape) < OTHER_ARTICLE
        rows[foreign] = draw.integers(0, len(pool.texts), int(foreign.sum()))
        text, chunks = _put_together([[pool.texts[row] for row in chunk] for chunk in rows])
        vectors = pool.vectors[rows].sum(axis=1)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors += draw.standard_normal(vectors.shape, np.float32) * np.float32(NOISE / vectors.shape[1] ** 0.5)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        parsed = ParsedDocument(text, (Block(0, len(text)),), "utf-8")
        yield NewDocument(f"made/{number:06}.txt", text_digest(text), parsed, chunks, vectors)


def _put_together(chunks: Sequence[Sequence[str]]) -> tuple[str, list[Chunk]]:
    """Return a text and its chunks, each a paragraph."""
    made: list[Chunk] = []
    position = 0
    for texts in chunks:
        sentences = []
        for text in texts:
            sentences.append(Sentence(position, position + len(text)))
            position += len(text) + 1
        made.append(Chunk(sentences[0].start, sentences[-1].end, (), tuple(sentences)))
    return "\n".join(" ".join(texts) for texts in chunks), made


def fill(store: Store, pool: Pool, count: int, seed: int = 0, first: int = 0) -> None:
    """Add so many chunks to a store, with its views."""
    with store.transaction(index_meta(Settings(index=store.folder))) as transaction:
        for number, document in enumerate(documents(pool, count, seed, first), start=1):
            transaction.put(document)
            if number % COMMIT_DOCUMENTS == 0:
                transaction.commit()
    mend_views(store)


def main() -> None:
    """Make the index and say how long each part took."""
    parser = argparse.ArgumentParser(description="Make an index of many chunks of real sentences.")
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, help="the index folder; vectors of the sentences are kept beside it")
    parser.add_argument("-n", "--chunks", type=int, default=100_000)
    arguments = parser.parse_args()
    started = time.perf_counter()
    pool = read_pool(arguments.data, arguments.out.parent, question_encoder(DEFAULT_ENCODER))
    print(f"{len(pool.texts):,} sentences of {len(pool.articles):,} articles: {time.perf_counter() - started:.0f} s")
    started = time.perf_counter()
    fill(Store(arguments.out), pool, arguments.chunks)
    print(f"{arguments.chunks:,} chunks stored, with their views: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
