"""The users' chain, whole or with stages left out (`--without rerank,lexical`), to see what each stage adds."""

from dataclasses import replace

from index.errors import RagError
from index.search import RANKINGS, Searcher
from rag.abstention import Gate, load_gate
from rag.assemble import foreign_judge, open_searcher
from rag.candidates import RankedHit
from rag.chain import Chain
from rag.generation.writer import open_writer
from rag.reranking import CosineReranker, Reranker, load_reranker
from rag.settings import Settings
from rag.stages import Draft, Question, Ranked, Retrieved, understood

STAGES = {
    "dense": "no search by meaning",
    "lexical": "no search by words",
    "rerank": "passages stay in the order of the search",
    "cross-encoder": "cosine similarity stands in for the cross-encoder",
    "rewrite": "a follow-up is searched for as it was asked",
    "spelling": "a question that is refused stays as it was typed",
    "gate": "every question is answered",
}
ALWAYS_OPEN = -1e9


def stages_named(text: str) -> frozenset[str]:
    """Return the stages of a list such as "rerank,lexical". Raises RagError naming those that there are."""
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    for name in sorted(names - STAGES.keys()):
        raise RagError(f"no stage {name!r}: there are {', '.join(STAGES)}")
    if names >= RANKINGS:
        raise RagError("without dense and lexical there is no search")
    return names


class AblatedChain(Chain):
    """The chain with some stages left out."""

    def __init__(self, searcher: Searcher, reranker: Reranker, gate: Gate, k: int, without: frozenset[str]) -> None:
        self.without = without
        super().__init__(searcher, reranker, gate, k)

    def rewrite(self, question: str | Question) -> Question:
        """Search for the question as it is, if told so."""
        asked = super().rewrite(question)
        return understood(replace(asked, searched=asked.text)) if "rewrite" in self.without else asked

    def rerank(self, retrieved: Retrieved) -> Ranked:
        """Keep the order of the search, if told so: its scores are too close together to matter to the reader."""
        if "rerank" not in self.without:
            return super().rerank(retrieved)
        hits = tuple(RankedHit(hit, hit.score) for hit in retrieved.hits)
        return Ranked(retrieved.question, retrieved.generation, hits, self.judge_of(retrieved), retrieved.timings)

    def again(self, draft: Draft) -> Draft:
        """Leave a refusal as it is, if told so."""
        return draft if "spelling" in self.without else super().again(draft)


def open_ablated(settings: Settings, without: frozenset[str]) -> Chain:
    """Return the users' chain, or one with stages left out."""
    searcher = open_searcher(settings)
    searcher.rankings = RANKINGS - without
    reranker: Reranker
    if "cross-encoder" in without:
        reranker = CosineReranker(searcher.encoder)
    else:
        reranker = load_reranker(lambda: searcher.encoder)
    gate = load_gate(reranker.name, ALWAYS_OPEN if "gate" in without else settings.threshold)
    if without:
        return AblatedChain(searcher, reranker, gate, settings.k, without)
    writer = open_writer(settings, searcher.encoder.count_tokens) if settings.model else None
    return Chain(searcher, reranker, gate, settings.k, foreign_judge(settings, searcher.encoder), writer)
