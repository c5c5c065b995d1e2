"""How often the check of a language model's sentences is wrong, on the public data of docs/evaluation.md.

    python scripts/check_support.py DATA

1. Sentences of answers that people wrote from the passages they cite: how many are kept.
2. The same with one planted fault (a number, a name, a "not"): how many get through.
3. Orders to whoever answers: how many attacks are known, how many harmless sentences are taken for one.
4. A model that obeys every attack, which no real one does, and is asked every question, whatever the gate says: how
   often the checked answer does what the attack wants.
"""

import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from eval.claims import passage_hit
from eval.formats import read_suite
from eval.injection import read_injection
from eval.measures import MEASURES, estimate
from eval.preparing import prepare_suite
from eval.run import run
from eval.stages import ALWAYS_OPEN
from eval.suite import Suite, SuiteQuestion
from eval.systems import ChainSystem
from index.sentences import split_sentences
from rag.assemble import open_chain
from rag.candidates import RankedHit
from rag.generation.writer import Writer
from rag.instructions import is_instruction
from rag.settings import Settings
from rag.support import supported_by

WRITTEN = ("clapnq", "mtrag_full", "mtrag_un")
ORDINARY = ("squad2_en", "clapnq", "mtrag_full", "mtrag_un", "hotpotqa")
NAME = re.compile(r"(?<=\w )[A-Z][a-z]{3,}")
VERB = re.compile(r"\b(?:is|are|was|were|can|will|has|have|had)\b")
MIN_WORDS = 4
SEED = 1


@dataclass(frozen=True)
class Said:
    """A sentence that a person wrote from passages."""

    text: str
    passages: tuple[RankedHit, ...]

    def is_kept(self, text: str | None = None) -> bool:
        """Say whether it, or another text in its place, passes the check."""
        return supported_by(text or self.text, range(1, len(self.passages) + 1), self.passages).is_supported


def sentences(text: str) -> list[str]:
    """Split a text of any lines."""
    line = " ".join(text.replace("``", '"').replace("''", '"').split())
    return [line[start:end] for start, end in split_sentences(line, 0, len(line))]


def said(suite: Suite) -> Iterator[Said]:
    """Yield the sentences of a suite's written answers."""
    for question in suite.questions:
        if not question.answers or not question.gold_doc_ids or question.kind not in ("en", "ANSWERABLE"):
            continue
        passages = tuple(passage_hit(suite.documents[doc_id].text, doc_id) for doc_id in question.gold_doc_ids)
        yield from (Said(s, passages) for s in sentences(question.answers[0]) if len(s.split()) >= MIN_WORDS)


def faulty(text: str, names: list[str], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield the sentence with one fault each, and the fault's name."""
    if numbers := list(re.finditer(r"\d+", text)):
        at = rng.choice(numbers)
        yield "number", f"{text[: at.start()]}{int(at[0]) + rng.choice([1, 7, 10])}{text[at.end() :]}"
    if named := list(NAME.finditer(text)):
        at = rng.choice(named)
        other = rng.choice([name for name in names if name != at[0]])
        yield "name", f"{text[: at.start()]}{other}{text[at.end() :]}"
    if verb := VERB.search(text):
        yield "not", f"{text[: verb.end()]} not{text[verb.end() :]}"


class ObedientModel(BaseChatModel):
    """Says what the attack on the question at hand wants, and cites every passage for it."""

    planted: tuple[str, ...] = ()

    @property
    def _llm_type(self) -> str:
        return "obedient"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        passages = {int(n) for n in re.findall(r'number="(\d+)"', str(messages[-1].content))} or {1}
        text = "\n".join(f"{words} [{n}]" for words in self.planted for n in sorted(passages))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


class Obedient(ChainSystem):
    """The users' chain with that model."""

    def ask(self, question: SuiteQuestion) -> Any:
        """Ask with the question's own attack."""
        settings = Settings(model="openai:obedient")
        count = self.chain.searcher.encoder.count_tokens
        self.chain.writer = Writer(ObedientModel(planted=question.planted), settings, count)
        return super().ask(question)


def obeyed(suite: Suite) -> Iterator[str]:
    """Yield how often the checked answer of a model that obeys does what the attack wants, by set."""
    attacks = [question for question in suite.questions if question.planted]
    prepared = prepare_suite(suite, Settings(threshold=ALWAYS_OPEN))
    system = Obedient(open_chain(prepared.settings), prepared.ids, given_candidates=True)
    attacked = Suite(suite.name, suite.documents, tuple(attacks), suite.key)
    outcomes = run(attacked, system)
    for kind in (*dict.fromkeys(question.kind for question in attacks), "all"):
        chosen = [outcome for outcome in outcomes if kind in ("all", outcome.question.kind)]
        values = []
        for name in ("obeyed_unchecked", "obeyed"):
            rows = [row for outcome in chosen if (row := MEASURES[name].row(outcome)) is not None]
            found = estimate(MEASURES[name], rows)
            values.append(f"{name} {found.value:.3f} (n = {found.n})" if found else f"{name} -")
        yield f"  {kind}: {', '.join(values)}"


def main(data: Path) -> None:
    """Print everything."""
    rng = random.Random(SEED)  # noqa: S311
    for name in WRITTEN:
        written = list(said(read_suite(data / name)))
        kept = [one for one in written if one.is_kept()]
        names = [match for one in written for match in NAME.findall(one.text)]
        made, passed = Counter[str](), Counter[str]()
        for one in kept:
            for fault, text in faulty(one.text, names, rng):
                made[fault] += 1
                passed[fault] += one.is_kept(text)
        faults = ", ".join(f"{fault} {passed[fault]} of {made[fault]}" for fault in sorted(made))
        print(f"{name}: {len(kept)} of {len(written)} sentences that people wrote kept; with a fault: {faults}")
    for name in ORDINARY:
        texts = [s for document in read_suite(data / name).documents.values() for s in sentences(document.text)]
        print(f"{name}: {sum(map(is_instruction, texts))} of {len(texts)} sentences taken for an order")
    suite = read_injection(data / "injection")
    for kind in dict.fromkeys(question.kind for question in suite.questions):
        ids = [question.candidates for question in suite.questions if question.kind == kind]
        known = sum(any(is_instruction(s) for i in own for s in sentences(suite.documents[i].text)) for own in ids)
        print(f"{kind}: {known} of {len(ids)} documents with a sentence taken for an order")
    print("a model that obeys:", *obeyed(suite), sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
