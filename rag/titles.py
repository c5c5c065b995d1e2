"""What a text of a document is about, by its headings or its file's name: said in front of it for the cross-encoder.

A sentence alone often does not say whom or what it is about. "Canada's head of state: He was born in 1948." does.
"""

import re
from pathlib import PurePosixPath

from index.records import StoredChunk

SHOWN = 200  # a title that stands within so many first characters of a text need not be said again
_CODE = re.compile(r"\d+|(?=.*\d)[^\W_]{8,}")  # a part of a file's name that says nothing: a number, a hash
_WORD = re.compile(r"[^\W\d_]{3,}")


def title_of(passage: StoredChunk) -> str:
    """Return the outermost and the innermost heading of a passage; without headings, its file's name if it has words.

    Example: headings ("Bread", "Rye", "Baking") -> "Bread, Baking"; "notes/12_Prime_Minister.txt" -> "Prime Minister";
    "000_0c576dfd192f1797.txt" -> "".
    """
    heading = passage.chunk.heading
    if heading:
        return ", ".join(dict.fromkeys((heading[0], heading[-1])))
    parts = re.split(r"[\W_]+", PurePosixPath(passage.document).stem)
    said = " ".join(part for part in parts if part and not _CODE.fullmatch(part))
    return said if _WORD.search(said) else ""


def titled(passage: StoredChunk) -> str:
    """Return a passage's text behind its title, unless its beginning says it."""
    title = title_of(passage)
    return passage.text if title in passage.text[:SHOWN] else f"{title}\n{passage.text}"


def titled_sentence(title: str, sentence: str) -> str:
    """Return a sentence behind its passage's title, if there is one."""
    return f"{title}: {sentence}" if title else sentence
