"""Questions that a newcomer may ask, on the names that the documents mention most."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from index.reading import IndexSnapshot

EXAMPLES = 3
DOCUMENTS = 50
CHUNKS = 20
# Two or three capitalised words in the middle of a sentence.
NAME = re.compile(r"(?<=[a-zà-ÿ,] )[A-ZÀ-Þ][\w-]+(?: [A-ZÀ-Þ][\w-]+){1,2}\b(?! [A-ZÀ-Þ])")


def example_questions(snapshot: IndexSnapshot, wanted: Callable[[str, dict[str, Any]], bool]) -> list[str]:
    """Return up to three questions, on the documents that are wanted by their name and metadata."""
    counted: Counter[str] = Counter()
    names = snapshot.names(wanted)
    for record in [record for record in snapshot.documents() if record.name in names][:DOCUMENTS]:
        for stored in snapshot.chunks_of(record.id)[:CHUNKS]:
            first = stored.chunk.start
            texts = [stored.text[s.start - first : s.end - first] for s in stored.chunk.sentences if not s.is_heading]
            counted.update(name.removesuffix("’s") for text in texts for name in NAME.findall(text))
    return [f"What is said about {name}?" for name, _ in counted.most_common(EXAMPLES)]
