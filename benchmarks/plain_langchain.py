"""The plain script that most people would write for the same job, with the same encoder, to compare `rag ask` with.

    python benchmarks/plain_langchain.py index seeds OUT
    python benchmarks/plain_langchain.py ask OUT "Why wasn't Ábrego García returned?"

Leaves out what it would not have: reranking, single sentences, the gate, verification. The store is
`faiss.IndexFlatIP` and a dict of documents, which is what LangChain's own FAISS store held.
"""

import argparse
import json
from pathlib import Path

import faiss
import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import RunnableLambda

from index.models import ENCODER_FILES, go_offline

go_offline()
from sentence_transformers import SentenceTransformer  # noqa: E402 - reads the environment when imported

CHUNK_SIZE = 1000
CHUNK_OVERLAP = 100
K = 4


class MiniLMEmbeddings(Embeddings):
    """Embed with the pinned sentence-transformers model, as unit vectors: inner product is cosine."""

    def __init__(self) -> None:
        self.model = SentenceTransformer(str(ENCODER_FILES.folder()), device="cpu")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text."""
        vectors: list[list[float]] = self.model.encode(
            texts, normalize_embeddings=True, show_progress_bar=False
        ).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question."""
        return self.embed_documents([text])[0]


def index(folder: Path, out: Path) -> None:
    """Split, encode and save all text files of a folder."""
    # Here, not above: `ask` does not split, so the timed run should not pay for the splitter.
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    files = sorted(folder.glob("*.txt"))
    whole = [Document(page_content=file.read_text("utf-8"), metadata={"source": file.name}) for file in files]
    splitter = RecursiveCharacterTextSplitter(chunk_size=CHUNK_SIZE, chunk_overlap=CHUNK_OVERLAP)
    chunks = splitter.split_documents(whole)
    if not chunks:
        raise SystemExit(f"no text in {folder}/*.txt")
    vectors = np.array(MiniLMEmbeddings().embed_documents([chunk.page_content for chunk in chunks]), np.float32)
    store = faiss.IndexFlatIP(vectors.shape[1])
    store.add(vectors)
    out.mkdir(parents=True, exist_ok=True)
    faiss.write_index(store, str(out / "vectors.faiss"))
    texts = [{"text": chunk.page_content, "source": chunk.metadata["source"]} for chunk in chunks]
    (out / "texts.json").write_text(json.dumps(texts, ensure_ascii=False), "utf-8")


def ask(out: Path, question: str) -> str:
    """Return the best chunks for a question, best first, each with its file and cosine similarity."""
    store = faiss.read_index(str(out / "vectors.faiss"))
    texts = json.loads((out / "texts.json").read_text("utf-8"))
    documents = {
        n: Document(page_content=text["text"], metadata={"source": text["source"]}) for n, text in enumerate(texts)
    }
    embeddings = MiniLMEmbeddings()

    def retrieve(question: str) -> list[tuple[Document, float]]:
        vector = np.array([embeddings.embed_query(question)], np.float32)
        scores, ids = store.search(vector, min(K, store.ntotal))
        return [(documents[int(n)], float(score)) for n, score in zip(ids[0], scores[0], strict=True)]

    def show(found: list[tuple[Document, float]]) -> str:
        return "\n\n".join(f"[{chunk.metadata['source']} {score:.3f}]\n{chunk.page_content}" for chunk, score in found)

    return (RunnableLambda(retrieve) | RunnableLambda(show)).invoke(question)


def main() -> None:
    """Read the command line and run its command."""
    parser = argparse.ArgumentParser(description="Index text files, or show the chunks that match a question.")
    commands = parser.add_subparsers(dest="command", required=True)
    index_parser = commands.add_parser("index")
    index_parser.add_argument("folder", type=Path)
    index_parser.add_argument("out", type=Path)
    ask_parser = commands.add_parser("ask")
    ask_parser.add_argument("out", type=Path)
    ask_parser.add_argument("question")
    arguments = parser.parse_args()
    if arguments.command == "index":
        index(arguments.folder, arguments.out)
    else:
        print(ask(arguments.out, arguments.question))


if __name__ == "__main__":
    main()
