"""Old Word documents (Word 97 to 2003): paragraphs, headings, tables as rows, notes and text boxes.

The text lies in pieces, in 8 or 16 bits; the offsets of the header are those of [MS-DOC]. Left out: headers, footers,
comments, field codes, list numbers (they are not stored), pictures.
"""

import io
import re
import struct
from bisect import bisect_right
from collections.abc import Iterator

import olefile

from index.errors import UnreadableDocumentError
from index.parsing.blocks import ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.ole_summary import summary
from index.parsing.tables import add_table, one_line

STREAM = "WordDocument"
MAGIC = 0xA5EC
IS_ENCRYPTED, IS_TABLE_1 = 0x0100, 0x0200
COUNTS, PIECES, PARAGRAPHS = 0x4C, 0x1A2, 0x102
PAGE = 512
ROW_END = b"\x17\x24\x01"  # the property "this paragraph ends a table's row"
PART = re.compile(r"[^\r\x07\x0c]*[\r\x07\x0c]?")
SHOWN = {"\x0b": "\n", "\x0e": "\n", "\x1e": "\u2011", "\xa0": " "}
CHARACTERS = str.maketrans({**SHOWN, **dict.fromkeys("\x01\x02\x03\x04\x05\x08\x1f", "")})


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the document's text. `encoding` is not needed."""
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            document = _Document(ole)
            builder = TextBuilder()
            document.add(builder)
            return builder.document(metadata=summary(ole))
    except (OSError, struct.error, IndexError) as error:
        raise UnreadableDocumentError("damaged: not a Word document") from error


class _Document:
    """The streams of a document, and where its text and its paragraphs' properties are."""

    def __init__(self, ole: olefile.OleFileIO) -> None:
        self.main: bytes = ole.openstream(STREAM).read()
        magic, version, flags = struct.unpack_from("<HH6xH", self.main)
        if magic != MAGIC or version < 0x00C1:
            raise UnreadableDocumentError("a Word format from before 1997: save it as .docx")
        if flags & IS_ENCRYPTED:
            raise UnreadableDocumentError("protected with a password")
        self.table: bytes = ole.openstream("1Table" if flags & IS_TABLE_1 else "0Table").read()
        self.starts, self.properties = self._paragraphs()

    def add(self, builder: TextBuilder) -> None:
        """Add the body, then the notes and text boxes; not headers (third) and comments (fifth)."""
        text, offsets = self._text()
        first = 0
        for number, count in enumerate(struct.unpack_from("<8i", self.main, COUNTS)):
            if number in (0, 1, 5, 6):
                _add_part(builder, self._parts(text, offsets, first, first + count))
            first += max(0, count)

    def _text(self) -> tuple[str, list[int]]:
        """Return all characters, and for each where it lies in the stream."""
        start, size = struct.unpack_from("<II", self.main, PIECES)
        rules = self.table[start : start + size]
        position = 0
        while rules[position] == 1:  # properties of single pieces come first
            position += 3 + struct.unpack_from("<H", rules, position + 1)[0]
        count = (struct.unpack_from("<I", rules, position + 1)[0] - 4) // 12
        places = struct.unpack_from(f"<{count + 1}I", rules, position + 5)
        parts: list[str] = []
        offsets: list[int] = []
        for number in range(count):
            at = struct.unpack_from("<I", rules, position + 5 + 4 * (count + 1) + 8 * number + 2)[0]
            length = places[number + 1] - places[number]
            is_8_bit = bool(at & 0x40000000)
            at = (at & 0x3FFFFFFF) // 2 if is_8_bit else at & 0x3FFFFFFF
            width = 1 if is_8_bit else 2
            raw = self.main[at : at + length * width]
            # subtle: what is counted are 16-bit units, two for a character beyond U+FFFF; `_add_part` joins them.
            units = (chr(unit) for (unit,) in struct.iter_unpack("<H", raw[: len(raw) // 2 * 2]))
            piece = raw.decode("cp1252", "replace") if is_8_bit else "".join(units)
            offsets += range(at, at + len(piece) * width, width)
            parts.append(piece)
        return "".join(parts), offsets

    def _paragraphs(self) -> tuple[list[int], list[bytes]]:
        """Return where runs of paragraphs of equal properties start in the stream, and the properties."""
        start, size = struct.unpack_from("<II", self.main, PARAGRAPHS)
        count = (size - 4) // 8
        found: list[tuple[int, bytes]] = []
        for (page,) in struct.iter_unpack("<I", self.table[start + 4 * (count + 1) : start + size]):
            content = self.main[page * PAGE : (page + 1) * PAGE]
            runs = content[PAGE - 1]
            for run in range(runs):
                place = struct.unpack_from("<I", content, 4 * run)[0]
                at = 2 * content[4 * (runs + 1) + 13 * run]
                length = 2 * content[at] - 1 if at and content[at] else 2 * content[at + 1] if at else 0
                first = at + 1 if at and content[at] else at + 2
                found.append((place, content[first : first + length]))
        found.sort(key=lambda run: run[0])
        return [place for place, _ in found], [properties for _, properties in found]

    def _parts(self, text: str, offsets: list[int], first: int, end: int) -> Iterator[tuple[str, str, int, bool]]:
        """Yield (text, what ends it, heading level, whether it ends a row) of paragraphs and cells."""
        position = first
        while position < min(end, len(text)):
            match = PART.match(text, position, end)
            assert match is not None  # the pattern matches anything
            position = max(match.end(), position + 1)
            part = match[0]
            run = bisect_right(self.starts, offsets[match.end() - 1]) - 1
            properties = self.properties[run] if run >= 0 else b""
            style = int.from_bytes(properties[:2], "little")
            # The styles 1 to 9 are always the headings.
            level = min(style, 6) if 1 <= style <= 9 else 0
            yield part.rstrip("\r\x07\x0c"), part[-1:], level, ROW_END in properties[2:]


def _add_part(builder: TextBuilder, parts: Iterator[tuple[str, str, int, bool]]) -> None:
    rows: list[list[str]] = []
    cells: list[str] = []
    cell: list[str] = []
    field: list[str] = []
    for raw, end, level, is_row_end in parts:
        text = _without_fields(raw, field).translate(CHARACTERS)
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        if end != "\x07" and not cells and rows:
            add_table(builder, rows)
            rows = []
        if end == "\x07" and is_row_end:
            rows.append(cells)
            cells = []
        elif end == "\x07":
            cells.append(one_line(" ".join([*cell, text])))
            cell = []
        elif cells:
            cell.append(text)
        else:
            builder.add(text, level)
    if any(cell):  # a damaged table: nothing of it is lost
        cells.append(one_line(" ".join(cell)))
    add_table(builder, [*rows, cells] if cells else rows)


def _without_fields(text: str, field: list[str]) -> str:
    """Leave out the codes of fields, which may go on in the next paragraph; `field` says in which one we are."""
    kept = []
    for piece in re.split("([\x13-\x15])", text):
        if piece == "\x13":
            field.append("code")
        elif piece == "\x14" and field:
            field[-1] = "result"
        elif piece == "\x15" and field:
            field.pop()
        elif "code" not in field:
            kept.append(piece)
    return "".join(kept)
