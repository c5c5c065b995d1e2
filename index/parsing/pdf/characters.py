"""The characters of one page as pdfium numbers them: what they are, where they stand, whether they are bold.

Coordinates are points of the page as it is shown (turned as the file says): x to the right, y upwards, from its lower
left corner.
"""

import ctypes
import math
import re
import struct
from collections.abc import Sequence
from itertools import repeat

import pypdfium2 as pdfium
import pypdfium2.raw as raw

UPRIGHT = 0.1  # radians
BOLD = re.compile(rb"bold|black|heavy|demi|(?:cmbx|cmssbx)\d", re.IGNORECASE)
FORCE_BOLD = 1 << 18  # a flag of a font's descriptor (ISO 32000-1, table 123)

LOOSE_BOX = struct.Struct("4f")  # FS_RECTF: left, top, right, bottom

Box = tuple[float, float, float, float]  # left, bottom, right, top

# subtle: the same function as pypdfium2's own, told to take plain addresses: that halves the cost of a call.
_loose_box = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(
    ctypes.cast(raw.FPDFText_GetLooseCharBox, ctypes.c_void_p).value or 0
)


class Characters:
    """The characters of an open page and their boxes, by pdfium's own numbers."""

    def __init__(self, page: pdfium.PdfPage) -> None:
        self._page = page.get_textpage()
        self._text = self._page.raw
        left, bottom, right, top = page.get_bbox()
        self._origin = left, bottom
        self._size = right - left, top - bottom
        self.rotation = page.get_rotation()
        self.width, self.height = self._size if self.rotation % 180 == 0 else self._size[::-1]
        self.count: int = max(0, raw.FPDFText_CountChars(self._text))
        self._moved = bool(left or bottom or self.rotation)
        self._name = ctypes.create_string_buffer(100)
        self._flags = ctypes.c_int()

    def __enter__(self) -> "Characters":
        return self

    def __exit__(self, *error: object) -> None:
        self._page.close()

    def text(self) -> str:
        """Return all characters; number `i` is at `[i]`."""
        buffer = (ctypes.c_ushort * (self.count + 1))()
        length = raw.FPDFText_GetText(self._text, 0, self.count, buffer)
        text = bytes(buffer)[: 2 * max(0, length - 1)].decode("utf-16-le", "replace")
        if len(text) == self.count:
            return text
        # subtle: pdfium leaves out of its text what it takes for no character, and then the numbers do not fit.
        return "".join(chr(min(raw.FPDFText_GetUnicode(self._text, i), 0x10FFFF)) for i in range(self.count))

    def is_upright(self, index: int) -> bool:
        """Say whether a character stands on its foot, on the page as it is shown."""
        angle = raw.FPDFText_GetCharAngle(self._text, index) + math.radians(self.rotation)
        return abs(math.remainder(angle, math.tau)) < UPRIGHT

    def is_bold(self, index: int) -> bool:
        """Say whether a character's font calls itself bold."""
        length = raw.FPDFText_GetFontInfo(self._text, index, self._name, len(self._name), self._flags)
        return bool(BOLD.search(self._name.raw[:length]) or self._flags.value & FORCE_BOLD)

    def around(self, words: Sequence[tuple[int, int]]) -> list[Box]:
        """Return the box of each word, `[start:end]` of the characters: around the first and the last one."""
        edges = self.boxes([number for start, end in words for number in (start, end - 1)])
        return [
            (one[0] if one[0] < other[0] else other[0],
             one[1] if one[1] < other[1] else other[1],
             one[2] if one[2] > other[2] else other[2],
             one[3] if one[3] > other[3] else other[3])
            for one, other in zip(edges[::2], edges[1::2], strict=True)
        ]  # fmt: skip

    def boxes(self, numbers: Sequence[int]) -> list[Box]:
        """Return the box of each character: as high as its font, as wide as its step.

        subtle: this is called for every word, and half of the time of it all. So pdfium writes all the boxes into one
        array, and they are unpacked together.
        """
        found = (raw.FS_RECTF * len(numbers))()
        first = ctypes.addressof(found)
        places = range(first, first + LOOSE_BOX.size * len(numbers), LOOSE_BOX.size)
        is_known = list(map(_loose_box, repeat(ctypes.addressof(self._text.contents)), numbers, places))
        boxes = [(left, bottom, right, top) for left, top, right, bottom in LOOSE_BOX.iter_unpack(found)]
        for i, (_, bottom, _, top) in enumerate(boxes):
            if top <= bottom or not is_known[i]:
                boxes[i] = self._tight_box(numbers[i])
        return [self._shown(*box) for box in boxes] if self._moved else boxes

    def _tight_box(self, number: int) -> Box:
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        raw.FPDFText_GetCharBox(self._text, number, left, right, bottom, top)
        return left.value, bottom.value, right.value, top.value

    def _shown(self, left: float, bottom: float, right: float, top: float) -> Box:
        x, y = self._origin
        width, height = self._size
        left, bottom, right, top = left - x, bottom - y, right - x, top - y
        if self.rotation == 90:
            return bottom, width - right, top, width - left
        if self.rotation == 180:
            return width - right, height - top, width - left, height - bottom
        if self.rotation == 270:
            return height - top, left, height - bottom, right
        return left, bottom, right, top
