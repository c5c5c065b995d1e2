"""Take what a language model writes apart into sentences with citations, as it comes, in pieces of any size."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from index.sentences import split_sentences

CITATION = re.compile(
    r"\s*[\[【]\s*(?:(?:passage|source)s?\s*)?(\d{1,3}(?:\s*(?:,|and|&|;)\s*\d{1,3})*)\s*[\]】]", re.IGNORECASE
)
LEADING = re.compile(rf"(?:{CITATION.pattern})+[.!?]?", re.IGNORECASE)
MARKUP = re.compile(r"^\s*(?:[-*•#>]+|\d{1,2}[.)])\s+|\*\*|__|`")
LOOKAHEAD = (
    25  # characters of the next sentence that must be there: "U." may go on as "U.S.", and a citation may follow
)
LETTER = re.compile(r"[^\W_]")


@dataclass(frozen=True)
class Sentence:
    """A sentence as a model wrote it, without its citations, which are numbers of passages."""

    text: str
    citations: tuple[int, ...]


def from_text(pieces: Iterable[str], is_cut: Callable[[], bool] = lambda: False) -> Iterator[Sentence]:
    """Yield each sentence once some of the next one is there, or its line has ended.

    The last one is left out if `is_cut` says, at the end, that the text stopped in the middle.

    Example: ["It ends in ", "May [1]. It is", " long. [2]"] -> ("It ends in May.", (1,)), ("It is long.", (2,)).
    """
    held = ""
    for piece in pieces:
        held += piece
        *lines, held = held.split("\n")
        for line in lines:
            yield from map(parsed, _sentences(line))
        *whole, last = _sentences(held) or [""]
        if whole and len(last) >= LOOKAHEAD:
            yield from map(parsed, whole)
            held = last
    rest = _sentences(held)
    yield from map(parsed, rest[:-1] if is_cut() else rest)


def from_json(states: Iterable[Any], is_cut: Callable[[], bool] = lambda: False) -> Iterator[Sentence]:
    """Yield each sentence of `{"sentences": [...]}` once the next one has begun; each state is the JSON so far.

    The last one is left out if `is_cut` says, at the end, that the JSON stopped in the middle.
    """
    done, items = 0, list[Any]()
    for state in states:
        found = state.get("sentences") if isinstance(state, dict) else None
        items = found if isinstance(found, list) else items
        while done < len(items) - 1:
            yield from _from_item(items[done])
            done += 1
    for item in items[done : len(items) - is_cut()]:
        yield from _from_item(item)


def parsed(text: str) -> Sentence:
    """Take the citations out of a sentence."""
    citations = [int(n) for match in CITATION.finditer(text) for n in re.findall(r"\d+", match[1])]
    plain = " ".join(MARKUP.sub("", CITATION.sub("", text)).split())
    return Sentence(re.sub(r"\s+(?=[.,;:!?](?:\s|$))", "", plain), tuple(dict.fromkeys(citations)))


def _from_item(item: Any) -> Iterator[Sentence]:
    if not isinstance(item, dict) or not isinstance(item.get("text"), str):
        return
    listed = item.get("citations")
    numbers = [n for n in listed if isinstance(n, int)] if isinstance(listed, list) else []
    for sentence in map(parsed, _sentences(" ".join(item["text"].split()))):
        yield Sentence(sentence.text, tuple(dict.fromkeys([*numbers, *sentence.citations])))


def _sentences(line: str) -> list[str]:
    """Split a line; citations that follow a sentence's end belong to it."""
    parts: list[str] = []
    for start, end in split_sentences(line, 0, len(line)):
        part = line[start:end]
        leading = LEADING.match(part) if parts else None
        if leading:
            parts[-1] += leading[0]
            part = part[leading.end() :].strip()
        if LETTER.search(CITATION.sub("", part)) or (part and not parts):
            parts.append(part)
        elif part:
            parts[-1] += part
    return parts
