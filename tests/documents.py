"""What the tests of formats have in common: a document's blocks with their places, and what holds for all of them."""

import io
import zipfile
from itertools import pairwise

from index.parsing import ParsedDocument, parse, place_label


def check(document: ParsedDocument) -> None:
    """Assert what every parser promises."""
    assert document.blocks
    for block in document.blocks:
        assert 0 <= block.start < block.end <= len(document.text)
        assert document.text[block.start : block.end].strip() == document.text[block.start : block.end]
        assert 0 <= block.level <= 6
    assert all(one.end <= other.start for one, other in pairwise(document.blocks))
    assert all(one.start < other.start for one, other in pairwise(document.places))
    assert all(0 <= place.start < len(document.text) for place in document.places)
    document.text.encode("utf-8")


def read(name: str, data: bytes | str) -> ParsedDocument:
    document = parse(name, data.encode() if isinstance(data, str) else data)
    check(document)
    return document


def found(name: str, data: bytes | str) -> list[tuple[int, str, str]]:
    """Return (level, place, text) of every block."""
    document = read(name, data)
    return [
        (b.level, place_label(document.places, b.start, b.end), document.text[b.start : b.end]) for b in document.blocks
    ]


def texts(name: str, data: bytes | str) -> list[str]:
    return [text for _, _, text in found(name, data)]


def zipped(members: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()
