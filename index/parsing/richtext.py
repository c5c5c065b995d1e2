"""RTF: paragraphs, headings by outline level, tables as rows, footnotes; Unicode and all code pages.

Left out: hidden and deleted text, comments, headers and footers, pictures, field codes. It is read by a loop over the
control words, groups on a stack: striprtf, the usual library, knows no headings, hidden text, footnotes or table rows.
"""

import re
from dataclasses import dataclass, replace

from index.errors import UnreadableDocumentError
from index.parsing.blocks import Metadata, ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.rtf_words import CHARACTERS, IGNORED, READ_THOUGH_MARKED, code_page, font_encoding
from index.parsing.tables import add_table, one_line

TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n\0]+|([^\\{}\r\n\0]+)"
)
HEADING_NAME = re.compile(r"heading (\d)\b", re.I)
# The groups that are read, but are no part of the text; the others that are known are passed over.
PARTS = {"fonttbl", "stylesheet", "info", "title", "author", "creatim", "revtim", "footnote"}
TWICE = "twice "
NO_TEXT = {"ignored", "fonttbl", "info", "creatim", "revtim"}


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the document's text. `encoding` is not needed."""
    if not data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{\\rtf"):
        raise UnreadableDocumentError("damaged: not RTF")
    builder = TextBuilder()
    metadata = read_rtf(builder, data)
    return builder.document(metadata=metadata)


def read_rtf(builder: TextBuilder, data: bytes) -> Metadata:
    """Add an RTF document's text to what was built so far, and return what it says about itself."""
    reader = _Reader(builder)
    position = 0
    while token := TOKEN.match(data, position):
        position = token.end()
        word, number, byte, symbol, brace, text = token.groups()
        if brace:
            reader.open() if brace == b"{" else reader.close()
        elif word:
            value = int(number) if number else None
            if word == b"bin":
                position += max(0, value or 0)
            else:
                reader.word(word.decode("ascii"), value)
        elif byte:
            reader.characters(bytes([int(byte, 16)]))
        elif symbol:
            reader.symbol(symbol)
        elif text:
            reader.characters(text)
    reader.end()
    return Metadata(reader.said.get("title", "").strip(), reader.said.get("author", "").strip(), reader.date())


@dataclass(frozen=True)
class _State:
    """What holds in a group, and is restored at its end."""

    part: str = ""
    font: int = 0
    skipped_after_unicode: int = 1
    is_hidden: bool = False
    is_marked: bool = False


class _Reader:
    """Collect the text of the body, of notes and of the few other parts that matter."""

    def __init__(self, builder: TextBuilder) -> None:
        self.builder = builder
        self.state = _State()
        self.stack: list[_State] = []
        self.page = "cp1252"
        self.default_font = 0
        self.fonts: dict[int, str] = {}
        self.levels: dict[int, int] = {}
        self.said: dict[str, str] = {}
        self.times: dict[str, dict[str, int]] = {}
        self.raw = bytearray()
        self.skip = 0
        self.line: list[str] = []
        self.note: list[str] = []
        self.notes: list[str] = []
        self.notes_added = 0
        self.style_name: list[str] = []
        self.style, self.style_level = 0, 0
        self.level = 0
        self.is_in_table = False
        self.cells: list[str] = []
        self.rows: list[list[str]] = []

    def open(self) -> None:
        """Start a group."""
        self.flush()
        self.stack.append(self.state)
        self.state = replace(self.state, is_marked=False)
        self.skip = 0

    def close(self) -> None:
        """End a group."""
        self.flush()
        ended, self.state = self.state, self.stack.pop() if self.stack else _State()
        self.skip = 0
        if ended.part == "footnote" and self.state.part != "footnote":
            self.notes.append(one_line(_joined(self.note)))
            self.note = []
        if ended.part == "stylesheet":
            name = HEADING_NAME.search("".join(self.style_name))
            self.levels[self.style] = self.style_level or (int(name[1]) if name else 0)
            self.style_name, self.style, self.style_level = [], 0, 0

    def characters(self, data: bytes) -> None:
        """Add bytes of the current font's encoding, less those that only repeat a Unicode character."""
        skipped = min(self.skip, len(data))
        self.skip -= skipped
        self.raw += data[skipped:]

    def symbol(self, symbol: bytes) -> None:
        r"""Handle a control symbol: an escaped character, `\~`, or `\*` for groups that may be unknown."""
        if symbol == b"*":
            self.state = replace(self.state, is_marked=True)
        elif symbol in b"\\{}":
            self.characters(symbol)
        elif symbol in b"\r\n":
            self.word("par", None)
        else:
            self.flush()
            self.add({b"~": " ", b"_": "\u2011"}.get(symbol, ""))

    def word(self, word: str, value: int | None) -> None:
        """Handle a control word."""
        self.flush()
        if self.skip and word not in ("u", "uc"):
            self.skip -= 1
            return
        marked, self.state = self.state.is_marked, replace(self.state, is_marked=False)
        if word in PARTS and self.state.part != "ignored" and not self.state.part.startswith(TWICE):
            self.state = replace(self.state, part=word)
            if word == "footnote":
                self.line.append(f"[{len(self.notes) + 1}]")
        elif word == "upr":
            # Twice the same text: for readers that know no Unicode, and as Unicode.
            self.state = replace(self.state, part=f"{TWICE}{self.state.part}")
        elif word == "ud":
            self.state = replace(self.state, part=self.state.part.removeprefix(TWICE))
        elif word in IGNORED or (marked and word not in READ_THOUGH_MARKED):
            self.state = replace(self.state, part="ignored")
        elif word in CHARACTERS:
            self.add(CHARACTERS[word])
        elif word == "u" and value is not None:
            self.add(chr(value % 0x10000))
            self.skip = self.state.skipped_after_unicode
        elif self.state.part == "fonttbl":
            self._font(word, value or 0)
        elif self.state.part in ("creatim", "revtim"):
            self.times.setdefault(self.state.part, {})[word] = value or 0
        else:
            self._format(word, value)

    def _font(self, word: str, value: int) -> None:
        if word == "f":
            self.state = replace(self.state, font=value)
        elif word == "fcharset":
            self.fonts[self.state.font] = font_encoding(value)

    def _format(self, word: str, value: int | None) -> None:
        is_on = value != 0
        if word in ("par", "sect", "page"):
            self.end_paragraph()
        elif word in ("cell", "nestcell"):
            self.cells.append(one_line("".join(self.line)))
            self.line = []
        elif word in ("row", "nestrow"):
            self.rows.append(self.cells)
            self.cells = []
        elif word == "pard":
            self.level, self.is_in_table = 0, False
        elif word == "intbl":
            self.is_in_table = True
        elif word == "outlinelevel":
            level = min((value or 0) + 1, 6) if (value or 0) < 9 else 0
            if self.state.part == "stylesheet":
                self.style_level = level
            else:
                self.level = level
        elif word == "s":
            if self.state.part == "stylesheet":
                self.style = value or 0
            else:
                self.level = self.levels.get(value or 0, 0)
        elif word in ("v", "deleted"):
            self.state = replace(self.state, is_hidden=is_on)
        elif word == "plain":
            self.state = replace(self.state, is_hidden=False, font=self.default_font)
        elif word == "f":
            self.state = replace(self.state, font=value or 0)
        elif word == "uc":
            self.state = replace(self.state, skipped_after_unicode=min(max(value or 0, 0), 100))
        elif word == "ansicpg":
            self.page = code_page(value or 1252)
        elif word in ("mac", "pc", "pca"):
            self.page = {"mac": "mac-roman", "pc": "cp437", "pca": "cp850"}[word]
        elif word == "deff":
            self.default_font = value or 0
            self.state = replace(self.state, font=self.default_font)

    def flush(self) -> None:
        """Decode the bytes that were collected."""
        if self.raw:
            text = self.raw.decode(self.fonts.get(self.state.font) or self.page, "replace")
            self.raw.clear()
            self.add(text)

    def add(self, text: str) -> None:
        """Add characters to the part that is being read."""
        part = self.state.part
        if part in NO_TEXT or part.startswith(TWICE) or self.state.is_hidden:
            return
        if part == "footnote":
            self.note.append(text)
        elif part == "stylesheet":
            self.style_name.append(text)
        elif part in ("title", "author"):
            self.said[part] = self.said.get(part, "") + text
        else:
            self.line.append(text)

    def end_paragraph(self) -> None:
        """End a paragraph; in a table, only a line of the cell."""
        if self.state.part == "footnote":
            self.note.append(" ")
        elif self.is_in_table:
            self.line.append(" ")
        elif self.state.part == "":
            self._end_table()
            self.builder.add(_joined(self.line), self.level)
            self.line = []
            self._add_notes()

    def end(self) -> None:
        """End the document."""
        self.flush()
        self.is_in_table, self.state = False, _State()
        if self.cells:
            self.rows.append(self.cells)
        self.end_paragraph()

    def _end_table(self) -> None:
        if self.rows:
            add_table(self.builder, [[one_line(_joined([cell])) for cell in row] for row in self.rows])
            self.rows = []

    def _add_notes(self) -> None:
        for number in range(self.notes_added, len(self.notes)):
            self.builder.add(f"[{number + 1}] {self.notes[number]}")
        self.notes_added = len(self.notes)

    def date(self) -> str:
        """Return when the document was changed or made, as far as it says."""
        said = self.times.get("revtim") or self.times.get("creatim") or {}
        if not said.get("yr"):
            return ""
        return f"{said['yr']:04}-{said.get('mo', 1):02}-{said.get('dy', 1):02}"


def _joined(parts: list[str]) -> str:
    """Join text whose characters beyond U+FFFF came as two halves."""
    return "".join(parts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
