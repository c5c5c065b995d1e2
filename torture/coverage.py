"""Fuzz guided by coverage, for whoever has atheris (`pip install atheris`): it looks for bytes that reach new code.

    python -m torture.coverage text -max_total_time=600

`fuzz` draws blindly, and is what `make torture` runs; this finds what only a rare branch breaks. Any exception but the
error for people, or a promise that does not hold, ends it, with the bytes that did it in a file of libFuzzer's.
"""

import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris  # type: ignore[import-not-found]  # not of the project: see above

with atheris.instrument_imports(include=["index", "rag", "eval"]):
    from eval.formats import read_squad, read_suite
    from index.errors import RagError
    from index.filters import parse_filter
    from index.parsing import parse
    from rag.conversation import Turn, standalone
    from rag.kinds import kind_of
    from rag.question import checked
    from rag.spelling import respelled
    from torture.fuzz import check_document

SUFFIXES = (".txt", ".md", ".html", ".csv", ".json", ".srt", ".py", ".rtf", ".eml")


def text(data: bytes) -> None:
    """Parse and chunk a file of one of the formats that are text, and check what is promised of any document."""
    check_document(parse(f"a{SUFFIXES[data[0] % len(SUFFIXES)]}" if data else "a.txt", data[1:], None))


def question(data: bytes) -> None:
    """Understand a question, a filter and a history."""
    first, _, rest = data.decode("utf-8", "replace").partition("\n")
    asked = checked(first)
    kind_of(standalone(asked, [Turn(rest or "x", rest or "x")]))
    respelled(asked, [rest], lambda words: [2] * len(words))
    parse_filter(rest).matches("a/b.txt", {"date": "2024-05-03"})


def records(data: bytes) -> None:
    """Read a suite of one question, and a SQuAD file."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "docs.jsonl").write_text('{"doc_id": "d", "text": "One. Two."}\n', "utf-8")
        Path(folder, "questions.jsonl").write_bytes(data)
        for read, path in ((read_suite, Path(folder)), (read_squad, Path(folder, "questions.jsonl"))):
            with suppress(RagError):
                read(path)


TARGETS = {"text": text, "question": question, "records": records}


def main() -> None:
    """Run a target until libFuzzer's options say that it is enough."""
    target = TARGETS[sys.argv[1]]

    def one(data: bytes) -> None:
        try:
            target(data)
        except RagError as error:
            str(error).encode("utf-8")

    atheris.Setup([sys.argv[0], *sys.argv[2:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
