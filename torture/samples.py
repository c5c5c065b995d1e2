"""A small sound file of each format, to be damaged. Real ones can be added with `--documents FOLDER`."""

import io
import json
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pptx

from tests.documents import zipped
from tests.ole import compound
from tests.pdfs import pages

PROSE = "The lease ends on 3 May 2031. The rent is 900 euros. Ábrego lives in 東京."
CONTAINER = '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>{}</rootfiles></container>'
PACKAGE = (
    '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="a.xhtml"'
    ' media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>'
)
OFFICE = "urn:oasis:names:tc:opendocument:xmlns"


def samples() -> dict[str, bytes]:
    """Return files by name."""
    return {
        "a.txt": f"The lease\n\n{PROSE}\n".encode(),
        "a.md": f"# The lease\n\n{PROSE}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n".encode(),
        "a.html": f"<html><head><title>x</title></head><body><h1>Lease</h1><p>{PROSE}</p></body></html>".encode(),
        "a.csv": b"name,rent\nLease,900\nOther,800\n",
        "a.json": json.dumps({"lease": {"ends": "2031-05-03", "rent": [900, None, True]}}).encode(),
        "a.jsonl": b'{"a": 1}\n{"a": 2}\n',
        "a.srt": b"1\n00:00:01,000 --> 00:00:02,000\nThe lease ends.\n\n",
        "a.rtf": rb"{\rtf1\ansi\uc1 The lease \b ends\b0  on \u26085? May.\par Rent\'e9.}",
        "a.py": b'def lease():\n    """End."""\n    return 900\n',
        "a.pdf": pages(["The lease ends on 3 May 2031.", "The rent is 900 euros."], ["A second page."]),
        "a.msg": compound(
            {"__substg1.0_0037001F": "Lease".encode("utf-16-le"), "__substg1.0_1000001F": b"R\0e\0n\0t\0"}
        ),
        "a.docx": _word(),
        "a.pptx": _slides(),
        "a.xlsx": _workbook(),
        "a.odt": zipped(
            {
                "mimetype": "application/vnd.oasis.opendocument.text",
                "content.xml": f'<office:document-content xmlns:office="{OFFICE}:office:1.0"'
                f' xmlns:text="{OFFICE}:text:1.0"><office:body><office:text><text:p>{PROSE}</text:p></office:text>'
                "</office:body></office:document-content>",
            }
        ),
        "a.epub": zipped(
            {
                "mimetype": "application/epub+zip",
                "META-INF/container.xml": CONTAINER.format('<rootfile full-path="p.opf"/>'),
                "p.opf": PACKAGE,
                "a.xhtml": f"<html xmlns='http://www.w3.org/1999/xhtml'><body><p>{PROSE}</p></body></html>",
            }
        ),
        "a.eml": _mail(),
        "a.mbox": b"From someone@example.org Mon Jan  1 00:00:00 2024\n" + _mail() + b"\n",
    }


def all_samples(folder: Path | None) -> dict[str, bytes]:
    """Return the samples, and the files of a folder."""
    return samples() | dict(_files_of(folder) if folder else ())


def _files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    return ((path.name, path.read_bytes()) for path in sorted(folder.iterdir()) if path.is_file())


def _word() -> bytes:
    document = docx.Document()
    document.add_heading("The lease", 1)
    document.add_paragraph(PROSE)
    document.add_table(2, 2).cell(0, 0).text = "Rent"
    return _saved(document)


def _slides() -> bytes:
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "The lease"
    slide.placeholders[1].text = PROSE
    return _saved(show)


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["name", "rent"])
    book.active.append(["Lease", 900])
    return _saved(book)


def _saved(document: object) -> bytes:
    file = io.BytesIO()
    document.save(file)  # type: ignore[attr-defined]  # each library's own document
    return file.getvalue()


def _mail() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", "The lease"
    mail["Date"] = "Mon, 01 Jan 2024 00:00:00 +0000"
    mail.set_content(PROSE)
    mail.add_attachment(b"Attached rent.", "text", "plain", filename="rent.txt")
    return mail.as_bytes()
