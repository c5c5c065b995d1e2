"""Time the text of PDFs: pages a second of one core, for each file that is named and for all of them together.

    python benchmarks/pdf_text.py FOLDER/*.pdf

Seconds are the processor's, the least of a few rounds, so that another program's work counts less. What is timed is
all of `parse`: pdfium's part ("pdfium" is the least that its text costs: open each page, take its characters), the
order, the paragraphs, the headings. A file that is refused is named with its reason.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from cold_start import machine

from index.errors import UnreadableDocumentError
from index.parsing.pdf import parse
from index.parsing.pdf.characters import Characters
from index.parsing.pdf.source import opened, opened_page


def bare(data: bytes) -> int:
    """Take the characters of every page, and nothing else; return the number of pages."""
    with opened(data) as document:
        for number in range(1, len(document) + 1):
            with opened_page(document, number) as page:
                if page is not None:
                    with Characters(page) as characters:
                        characters.text()
        return len(document)


def least(work: Callable[[], object], rounds: int) -> float:
    """Return the processor's seconds of the quickest round."""
    taken: list[float] = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


def main() -> None:
    """Print a table of the files."""
    parser = argparse.ArgumentParser(description="Time the text of PDFs.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument(
        "-n", "--rounds", type=int, default=3, help="rounds, of which the quickest counts [%(default)s]"
    )
    arguments = parser.parse_args()
    print(machine())
    print(f"{'file':<42}{'pages':>6}{'characters':>11}{'seconds':>9}{'pdfium':>8}{'pages/s':>9}")
    all_pages, all_characters, all_seconds = 0, 0, 0.0
    for file in arguments.files:
        data = file.read_bytes()
        try:
            characters = len(parse(data).text)
        except UnreadableDocumentError as error:
            print(f"{file.name[:41]:<42}{error}")
            continue
        seconds = least(lambda data=data: parse(data), arguments.rounds)
        pages, pdfium = bare(data), least(lambda data=data: bare(data), arguments.rounds)
        print(f"{file.name[:41]:<42}{pages:>6}{characters:>11,}{seconds:>9.3f}{pdfium:>8.3f}{pages / seconds:>9.0f}")
        all_pages, all_characters, all_seconds = all_pages + pages, all_characters + characters, all_seconds + seconds
    if all_seconds:
        print(
            f"{'all':<42}{all_pages:>6}{all_characters:>11,}{all_seconds:>9.3f}{'':>8}{all_pages / all_seconds:>9.0f}"
        )


if __name__ == "__main__":
    main()
