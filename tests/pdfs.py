"""Small PDFs for the tests, made with reportlab: lines where a test puts them."""

import io
from collections.abc import Callable, Sequence

from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

A4 = (595.0, 842.0)
LEFT, TOP, LEADING = 72, 770, 13


class Writer:
    """A PDF in the making; `down` writes lines one below the other and remembers where it is."""

    def __init__(self, **options: object) -> None:
        self.file = io.BytesIO()
        self.canvas = Canvas(self.file, pagesize=A4, **options)
        self.y = float(TOP)

    def at(self, x: float, y: float, text: str, *, size: float = 10, font: str = "Helvetica") -> "Writer":
        self.canvas.setFont(font, size)
        self.canvas.drawString(x, y, text)
        return self

    def down(self, *lines: str, x: float = LEFT, size: float = 10, font: str = "Helvetica") -> "Writer":
        for line in lines:
            self.at(x, self.y, line, size=size, font=font)
            self.y -= LEADING * size / 10
        return self

    def gap(self, points: float = 14) -> "Writer":
        self.y -= points
        return self

    def page(self) -> "Writer":
        self.canvas.showPage()
        self.y = float(TOP)
        return self

    def data(self) -> bytes:
        self.canvas.save()
        return self.file.getvalue()


def pages(*texts: Sequence[str], around: Callable[[Writer, int], object] = lambda writer, number: None) -> bytes:
    """Return a PDF with a page for each list of lines; `around` draws what else is on each."""
    writer = Writer()
    for number, lines in enumerate(texts, start=1):
        around(writer, number)
        writer.down(*lines).page()
    return writer.data()


def protected(password: str) -> bytes:
    return Writer(encrypt=StandardEncryption(password)).down("A secret.").page().data()
