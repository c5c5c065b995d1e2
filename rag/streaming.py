"""An answer as lines of text that appear as soon as they are known."""

from collections.abc import Callable, Iterable, Iterator

from index.languages import language_of
from rag.answer import Answer
from rag.phrases import phrases
from rag.render import answer_lines, claim_lines, head_lines
from rag.stages import Step


def streamed_lines(
    steps: Iterable[Step],
    question: str,
    where: str,
    width: int,
    keep: Callable[[Answer], object],
    *,
    show_sources: bool = True,
    show_passages: bool = False,
) -> Iterator[str]:
    """Yield the lines of an answer, sentence by sentence while a language model writes; hand the answer to `keep`.

    Sentences that were shown before the model failed are not taken back on a terminal: the answer follows after a rule.
    """
    shown: list[str] = []
    for step in steps:
        if step.answer:
            keep(step.answer)
            lines = [*answer_lines(step.answer, width, show_sources=show_sources, show_passages=show_passages)]
        else:
            words = phrases(language_of(question) or "en")
            lines = [*head_lines(question, step.searched, where, words, width)] if step.claims else []
            lines += [line for claim in step.claims for line in claim_lines(claim, step.sources, set(), words, width)]
        if lines[: len(shown)] != shown:
            yield "-" * min(width, 20)
            shown = []
        yield from lines[len(shown) :]
        shown = lines
