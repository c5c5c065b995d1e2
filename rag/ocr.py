"""`rag ocr`: give a scanned PDF the text that it shows, with Debian's tesseract.

It is a step of its own, not a part of indexing: reading a page takes seconds, and what was read should be a file that
a person can look at. The new PDF has the same pages as pictures and their text below, so that indexing, citations and
painted pages are then the same as for any other PDF.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from index.errors import NoTextLayerError, OcrError, UnreadableDocumentError

DOTS_PER_INCH = 300
PROGRAM = "tesseract"


@click.command("ocr")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to write it [FILE.ocr.pdf].")
@click.option("--language", default="eng", metavar="NAMES", help="tesseract's names, such as deu+eng [eng].")
def ocr_command(file: Path, output: Path | None, language: str) -> None:
    r"""Write a copy of a scanned PDF with the text that tesseract reads in it.

    \b
    Examples:
      rag ocr letters/scan.pdf
      rag ocr letters/scan.pdf --language deu+eng --output letters/scan-text.pdf
    """
    output = output or file.with_suffix(".ocr.pdf")
    data = _scanned(file)
    if output.exists():
        raise OcrError(f"{output} is there already: name another file with --output")
    if shutil.which(PROGRAM) is None:
        raise OcrError("tesseract is not installed: run `apt install tesseract-ocr` (and tesseract-ocr-deu, ...)")
    print(f"{output}: {_read(data, output, language)} pages read", file=sys.stderr)


def _scanned(file: Path) -> bytes:
    """Return the bytes of a PDF that has no text yet. Raises OcrError for any other file."""
    from index.documents import SourceFile
    from index.parsing.pdf import parse

    try:
        data, _ = SourceFile(str(file), file).read()
        parse(data)
    except NoTextLayerError:
        return data
    except UnreadableDocumentError as error:
        raise OcrError(f"{file}: {error}") from error
    raise OcrError(f"{file} has a text layer: `rag index` reads it as it is")


def _read(data: bytes, output: Path, language: str) -> int:
    """Write the PDF with text; return its number of pages."""
    from index.parsing.pdf import page_pictures

    with TemporaryDirectory() as folder:
        pictures: list[Path] = []
        for page in page_pictures(data, DOTS_PER_INCH):
            pictures.append(Path(folder, f"{page.page}.png"))
            pictures[-1].write_bytes(page.png)
        listed = Path(folder, "pages.txt")
        listed.write_text("".join(f"{picture}\n" for picture in pictures), "utf-8")
        command = [PROGRAM, str(listed), str(Path(folder, "read")), "-l", language, "--dpi", str(DOTS_PER_INCH), "pdf"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise OcrError(f"tesseract failed: {said[0]}")
        shutil.copyfile(Path(folder, "read.pdf"), output)
    return len(pictures)
