"""Follow one question through every stage of the chain and print what each made of it, for docs/how-it-works.md.

    python scripts/trace_question.py ["QUESTION"]

The index must be there: `make index`. The times are of a warm second run.
"""

import sys

from rag.assemble import open_chain
from rag.chain import Chain
from rag.settings import Settings

QUESTION = "Why wasn't Ábrego García returned?"


def trace(chain: Chain, question: str) -> list[str]:
    """Return the lines that say what each stage made of the question."""
    asked = chain.rewrite(question)
    retrieved = chain.retrieve(asked)
    ranked = chain.rerank(retrieved)
    draft = chain.read(ranked)
    answer = chain.verify(chain.gate_draft(draft))
    lines = [f"rewrite   searched for {asked.searched!r}, kind {asked.kind}"]
    for stage, hits in (
        ("retrieve", [(h.score, h) for h in retrieved.hits]),
        ("rerank", [(r.score, r.hit) for r in ranked.hits]),
    ):
        lines.append(f"{stage:<10}{len(hits)} passages in {answer.timings[stage] * 1000:.0f} ms")
        for score, hit in hits[:3]:
            chunk = hit.passage.chunk
            lines.append(f"{'':<10}{score:8.4f}  {hit.passage.document} {chunk.start}-{chunk.end}")
    lines.append(f"read      {len(draft.reading.evidence)} sentences in {answer.timings['read'] * 1000:.0f} ms")
    for piece in draft.reading.evidence:
        text = piece.passage.text[piece.sentence.start - piece.passage.chunk.start :][:60]
        lines.append(f"{'':<10}{piece.score:8.4f}  {piece.sentence.start}-{piece.sentence.end} {text!r} ...")
    lines.append(f"gate      best score {answer.confidence:.2f}, threshold {answer.threshold}: {answer.verdict}")
    lines.append(
        f"verify    {len(answer.claims)} kept, {answer.dropped} dropped in {answer.timings['verify'] * 1000:.0f} ms"
    )
    return lines


def main() -> None:
    """Trace the question that is given, or the README's."""
    chain = open_chain(Settings.from_environment())
    question = sys.argv[1] if len(sys.argv) > 1 else QUESTION
    chain.invoke("Is everything loaded?")
    print(question)
    print("\n".join(trace(chain, question)))


if __name__ == "__main__":
    main()
