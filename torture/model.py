"""A state machine (hypothesis): an index beside a plain dict of texts and a brute-force search, which must agree.

Documents come, change and go, by files and by the API; views are lost, the folder is copied and opened elsewhere. After
every step the texts are those of the dict, the nearest passages those of comparing every vector, and the words found
where they stand.
"""

import re
import shutil
import time
import traceback
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from index.archive import read_archive, write_archive
from index.build import Builder
from index.chunking import text_to_encode
from index.search import Searcher
from index.store import Store
from rag.embeddings import EncoderEmbeddings
from rag.vectorstore import IndexVectorStore
from tests.conftest import META, WordEncoder
from torture.trials import Tally, scratch
from torture.worlds import AS_LARGE, limits

WORDS = "lease rent euro cat dog fish month year house street night day letter water fire stone".split()
NAMES = [f"{name}.txt" for name in "abcdef"]
sentences = st.lists(st.lists(st.sampled_from(WORDS), min_size=3, max_size=9).map(" ".join), min_size=1, max_size=12)


class WordEmbeddings(EncoderEmbeddings):
    """The tests' encoder for LangChain."""

    encoder = WordEncoder()


class IndexMachine(RuleBasedStateMachine):
    """The index, and what it should hold."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = scratch()
        self.folder = Path(self.scratch.__enter__())
        self.texts: dict[str, str] = {}
        self.given: dict[str, str] = {}
        self.store = Store(self.folder / ".rag")
        self.searcher = Searcher(self.store, WordEncoder())

    def teardown(self) -> None:
        """Delete it."""
        self.scratch.__exit__(None, None, None)

    @initialize(said=sentences)
    def begin(self, said: list[str]) -> None:
        """Index one file."""
        (self.folder / "docs").mkdir()
        self.write("a.txt", said)
        self.build()

    @rule(name=st.sampled_from(NAMES), said=sentences)
    def write(self, name: str, said: list[str]) -> None:
        """Write a file, new or changed."""
        text = f"{'. '.join(said)}."
        (self.folder / "docs" / name).write_text(text)
        self.texts[f"docs/{name}"] = text

    @precondition(lambda self: len(self.texts) > 1)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Delete a file."""
        name = data.draw(st.sampled_from(sorted(self.texts)))
        (self.folder / name).unlink()
        del self.texts[name]

    @rule(rebuild=st.booleans())
    def build(self, rebuild: bool = False) -> None:
        """Bring the index in step."""
        Builder(self.store, META, WordEncoder).build(self.folder / "docs", rebuild=rebuild)
        self.built = dict(self.texts)

    @rule(said=sentences)
    def add_text(self, said: list[str]) -> None:
        """Add a text through the API."""
        text = f"{'. '.join(said)}."
        (id_,) = IndexVectorStore(self.store, WordEmbeddings()).add_texts([text])
        self.given[id_] = text

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def delete_text(self, data: st.DataObject) -> None:
        """Delete a text through the API."""
        id_ = data.draw(st.sampled_from(sorted(self.given)))
        IndexVectorStore(self.store, WordEmbeddings()).delete([id_])
        del self.given[id_]

    @rule(name=st.sampled_from(["vectors.json", "lexical.json", "vectors.faiss", "lexical"]))
    def lose_a_view(self, name: str) -> None:
        """Delete files of a view."""
        path = self.store.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        self.searcher = Searcher(self.store, WordEncoder())

    @rule()
    def export_and_import(self) -> None:
        """Take the index through one file."""
        write_archive(self.store, self.folder / "x.ragindex", {})
        read_archive(self.store, self.folder / "x.ragindex", {}, force=True)

    @invariant()
    def texts_are_the_dicts(self) -> None:
        """Compare all texts."""
        if not hasattr(self, "built"):
            return
        with self.store.snapshot() as snapshot:
            found = {record.name: snapshot.text(record.id) for record in snapshot.documents()}
        files = {name: said for name, said in found.items() if name.startswith("docs/")}
        assert files == self.built
        assert sorted(said for name, said in found.items() if name not in files) == sorted(self.given.values())

    @invariant()
    def search_is_brute_force(self) -> None:
        """Compare what is found, by vectors and by words."""
        if not hasattr(self, "built"):
            return
        encoder = WordEncoder()
        with self.store.snapshot() as snapshot:
            stored = [chunk for chunk, _ in snapshot.all_chunks()]
            said = [text_to_encode(snapshot.text(chunk.document_id), chunk.chunk) for chunk in stored]
        vectors = encoder.encode(said)
        for word in ("lease", "night fish"):
            hits = self.searcher.search(word, 1_000, depth=1_000).hits
            scores = vectors @ encoder.encode([word])[0]
            by_id = {chunk.id: float(score) for chunk, score in zip(stored, scores, strict=True)}
            ids = {hit.passage.id for hit in hits}
            own = {hit.passage.id: hit for hit in hits}
            missing = by_id.keys() - ids
            copies = {chunk.text for chunk in stored if chunk.id in ids}
            assert all(chunk.text in copies for chunk in stored if chunk.id in missing), "only copies are left out"
            for id_, hit in own.items():
                assert hit.dense is not None
                assert np.isclose(hit.dense, by_id[id_], atol=1e-5)
                has_word = bool(set(word.split()) & set(re.findall(r"\w+", said[[c.id for c in stored].index(id_)])))
                assert (hit.lexical is not None) == has_word


class LargeIndexMachine(IndexMachine):
    """The same, kept as an index of many chunks is."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = limits({**AS_LARGE, "index.quantised.PROBED": 10_000})
        self.limits.__enter__()

    def teardown(self) -> None:
        """Delete it, and take the limits back."""
        self.limits.__exit__(None, None, None)
        super().teardown()


def model(examples: int, seed_number: int, steps: int = 15) -> list[Tally]:
    """Run so many sequences of changes on each; hypothesis shortens one that fails, and prints it."""
    tallies = []
    for name, machine in (("small index", IndexMachine), ("large index", LargeIndexMachine)):
        tally, began = Tally(f"model: {name}"), time.monotonic()
        chosen = settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        try:
            run_state_machine_as_test(seed(seed_number)(machine), settings=chosen)
        except Exception:
            tally.failures.append(traceback.format_exc())
        tally.trials, tally.seconds = examples, time.monotonic() - began
        tally.count(f"sequences of up to {steps} changes", examples)
        tallies.append(tally)
    return tallies
