"""What the commands share: their common options, and printing that cannot drive a terminal."""

import json
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

MAX_WIDTH = 100


def options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Put several options on a command, in this order."""

    def decorate(command: Any) -> Any:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


index_option = click.option("--index", metavar="PLACE", help="Where the index is [.rag, or RAG_INDEX].")
collection_option = click.option(
    "--collection", metavar="NAME", help="Which of its collections [default, or RAG_COLLECTION]."
)
place_options = options(index_option, collection_option)
copy_option = click.option(
    "--copy", type=click.Path(path_type=Path), metavar="FOLDER", help="Ask a local copy of the table [RAG_COPY]."
)
reading_options = options(place_options, copy_option)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
k_option = click.option("-k", type=int, metavar="N", help="How many passages to look at [8].")
where_option = click.option(
    "--where", default="", metavar="FILTER", help="Only documents like this: 'path:reports/* date>=2024 author:smith'."
)
question_options = options(
    click.argument("question", required=False), where_option, k_option, reading_options, json_option
)
model_options = options(
    click.option("--model", metavar="PROVIDER:NAME", help="A language model that writes the answer [RAG_MODEL]."),
    click.option(
        "--keep-unsupported",
        is_flag=True,
        default=None,
        help="Show sentences of the model that are not supported, marked as such.",
    ),
    click.option("--max-cost", type=float, metavar="DOLLARS", help="Ask no model once so much may be spent."),
)
open_options = options(
    click.option(
        "--open", "source", type=click.IntRange(min=1), metavar="N", help="Write the page of source [N] as a picture."
    ),
    click.option(
        "--output",
        type=click.Path(path_type=Path),
        default=Path(),
        metavar="PATH",
        help="The folder for it, or a file.png [this folder].",
    ),
)


def width() -> int:
    """Return the columns to fill."""
    return min(shutil.get_terminal_size().columns, MAX_WIDTH)


def typed_question(argument: str | None) -> str:
    """Return the question that is the argument, or comes from standard input. Raises QuestionError."""
    from rag.question import checked

    if argument in (None, "-"):
        if sys.stdin is None or (argument is None and sys.stdin.isatty()):
            raise click.UsageError("Missing argument 'QUESTION'.")
        argument = sys.stdin.buffer.read(100_000).decode("utf-8", "replace")
    return checked(argument or "")


def typed_line(prompt: str) -> str | None:
    """Return the next line of standard input, or None at its end."""
    try:
        return input(prompt)
    except EOFError:
        return None


def print_lines(lines: Iterable[str]) -> None:
    """Print lines without anything that a terminal would act on."""
    from rag.render import harmless

    for line in lines:
        print(harmless(line))


def print_json(value: object) -> None:
    """Print JSON that says exactly what it should, on any terminal: what is not plain text there is escaped."""
    from rag.render import UNSAFE

    is_utf8 = getattr(sys.stdout, "encoding", "").lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not is_utf8, allow_nan=False, indent=2)
    print(UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def complain(message: str) -> None:
    """Print one line on standard error."""
    from rag.render import printable

    print(f"rag: {printable(message)}", file=sys.stderr)
