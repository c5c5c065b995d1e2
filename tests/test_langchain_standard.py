"""LangChain's own standard tests on our store, retriever and encoder: all of them, none skipped."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_tests.integration_tests import (
    EmbeddingsIntegrationTests,
    RetrieversIntegrationTests,
    VectorStoreIntegrationTests,
)
from langchain_tests.unit_tests import EmbeddingsUnitTests

from index.build import Builder
from index.errors import IndexIncompatibleError
from index.interface import IndexStore
from index.schema import IndexMeta
from rag.embeddings import EncoderEmbeddings
from rag.retriever import PassageRetriever
from rag.vectorstore import IndexVectorStore
from tests.conftest import build, searcher

pytestmark = pytest.mark.everywhere


class TestVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, store: IndexStore) -> IndexVectorStore:
        return IndexVectorStore(store, self.get_embeddings())


class TestEmbeddings(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return EncoderEmbeddings

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"RAG_ENCODER": "/models/other"}, {}, {"model": "/models/other"}


class TestEmbeddingsInUse(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return EncoderEmbeddings


class TestRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _index(self, store: IndexStore, folder: Path) -> None:
        build(store, folder)
        self.searcher = searcher(store)

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return PassageRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"searcher": self.searcher}

    @property
    def retriever_query_example(self) -> str:
        return "Do cats eat fish?"


def test_the_retriever_says_where_a_passage_stands(store: IndexStore, folder: Path) -> None:
    build(store, folder)
    (document,) = PassageRetriever(searcher=searcher(store), k=1).invoke("lease rent")
    text = (folder / "lease.txt").read_text()
    place = document.metadata
    assert place["source"] == "docs/lease.txt"
    assert text[place["start"] : place["end"]] == document.page_content


def test_scores_are_cosines_and_relevance_is_from_0_to_1(store: IndexStore) -> None:
    vectors = IndexVectorStore(store, DeterministicFakeEmbedding(size=6))
    vectors.add_texts(["foo", "bar"])
    (first, cosine), _ = vectors.similarity_search_with_score("foo", k=2)
    assert (first.page_content, cosine) == ("foo", pytest.approx(1.0))
    assert all(0 <= score <= 1 for _, score in vectors.similarity_search_with_relevance_scores("foo", k=2))


def test_texts_and_files_share_an_index_and_leave_each_other_alone(store: IndexStore, folder: Path) -> None:
    vectors = IndexVectorStore.from_texts(["zebra"], DeterministicFakeEmbedding(size=6), ids=["z"], store=store)
    builder = Builder(store, vectors._meta(), lambda: vectors._encoder)
    assert builder.build(folder.parent).removed == [], "the folder that holds the index removes no text"
    assert vectors.similarity_search("zebra", k=1)[0].id == "z"
    chunk = next(d for d in vectors.similarity_search("zebra", k=9) if d.id != "z")
    for id_ in (chunk.id, chunk.metadata["source"]):
        with pytest.raises(ValueError, match="rag index"):
            vectors.delete([id_])
        with pytest.raises(ValueError, match="rag index"):
            vectors.add_texts(["other"], ids=[id_])
    vectors.delete(None)
    left = vectors.similarity_search("zebra", k=9)
    assert {d.metadata["source"] for d in left} == {"docs/cats.md", "docs/lease.txt", "docs/sub/dogs.txt"}


def test_a_file_does_not_take_the_place_of_a_text_of_its_name(store: IndexStore, folder: Path) -> None:
    vectors = IndexVectorStore.from_texts(
        ["zebra"], DeterministicFakeEmbedding(size=6), ids=["docs/cats.md"], store=store
    )
    report = Builder(store, vectors._meta(), lambda: vectors._encoder).build(folder)
    assert report.skipped == [("docs/cats.md", "a text of this name was added")]
    assert vectors.get_by_ids(["docs/cats.md"])[0].page_content == "zebra"


def test_odd_calls_have_plain_outcomes(store: IndexStore) -> None:
    vectors = IndexVectorStore(store, DeterministicFakeEmbedding(size=6))
    assert vectors.add_texts([]) == []
    assert vectors.get_by_ids(["a"]) == []
    vectors.add_texts(["blank next", " "])
    assert len(vectors.similarity_search("blank", k=9)) == 2
    other = IndexVectorStore(store, DeterministicFakeEmbedding(size=8))
    with pytest.raises(IndexIncompatibleError, match=r"@6.*@8"):
        other.add_texts(["longer vector"])
    with pytest.raises(IndexIncompatibleError, match=r"@6.*@8"):
        other.similarity_search("blank")
    with pytest.raises(TypeError, match="store=Store"):
        IndexVectorStore.from_texts(["a"], DeterministicFakeEmbedding(size=6))


def test_a_rebuild_keeps_the_texts_that_were_added(store: IndexStore, folder: Path) -> None:
    vectors = IndexVectorStore.from_texts(
        ["zebra"], DeterministicFakeEmbedding(size=6), [{"page": 3}], ids=["z"], store=store
    )
    Builder(store, IndexMeta(vectors._encoder.identity, 9, 1), lambda: vectors._encoder).build(folder, rebuild=True)
    (document,) = vectors.get_by_ids(["z"])
    assert (document.page_content, document.metadata) == ("zebra", {"page": 3})
