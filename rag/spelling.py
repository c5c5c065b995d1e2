"""A question as the documents spell it: "murdr" becomes "murder" if that is how the passages found for it have it.

Only what is no word at all is touched. The cross-encoder cannot read it, while the encoder, which takes words apart,
mostly finds the right passages all the same, so that these are the dictionary.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

from index.words import ANALYZERS

MIN_LETTERS = 4
LIKENESS = 0.8  # the letters that two words share in the same order, as a share of both (difflib): "Iran", "Iraq" .75
# What stands in questions rather than in documents, and says what kind of answer is wanted.
ASKING = "what when where which whose about does many much between because before after during were".split()
WORD = re.compile(r"[^\W\d_]+")


def respelled(question: str, texts: Iterable[str], count_tokens: Callable[[Sequence[str]], list[int]]) -> str:
    """Return the question with words of the texts, or words that ask, for those that neither they nor the model know.

    A model knows a word that is one of its tokens, so that "Iran" is never taken for another's "Iraq"; the first letter
    must be right. Example: "wher is the meating" -> "where is the meeting", if a text has "meeting".
    """
    known = {word.casefold() for text in texts for word in _long_words(text)} | {*ASKING}
    stems = {_stem(word) for word in known}
    unknown = [word for word in dict.fromkeys(_long_words(question)) if _stem(word) not in stems]
    counts = count_tokens(unknown) if unknown else []
    changed = {}
    for word, tokens in zip(unknown, counts, strict=True):
        if tokens > 1:
            alike = sorted(other for other in known if other[0] == word[0].casefold())
            for found in get_close_matches(word.casefold(), alike, 1, LIKENESS):
                changed[word] = found.capitalize() if word[0].isupper() else found
    return WORD.sub(lambda match: changed.get(match[0], match[0]), question)


def _long_words(text: str) -> list[str]:
    return [word for word in WORD.findall(text) if len(word) >= MIN_LETTERS]


def _stem(word: str) -> str:
    """Return a word without accents and endings, as the index looks it up."""
    return " ".join(ANALYZERS["folded"].analyze(word))
