"""A first question file for a folder of one's own: some questions made automatically, and some to be written.

The automatic ones have an answer that is known by construction: a sentence with a number, a date or a name taken out
(cloze), a heading whose section is the answer, and general questions about something that no document mentions. They
are easier or harder than real ones, so they compare settings well and say little of how good an answer is: that is what
the ones to be written are for.
"""

import json
import random
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from eval.suite import TODO, SuiteDocument
from index.parsing import ParsedDocument

MAX_OF_A_KIND = 20
TO_WRITE = 5
SEED = 20_260
FACT = re.compile(r"\b\d[\d.,:/%-]*\d\b|\b\d+\b|(?<=[a-z,] )[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)+")
SENTENCE_CHARACTERS = range(50, 300)
# The word in front is what must not stand in any document.
OUTSIDE = [
    ("helium", "What is the boiling point of helium?"),
    ("sonnet", "How many lines does a sonnet have?"),
    ("Jupiter", "How many moons does Jupiter have?"),
    ("penguin", "Where do emperor penguins breed?"),
    ("Mozart", "When was Mozart born?"),
    ("volcano", "What is the highest volcano on Earth?"),
    ("chess", "Who won the first world championship in chess?"),
    ("saffron", "Which flower does saffron come from?"),
    ("Titanic", "How many people died on the Titanic?"),
    ("photosynthesis", "What does photosynthesis produce?"),
    ("marathon", "How long is a marathon?"),
    ("origami", "In which country did origami begin?"),
    ("glacier", "What is the longest glacier in the world?"),
    ("violin", "How many strings does a violin have?"),
]


def starter_questions(documents: Mapping[str, ParsedDocument]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a question file."""
    chance = random.Random(SEED)  # noqa: S311 - the same questions each time
    names = sorted(documents)
    for number, doc_id in enumerate(chance.sample(names, min(TO_WRITE, len(names))), start=1):
        yield {
            "qid": f"own-{number}",
            "question": f"{TODO}: ask what a person would, and put the words that answer it into 'quote'",
            "answerable": True,
            "kind": "own",
            "gold_spans": [{"doc_id": doc_id, "quote": ""}],
        }
    for kind, made in (("cloze", _clozes(documents, chance)), ("heading", _headings(documents))):
        rows = list(made)
        for number, row in enumerate(chance.sample(rows, min(MAX_OF_A_KIND, len(rows))), start=1):
            yield {"qid": f"{kind}-{number}", "kind": kind, "answerable": True, **row}
    whole = " ".join(document.text.lower() for document in documents.values())
    outside = [question for word, question in OUTSIDE if word.lower() not in whole]
    for number, question in enumerate(outside, start=1):
        yield {"qid": f"outside-{number}", "kind": "outside", "question": question, "answerable": False}


def _clozes(documents: Mapping[str, ParsedDocument], chance: random.Random) -> Iterator[dict[str, Any]]:
    for doc_id, document in documents.items():
        for start, end in SuiteDocument(document.text).sentences:
            sentence = document.text[start:end]
            facts = list(FACT.finditer(sentence)) if len(sentence) in SENTENCE_CHARACTERS else []
            if facts:
                fact = chance.choice(facts)
                gap = f"{sentence[: fact.start()]}___{sentence[fact.end() :]}"
                place = {"start": start + fact.start(), "end": start + fact.end(), "quote": fact.group()}
                yield {
                    "question": f"What is missing here: {gap}",
                    "answers": [fact.group()],
                    "gold_spans": [{"doc_id": doc_id, **place}],
                }


def _headings(documents: Mapping[str, ParsedDocument]) -> Iterator[dict[str, Any]]:
    for doc_id, document in documents.items():
        stem = Path(doc_id).stem
        headings = [n for n, block in enumerate(document.blocks) if block.level]
        for n, after in pairwise([*headings, len(document.blocks)]):
            heading = " ".join(document.text[document.blocks[n].start : document.blocks[n].end].split())
            section = document.blocks[n + 1 : after]
            if section and len(heading) < SENTENCE_CHARACTERS.stop:
                yield {
                    "question": f"What is said under “{heading}” in {stem}?",
                    "gold_spans": [{"doc_id": doc_id, "start": section[0].start, "end": section[-1].end}],
                }


def write_starter(path: Path, documents: Mapping[str, ParsedDocument]) -> int:
    """Write a question file, never over one that is there; return the number of questions. Raises FileExistsError."""
    rows = list(starter_questions(documents))
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "replace")
    with path.open("xb") as file:
        file.write(text)
    return len(rows)
