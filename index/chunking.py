"""Pack whole sentences into chunks, with their exact place in the document.

A chunk is a run of sentences of one section: its heading first, then sentences until about `size` model tokens, the
last sentence of one chunk repeated as the first of the next. Nothing is rewritten: every range is of the document's
own text, and every sentence of the document is in at least one chunk.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from index.parsing.blocks import Block, ParsedDocument
from index.sentences import split_sentences

TokenCounter = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True)
class Sentence:
    """A sentence, or a heading, at `text[start:end]` of its document."""

    start: int
    end: int
    is_heading: bool = False


@dataclass(frozen=True)
class Chunk:
    """A run of sentences at `text[start:end]`, under the headings of `heading` (outermost first)."""

    start: int
    end: int
    heading: tuple[str, ...]
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class _Counted:
    """A sentence, its tokens, and what its whole paragraph has if it is the first of it (else 0)."""

    sentence: Sentence
    tokens: int
    paragraph_tokens: int


def chunk(
    document: ParsedDocument,
    count_tokens: TokenCounter,
    size: int,
    overlap: int,
) -> tuple[Chunk, ...]:
    """Split a document into chunks of at most `size` tokens (more only where one sentence alone is longer).

    `overlap` is the number of sentences that a chunk repeats of the one before it, in the same section.
    """
    chunks: list[Chunk] = []
    for heading, paragraphs in _sections(document):
        counted: list[_Counted] = []
        for paragraph in paragraphs:
            tokens = count_tokens([document.text[s.start : s.end] for s in paragraph])
            whole = [sum(tokens), *[0] * len(tokens)]
            counted.extend(map(_Counted, paragraph, tokens, whole))
        chunks.extend(_chunk_of(heading, run) for run in _runs(counted, size, overlap))
    return tuple(chunks)


def _sections(document: ParsedDocument) -> list[tuple[tuple[str, ...], list[list[Sentence]]]]:
    """Group the paragraphs' sentences under their heading path. A heading belongs to the section that it opens."""
    sections: list[tuple[tuple[str, ...], list[list[Sentence]]]] = []
    path: list[Block] = []
    paragraphs: list[list[Sentence]] = []
    has_body = False
    for block in document.blocks:
        if block.level:
            # Two headings with nothing between them (a title and its first section) stay in one chunk.
            if has_body:
                sections.append((_path_text(document, path), paragraphs))
                paragraphs, has_body = [], False
            path = [*(b for b in path if b.level < block.level), block]
        pieces = split_sentences(document.text, block.start, block.end)
        paragraphs.append([Sentence(start, end, block.level > 0) for start, end in pieces])
        has_body = has_body or not block.level
    if paragraphs:
        sections.append((_path_text(document, path), paragraphs))
    return sections


def _path_text(document: ParsedDocument, path: list[Block]) -> tuple[str, ...]:
    return tuple(" ".join(document.text[b.start : b.end].split()) for b in path)


def _runs(counted: list[_Counted], size: int, overlap: int) -> list[list[_Counted]]:
    """Fill chunks greedily, but rather end a chunk that is half full than cut into a paragraph.

    The repeated sentences are left out where they would take over half of the chunk.
    """
    runs: list[list[_Counted]] = []
    run: list[_Counted] = []
    filled, has_body = 0, False
    for item in counted:
        full = filled + item.tokens > size or (filled >= size / 2 and filled + item.paragraph_tokens > size)
        # A heading is not parted from the first sentence below it, however long that is.
        if run and full and (has_body or item.sentence.is_heading):
            runs.append(run)
            run = _repeated(run, size - item.tokens, size // 2, overlap)
            filled, has_body = sum(r.tokens for r in run), bool(run)
        run.append(item)
        filled += item.tokens
        has_body = has_body or not item.sentence.is_heading
    if run:
        runs.append(run)
    return runs


def _repeated(run: list[_Counted], room: int, most: int, overlap: int) -> list[_Counted]:
    """Return the last sentences of a run, for the next one to begin with; none if they are too long for it."""
    tail = [r for r in run[-overlap:] if not r.sentence.is_heading] if overlap else []
    return tail if sum(r.tokens for r in tail) <= min(room, most) else []


def _chunk_of(heading: tuple[str, ...], run: list[_Counted]) -> Chunk:
    sentences = tuple(r.sentence for r in run)
    return Chunk(sentences[0].start, sentences[-1].end, heading, sentences)


def text_to_encode(text: str, chunk: Chunk) -> str:
    """Return what the encoder sees: the headings that the chunk's own text does not show, then its text."""
    body = text[chunk.start : chunk.end]
    shown = {" ".join(text[s.start : s.end].split()) for s in chunk.sentences if s.is_heading}
    missing = [h for h in chunk.heading if h not in shown]
    return "\n".join([" > ".join(missing), body]) if missing else body
