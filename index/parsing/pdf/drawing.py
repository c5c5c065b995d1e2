"""Where a stretch of a PDF's text stands on its pages, and the pages as pictures with it painted over.

The file is read again: the same bytes give the same text, so nothing of the pages need be kept in the index. The last
few files' texts are remembered, since a person who looks at one source looks at the next.
"""

import hashlib
import io
import math
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from index.errors import UnreadableDocumentError
from index.parsing.pdf.characters import Box, Characters
from index.parsing.pdf.parse import Extracted, extract
from index.parsing.pdf.source import opened, opened_page

if TYPE_CHECKING:
    from PIL import Image

SCALE = 2.0  # pixels a point: 144 to the inch
MAX_PIXELS = 4_000_000
MAX_OCR_PIXELS = 16_000_000
MAX_SIDE = 10_000
MAX_IMAGE_PIXELS = 150_000_000  # of all the images on a page
REMEMBERED = 3
PAINT, EDGE = (255, 224, 100), (200, 90, 0)
SAME_LINE = 0.5  # of the lower box's height
MOST_GAP = 1.0  # of a box's height, between two characters that one rectangle covers

_remembered: OrderedDict[str, Extracted] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class Marked:
    """A page, and rectangles on it: (left, top, right, bottom) as fractions of the page from its upper left corner."""

    page: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class PageImage:
    """A page as PNG."""

    page: int
    png: bytes


def text_of(data: bytes) -> str:
    """Return the text that the file's bytes give. Raises UnreadableDocumentError."""
    return _extracted(data).document.text


def marked(data: bytes, start: int, end: int) -> list[Marked]:
    """Return where the characters of `text[start:end]` stand, page by page, each line with a rectangle of its own.

    Raises UnreadableDocumentError if the file cannot be read.
    """
    numbers: dict[int, list[int]] = {}
    for on_page, stretch in _extracted(data).assembled.raw_of(start, end):
        numbers.setdefault(on_page, []).extend(stretch)
    found = []
    with opened(data) as document:
        for number, characters in sorted(numbers.items()):
            with opened_page(document, number) as page:
                if page is not None:
                    found.append(Marked(number, tuple(_fractions(page, characters))))
    return found


def draw(data: bytes, marks: Marked) -> PageImage:
    """Return the page with its rectangles painted over, at most 4 million pixels of it.

    Raises UnreadableDocumentError if the page cannot be drawn.
    """
    from PIL import Image, ImageChops, ImageDraw

    with opened(data) as document, opened_page(document, marks.page) as page:
        image = _picture(page, SCALE, MAX_PIXELS)
    boxes = [
        (left * image.width, top * image.height, right * image.width, bottom * image.height)
        for left, top, right, bottom in marks.boxes
    ]
    paint = Image.new("RGB", image.size, "white")
    brush = ImageDraw.Draw(paint)
    for box in boxes:
        brush.rectangle(box, fill=PAINT)
    image = ImageChops.multiply(image, paint)
    brush = ImageDraw.Draw(image)
    for left, _, right, bottom in boxes:
        brush.line((left, bottom, right, bottom), fill=EDGE, width=2)  # to be seen on a dark page, too
    return PageImage(marks.page, _png(image))


def page_pictures(data: bytes, dots_per_inch: int) -> Iterator[PageImage]:
    """Yield every page as it is shown, for OCR. Raises UnreadableDocumentError if one cannot be drawn."""
    with opened(data) as document:
        count = len(document)
    for number in range(1, count + 1):
        with opened(data) as document, opened_page(document, number) as page:
            image = _picture(page, dots_per_inch / 72, MAX_OCR_PIXELS)
        yield PageImage(number, _png(image))


def _picture(page: pdfium.PdfPage | None, scale: float, most_pixels: int) -> "Image.Image":
    """Draw a page, with fewer pixels a point than `scale` if it is so large that it would fill the memory."""
    if page is None:
        raise UnreadableDocumentError("it is damaged")
    pixels = sum(math.prod(image.get_px_size()) for image in page.get_objects([raw.FPDF_PAGEOBJ_IMAGE], max_depth=5))
    if pixels > MAX_IMAGE_PIXELS:
        raise UnreadableDocumentError(f"its images are too large ({pixels:,} pixels)")
    width, height = page.get_size()
    bitmap = page.render(scale=min(scale, math.sqrt(most_pixels / (width * height)), MAX_SIDE / max(width, height)))
    try:
        image: Image.Image = bitmap.to_pil().convert("RGB")
        return image
    finally:
        bitmap.close()


def _png(image: "Image.Image") -> bytes:
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def _extracted(data: bytes) -> Extracted:
    sha256 = hashlib.sha256(data).hexdigest()
    with _lock:
        if sha256 not in _remembered:
            _remembered[sha256] = extract(data)
        _remembered.move_to_end(sha256)
        while len(_remembered) > REMEMBERED:
            _remembered.popitem(last=False)
        return _remembered[sha256]


def _fractions(page: pdfium.PdfPage, numbers: Sequence[int]) -> Iterator[Box]:
    with Characters(page) as characters:
        width, height = characters.width, characters.height
        boxes = characters.boxes(numbers)
    for left, bottom, right, top in _merged(boxes):
        yield left / width, 1 - top / height, right / width, 1 - bottom / height


def _merged(boxes: Iterable[Box]) -> Iterator[Box]:
    """Join the boxes of characters that stand side by side."""
    current: Box | None = None
    for box in boxes:
        if box[2] <= box[0] or box[3] <= box[1]:
            continue  # a character without a picture
        if current and _touch(current, box):
            pairs = zip((min, min, max, max), current, box, strict=True)
            left, bottom, right, top = (choose(one, other) for choose, one, other in pairs)
            current = left, bottom, right, top
        else:
            if current:
                yield current
            current = box
    if current:
        yield current


def _touch(one: Box, other: Box) -> bool:
    height = min(one[3] - one[1], other[3] - other[1])
    shared = min(one[3], other[3]) - max(one[1], other[1])
    gap = max(other[0] - one[2], one[0] - other[2])
    return shared > SAME_LINE * height and gap < MOST_GAP * height
