"""Split a paragraph into sentences, as character ranges of the document.

sentencex finds the boundaries; this file feeds it one paragraph at a time (an unclosed quotation mark cannot swallow
the document), joins what it cut at an abbreviation, and caps the length. No character but white space is dropped.
"""

import re
from collections.abc import Iterator

import sentencex

MAX_SENTENCE = 1_000

# Abbreviations that a name, a number or more of the sentence follows: they never end a sentence. English, French,
# Spanish, German; compared without case, after the last white space or opening bracket.
ABBREVIATIONS = frozenset(
    (
        "m. mm. mme. mlle. mr. mrs. ms. dr. prof. sr. sra. srta. st. ste. sgt. gen. sen. rep. gov. lt. col. capt. hon. "
        "av. bd. boul. p. pp. ex. cf. vs. v. nos. n°. nº. núm. fig. figs. art. éd. ed. eds. vol. vols. chap. env. "
        "c.-à-d. i.e. e.g. p.ex. z.b. d.h. bzw. u.a. approx. ca. dept. jan. feb. aug. sept. oct. nov. déc. janv. févr. "
        "juil. réf. tél. pág. págs. ee. uu. eq. ch."
    ).split()
)
# "U.S. Supreme Court": after these, a capitalised noun goes on; a new sentence usually begins with one of OPENERS.
COUNTRIES = ("u.s.", "u.k.", "u.n.", "e.u.", "d.c.", "u.s.a.")
OPENERS = frozenset(
    (
        "the a an this that these those it he she they we i you in on at as for but and so if when while however its "
        "his her their our my there after before since although meanwhile"
    ).split()
)
FIRST_WORD = re.compile(r"\w+")
# White space of more than one byte. sentencex (1.0.32) ends with a panic at "C\u00a0.": it takes such for one byte.
WIDE_SPACE = re.compile(r"[^\S\x00-\x7f]")
CLAUSE = re.compile(r"[;:,\u2014\u2013)]\s+|\s+")


def split_sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Return the sentences of `text[start:end]` as (start, end) in reading order, without surrounding white space.

    Example: `split_sentences("He left. She stayed.", 0, 20)` -> `[(0, 8), (9, 20)]`.
    """
    paragraph = text[start:end]
    pieces: list[tuple[int, int]] = []
    for boundary in sentencex.get_sentence_boundaries("en", WIDE_SPACE.sub(" ", paragraph)):
        first, last = boundary["start_index"], boundary["end_index"]
        if pieces and _goes_on(paragraph[pieces[-1][0] : pieces[-1][1]], paragraph[first:last]):
            pieces[-1] = (pieces[-1][0], last)
        else:
            # subtle: begin where the last piece ended, so that nothing can fall between two pieces.
            pieces.append((pieces[-1][1] if pieces else 0, last))
    if pieces:
        pieces[-1] = (pieces[-1][0], len(paragraph))
    return [piece for first, last in pieces for piece in _capped(text, start + first, start + last)]


def _goes_on(before: str, after: str) -> bool:
    """Say whether a boundary between two pieces is none: an abbreviation, or a small letter after it."""
    before, after = before.rstrip(), after.lstrip()
    if not before or not after or (not before[-1].isascii() and before[-1] in "。！？"):
        return False
    if after[0].islower() and not before.endswith((":", ";")):
        return True
    last = before.rsplit(maxsplit=1)[-1].lstrip("([{\"'“‘«").lower()
    if last in ABBREVIATIONS:
        return True
    first = FIRST_WORD.match(after)
    return last in COUNTRIES and after[0].isupper() and first is not None and first[0].lower() not in OPENERS


def _capped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the range without white space around it, cut after a clause wherever it is longer than the cap."""
    while True:
        piece = text[start:end]
        start, end = start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
        if end - start <= MAX_SENTENCE:
            break
        cuts = [m.end() for m in CLAUSE.finditer(text, start + MAX_SENTENCE // 2, start + MAX_SENTENCE)]
        cut = cuts[-1] if cuts else start + MAX_SENTENCE
        yield start, start + len(text[start:cut].rstrip())
        start = cut
    if end > start:
        yield start, end
