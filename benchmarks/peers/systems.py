"""Index texts and ask them, with one of several libraries, each at its defaults; run in that library's own environment.

    python systems.py NAME index TEXTS.json FOLDER MODEL
    python systems.py NAME ask QUESTIONS.json FOLDER MODEL

MODEL is the folder of the sentence-transformers encoder, the same for all. Prints one line of JSON: seconds, memory,
and for `ask` the positions of the ten best texts for each question. Of each system, `index` writes the index of some
texts to a folder, and `open` returns the search in it. Our own program is imported for "ours" only.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()
K = 10
os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

Search = Callable[[str], list[int]]


def encoder(model: str) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(model, device="cpu")


class LangChainFaiss:
    """LangChain's embeddings interface and FAISS's flat index."""

    def index(self, texts: Sequence[str], folder: Path, model: str) -> None:
        import faiss

        vectors = encoder(model).encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        store = faiss.IndexFlatIP(vectors.shape[1])
        store.add(vectors)
        faiss.write_index(store, str(folder / "vectors.faiss"))
        (folder / "texts.json").write_text(json.dumps(list(texts)))

    def open(self, folder: Path, model: str) -> Search:
        import faiss

        made, store = encoder(model), faiss.read_index(str(folder / "vectors.faiss"))
        json.loads((folder / "texts.json").read_text())

        def search(question: str) -> list[int]:
            return store.search(made.encode([question], normalize_embeddings=True), K)[1][0].tolist()

        return search


class Txtai:
    """txtai's Embeddings with content, which keeps texts in SQLite and vectors in FAISS."""

    def index(self, texts: Sequence[str], folder: Path, model: str) -> None:
        from txtai import Embeddings

        made = Embeddings(path=model, content=True)
        made.index((n, text, None) for n, text in enumerate(texts))
        made.save(str(folder / "index"))

    def open(self, folder: Path, model: str) -> Search:
        from txtai import Embeddings

        made = Embeddings()
        made.load(str(folder / "index"))
        return lambda question: [int(found["id"]) for found in made.search(question, K)]


class LlamaIndex:
    """LlamaIndex's vector index over FAISS, its documents in its own store."""

    def _settings(self, model: str) -> None:
        from llama_index.core import Settings
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding

        Settings.embed_model = HuggingFaceEmbedding(model_name=model, device="cpu", normalize=True)
        Settings.llm = None

    def index(self, texts: Sequence[str], folder: Path, model: str) -> None:
        import faiss
        from llama_index.core import StorageContext, VectorStoreIndex
        from llama_index.core.schema import TextNode
        from llama_index.vector_stores.faiss import FaissVectorStore

        self._settings(model)
        store = FaissVectorStore(faiss_index=faiss.IndexFlatIP(384))
        context = StorageContext.from_defaults(vector_store=store)
        made = VectorStoreIndex([TextNode(id_=str(n), text=t) for n, t in enumerate(texts)], storage_context=context)
        made.storage_context.persist(str(folder / "index"))

    def open(self, folder: Path, model: str) -> Search:
        from llama_index.core import StorageContext, load_index_from_storage
        from llama_index.vector_stores.faiss import FaissVectorStore

        self._settings(model)
        place = str(folder / "index")
        context = StorageContext.from_defaults(vector_store=FaissVectorStore.from_persist_dir(place), persist_dir=place)
        found = load_index_from_storage(storage_context=context).as_retriever(similarity_top_k=K)
        return lambda question: [int(node.node.node_id) for node in found.retrieve(question)]


class LanceDB:
    """LanceDB as haiku.rag uses it: one table with vectors and a full-text index, both fused."""

    def index(self, texts: Sequence[str], folder: Path, model: str) -> None:
        import lancedb

        vectors = encoder(model).encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        rows = [{"id": n, "text": t, "vector": v} for n, (t, v) in enumerate(zip(texts, vectors, strict=True))]
        table = lancedb.connect(str(folder / "index")).create_table("texts", rows)
        table.create_fts_index("text")

    def open(self, folder: Path, model: str) -> Search:
        import lancedb
        from lancedb.rerankers import RRFReranker

        made, table = encoder(model), lancedb.connect(str(folder / "index")).open_table("texts")

        def search(question: str) -> list[int]:
            vector = made.encode(question, normalize_embeddings=True)
            asked = table.search(query_type="hybrid").vector(vector).text(question).rerank(RRFReranker())
            return [row["id"] for row in asked.limit(K).to_list()]

        return search


class Ours:
    """`rag index` of the texts as files, and the search that an answer begins with: vectors and words, fused."""

    def index(self, texts: Sequence[str], folder: Path, model: str) -> None:
        from rag.indexing import index_folders
        from rag.settings import Settings

        documents = folder / "documents"
        documents.mkdir()
        for n, text in enumerate(texts):
            (documents / f"{n:06}.txt").write_text(text)
        index_folders(Settings(index=folder / "index"), [documents])

    def open(self, folder: Path, model: str) -> Search:
        from rag.assemble import open_searcher
        from rag.settings import Settings

        searcher = open_searcher(Settings(index=folder / "index"))

        def search(question: str) -> list[int]:
            hits = searcher.search(question, 2 * K).hits
            return list(dict.fromkeys(int(Path(hit.passage.document).stem) for hit in hits))[:K]

        return search


class OursByVectors(Ours):
    """The same by vectors alone, as the others are."""

    def open(self, folder: Path, model: str) -> Search:
        from rag.assemble import open_searcher
        from rag.settings import Settings

        searcher = open_searcher(Settings(index=folder / "index"))
        searcher.rankings = frozenset({"dense"})

        def search(question: str) -> list[int]:
            hits = searcher.search(question, 2 * K).hits
            return list(dict.fromkeys(int(Path(hit.passage.document).stem) for hit in hits))[:K]

        return search


SYSTEMS = {
    "ours": Ours,
    "ours-by-vectors": OursByVectors,
    "langchain": LangChainFaiss,
    "txtai": Txtai,
    "llamaindex": LlamaIndex,
    "lancedb": LanceDB,
}


def main() -> None:
    """Do it, and print what it took."""
    name, what, given, folder, model = sys.argv[1:]
    system, words = SYSTEMS[name](), json.loads(Path(given).read_text())
    if what == "index":
        system.index(words, Path(folder), model)
        found: dict[str, Any] = {}
    else:
        search = system.open(Path(folder), model)
        results = [search(words[0])]
        found = {"first": time.perf_counter() - STARTED, "seconds": []}
        for question in words[1:]:
            began = time.perf_counter()
            results.append(search(question))
            found["seconds"].append(time.perf_counter() - began)
        found["results"] = results
    # subtle: not getrusage, which counts what the process had before it became this program.
    memory = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
    print(json.dumps({**found, "all": time.perf_counter() - STARTED, "megabytes": memory / 1024}))


if __name__ == "__main__":
    main()
