"""Read every file of a folder as `rag index` would, and print a table: format, seconds, characters, recall, or reason.

    python scripts/measure_formats.py DIR [--show]

Recall is the share of the words of `FILE.expected.md`, where there is one, that the extracted text holds (a word as
often as it is there), after the Markdown's marks are taken off. `--show` prints each text's beginning too.
"""

import html
import re
import sys
import time
from collections import Counter
from pathlib import Path

from index.errors import UnreadableDocumentError
from index.parsing import ParsedDocument, Parser, place_label
from index.parsing.formats import format_of

EXPECTED = ".expected.md"
# Pictures' marks, links' addresses, list numbers, table rules; and the names that docling gives to a comment's fields.
MARKS = re.compile(r"<!-- image -->|\]\([^)]*\)|^\s*\d+\. |^[|\s:-]+$|\[author: |, time: ", re.MULTILINE)
SHOWN_BLOCKS = 12


def words(text: str) -> Counter[str]:
    """Count the words of a text, in small letters."""
    return Counter(re.findall(r"\w+", text.lower()))


def recall(expected: str, text: str) -> float:
    """Return the share of the expected words that the text has, each counted as often as it is there."""
    wanted = words(html.unescape(MARKS.sub(" ", expected)))
    return (wanted & words(text)).total() / max(1, wanted.total())


def show(document: ParsedDocument) -> None:
    """Print what was found in a document."""
    print(f"    {document.metadata}")
    for block in document.blocks[:SHOWN_BLOCKS]:
        place = place_label(document.places, block.start, block.end)
        print(f"    {block.level} [{place}] {document.text[block.start : block.end][:200]!r}")


def main() -> None:
    """Measure the files of the folder that is named."""
    folder, has_show = Path(sys.argv[1]), "--show" in sys.argv
    recalls = []
    print("| file | format | seconds | characters | recall | reason |\n| --- | --- | --- | --- | --- | --- |")
    with Parser() as parser:
        for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.endswith(EXPECTED)):
            data = path.read_bytes()
            start = time.perf_counter()
            kind, size, found, reason, document = "", "", "", "", None
            try:
                kind = format_of(path.name, data).name
                document = parser.parse(path.name, data)
                size = f"{len(document.text):,}"
            except UnreadableDocumentError as error:
                reason = str(error)
            seconds = time.perf_counter() - start
            expected = path.with_name(path.name + EXPECTED)
            if document is not None and expected.exists():
                recalls.append(recall(expected.read_text("utf-8"), document.text))
                found = f"{recalls[-1]:.3f}"
            print(f"| {path.name} | {kind} | {seconds:.3f} | {size} | {found} | {reason} |")
            if document is not None and has_show:
                show(document)
    if recalls:
        mean = sum(recalls) / len(recalls)
        print(f"\n{len(recalls)} files with expected text: mean recall {mean:.3f}, least {min(recalls):.3f}")


if __name__ == "__main__":
    main()
