"""Fit the threshold of the gate on a suite with answerable and unanswerable questions, and say how good it is.

    python -m eval.calibrate SUITE [--without-cross-encoder] [--write]

Every question goes through the chain's own stages up to reading; its confidence is the best sentence's score. The
threshold is the highest that refuses at most MAX_LOST of the answerable questions: a wrong refusal costs a person more
than a weak answer whose source is one line below. Precision and recall are of the refusals: of the refused questions,
the share that is unanswerable; of the unanswerable questions, the share that is refused. AUC is the area under the ROC
curve (Fawcett 2006), the chance that an answerable question scores higher than an unanswerable one.
"""

import argparse
import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from eval.suite import Suite, SuiteQuestion, read_suite
from index.build import Builder
from index.encoders import question_encoder
from index.store import Store
from rag.abstention import Gate
from rag.assemble import index_meta, open_searcher
from rag.chain import Chain, Draft
from rag.reranking import CosineReranker, CrossEncoder
from rag.settings import Settings

MAX_LOST = 0.02
GATES = Path(__file__).resolve().parent.parent / "rag" / "abstention.json"
ALWAYS_OPEN = Gate("any", float("-inf"), None, None, "not fitted")


@dataclass(frozen=True)
class Judged:
    """One question: how sure the reader was, and whether a cited sentence holds a gold span."""

    question: SuiteQuestion
    confidence: float
    cited_gold: bool
    sentences: int


def open_suite(suite: Suite, folder: Path, *, cross_encoder: bool) -> tuple[Chain, dict[str, str]]:
    """Index a suite's documents; return a chain over them with the gate open, and the documents' names by their ids."""
    settings = Settings(index=folder / ".rag")
    documents = folder / "documents"
    documents.mkdir()
    names: dict[str, str] = {}
    for number, (doc_id, text) in enumerate(suite.documents.items()):
        (documents / f"{number:05}.txt").write_bytes(text.encode("utf-8"))
        names[doc_id] = f"documents/{number:05}.txt"
    Builder(Store(settings.index), index_meta(settings), question_encoder).build(documents)
    searcher = open_searcher(settings)
    reranker = CrossEncoder() if cross_encoder else CosineReranker(searcher.encoder)
    return Chain(searcher, reranker, ALWAYS_OPEN, settings.k), names


def _judge(chain: Chain, question: SuiteQuestion, names: dict[str, str]) -> Judged:
    draft = chain.read(chain.rerank(chain.retrieve(question.question)))
    return Judged(
        question,
        draft.confidence if draft.confidence is not None else float("-inf"),
        _cites_gold(draft, question, names),
        len(draft.evidence),
    )


def _cites_gold(draft: Draft, question: SuiteQuestion, names: dict[str, str]) -> bool:
    return any(
        evidence.passage.document == names[gold.doc_id]
        and evidence.sentence.start <= gold.start
        and gold.end <= evidence.sentence.end
        for evidence in draft.evidence
        for gold in question.gold_spans
    )


def fit(answerable: Sequence[float], max_lost: float = MAX_LOST) -> float:
    """Return the highest threshold below which at most `max_lost` of the scores lie, to two decimals.

    Example: scores 1, 2, 3, 4 with max_lost 0.25: 2 (refusing 1 loses a quarter).
    """
    scores = sorted(answerable)
    return math.floor(scores[int(len(scores) * max_lost)] * 100) / 100


def auc(answerable: Sequence[float], unanswerable: Sequence[float]) -> float:
    """Return the share of pairs in which the answerable question scores higher; a tie counts half."""
    wins = sum((a > u) + (a == u) / 2 for a in answerable for u in unanswerable)
    return wins / (len(answerable) * len(unanswerable))


def report(judged: Sequence[Judged], threshold: float) -> dict[str, float]:
    """Return precision and recall of the refusals at a threshold, and the share of answerable questions lost."""
    refused = [j for j in judged if j.confidence < threshold]
    rightly = sum(not j.question.answerable for j in refused)
    unanswerable = sum(not j.question.answerable for j in judged)
    answerable = len(judged) - unanswerable
    return {
        "precision": round(rightly / len(refused), 3) if refused else 1.0,
        "recall": round(rightly / unanswerable, 3) if unanswerable else 1.0,
        "lost": round((len(refused) - rightly) / answerable, 3) if answerable else 0.0,
    }


def main() -> None:
    """Fit, print the curve, and with --write store the threshold."""
    parser = argparse.ArgumentParser(description="Fit the threshold of the gate on a suite.")
    parser.add_argument("suite", type=Path)
    parser.add_argument("--write", action="store_true", help=f"store the threshold in {GATES.name}")
    parser.add_argument("--without-cross-encoder", action="store_true", help="fit the stand-in, cosine similarity")
    options = parser.parse_args()
    suite = read_suite(options.suite)
    with tempfile.TemporaryDirectory() as folder:
        chain, names = open_suite(suite, Path(folder), cross_encoder=not options.without_cross_encoder)
        judged = [_judge(chain, question, names) for question in tqdm(suite.questions, disable=None)]
    name = chain.reranker.name
    yes = [j.confidence for j in judged if j.question.answerable]
    no = [j.confidence for j in judged if not j.question.answerable]
    threshold = fit(yes)
    print(f"{len(yes)} answerable and {len(no)} unanswerable questions, AUC {auc(yes, no):.3f}")
    cited = [j for j in judged if j.question.answerable]
    held = sum(j.cited_gold for j in cited) / len(cited)
    print(
        f"a cited sentence holds a gold answer: {held:.3f} ({sum(j.sentences for j in cited) / len(cited):.2f} cited)"
    )
    scores = sorted(yes)
    for at in sorted({*(scores[len(scores) * share // 100] for share in (0, 5, 10, 20, 30, 50)), threshold}):
        print(f"threshold {at:6.2f}  " + "  ".join(f"{k} {v:.3f}" for k, v in report(judged, at).items()))
    if options.write:
        values = report(judged, threshold)
        gates = [gate for gate in json.loads(GATES.read_text("utf-8")) if gate["reranker"] != name]
        fitted_on = f"{options.suite.name}, {len(judged)} questions"
        gates.append(asdict(Gate(name, threshold, values["precision"], values["recall"], fitted_on)))
        GATES.write_text(json.dumps(sorted(gates, key=lambda gate: str(gate["reranker"])), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
