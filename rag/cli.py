"""The `rag` command: options to calls, results to text. No retrieval logic here.

Exit codes: 0 done, 1 an error (one line on stderr), 2 wrong usage, 3 not in the documents, 4 answered without the
language model that was asked for, 130 stopped with Ctrl-C (see `__main__.py`).
Heavy modules are imported inside the commands that need them, so that `rag --help` is instant.
"""

import contextlib
import io
import logging
import os
import sys
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import click

from eval.cli import eval_group
from index.collections import check_there, nearest
from index.errors import CollectionMissingError, RagError
from index.models import go_offline
from rag import events
from rag.configuring import config_command
from rag.folders import index_command, status_command, watch_command
from rag.following import follow_command
from rag.listeners import show
from rag.ocr import ocr_command
from rag.settings import Settings
from rag.terminal import (
    complain,
    json_option,
    k_option,
    model_options,
    open_options,
    print_json,
    print_lines,
    question_options,
    reading_options,
    typed_line,
    typed_question,
    where_option,
    width,
)
from server.cli import mcp_command, serve_command, token_group, ui_command, user_group
from server.collecting import collection_group
from ui.keeping import (
    backup_command,
    export_command,
    feedback_command,
    import_command,
    migrate_command,
    remove_command,
)

NOT_IN_DOCUMENTS = 3
WITHOUT_MODEL = 4


def main() -> None:
    """Run the command line and exit with its code."""
    go_offline()
    # A name or a quote may hold what the terminal's encoding cannot show; that is no reason to fail.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None if it was closed by the caller
            stream.reconfigure(errors="replace")
    logging.basicConfig(format="rag: %(message)s", level=logging.WARNING)
    _leave(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:
    """Run a command and return its exit code; every error becomes one line on stderr.

    subtle: not `cli.main`, which handles some errors itself, in its own way.
    """
    try:
        with cli.make_context("rag", arguments) as context:
            cli.invoke(context)
        if sys.stdout:
            sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        return 2
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "rag"
        complain(f"{error.format_message()} (see `{command} --help`)")
        return 2
    except BrokenPipeError:
        return 0  # the reader of our output (`| head`) has seen enough
    except RagError as error:
        events.failed(error)
        complain(f"{error}{nearest(error.folder)}" if isinstance(error, CollectionMissingError) else str(error))
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else "cannot write the output: "
        complain(f"{place}{error.strerror}")
        return 1
    except MemoryError as error:
        events.failed(error)
        complain("there is not enough memory for this: end other programs, or index fewer files at a time")
        return 1
    return 0


def _leave(code: int) -> NoReturn:
    """End the process without taking its modules apart, which takes half a second and frees what is gone anyway.

    Everything that must be closed (the store, the progress bar) is closed by its `with` block before this.
    """
    logging.shutdown()  # sends what waits
    for stream in (sys.stdout, sys.stderr):
        if stream:
            with contextlib.suppress(OSError):
                stream.flush()
    os._exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="checkable-rag", prog_name="rag")
@click.option("-v", "--verbose", is_flag=True, help="Say on standard error what was done and how long it took.")
def cli(verbose: bool) -> None:
    """Answer questions from your own documents, every sentence with its exact source.

    \b
    Examples:
      rag index notes/
      rag ask "When does the lease end?"
      echo "When does the lease end?" | rag ask -
      rag search "lease" -k 5 --json
    """
    if verbose:
        show()


@cli.command()
@question_options
def search(question: str | None, where: str, k: int | None, as_json: bool, **place: Any) -> None:
    """Show the passages that match QUESTION (or standard input), by meaning and by words.

    \b
    Examples:
      rag search "Ábrego"
      rag search "deportation" -k 3 --json
      rag search "deportation" --where "type=pdf date>=2024"
    """
    from index.filters import parse_filter
    from rag.assemble import open_searcher
    from rag.render import hit_lines

    text = typed_question(question)
    settings = Settings.from_environment(k=k, **place)
    results = open_searcher(settings).search(text, settings.k, where=parse_filter(where))
    if as_json:
        print_json({"generation": results.generation, "hits": [hit.to_dict() for hit in results.hits]})
    else:
        print_lines(hit_lines(results.hits, width()))


@cli.command()
@question_options
@click.option("--show-passages", is_flag=True, help="Show the passages that were looked at, too.")
@click.option("--threshold", type=float, metavar="SCORE", help="Answer only from this score up [fitted].")
@open_options
@model_options
def ask(
    question: str | None,
    where: str,
    k: int | None,
    as_json: bool,
    show_passages: bool,
    threshold: float | None,
    source: int | None,
    output: Path,
    **given: Any,
) -> None:
    """Answer QUESTION (or standard input) with sentences of the documents, each with its source.

    With --model, a language model writes the answer, and every sentence is checked against its source.

    Exits with 3 if the documents do not hold the answer, with 4 if the answer had to do without the language model.

    \b
    Examples:
      rag ask "When does the lease end?"
      rag ask "When does the lease end?" --json
      rag ask "When does the lease end?" --open 1
      rag ask "When does the lease end?" --where "path:leases/* date>=2024"
      rag ask "When does the lease end?" --model ollama:llama3.2
      rag ask - < question.txt
    """
    from index.filters import parse_filter
    from rag.answer import Answer, Verdict
    from rag.assemble import open_chain
    from rag.streaming import streamed_lines

    text, only = typed_question(question), parse_filter(where)
    chain = open_chain(Settings.from_environment(k=k, threshold=threshold, **given))
    answers: list[Answer] = []
    steps = chain.stream(text, where=only)
    lines = streamed_lines(steps, text, where, width(), answers.append, show_passages=show_passages)
    if as_json:
        answers = [chain.invoke(text, where=only)]
        print_json(answers[0].to_dict())
    else:
        print_lines(lines)
    answer = answers[0]
    if answer.verdict is Verdict.NOT_IN_DOCUMENTS:
        raise click.exceptions.Exit(NOT_IN_DOCUMENTS)
    if source is not None:
        from rag.pages import write_pages

        complain(f"written: {', '.join(map(str, write_pages(chain.searcher.store, answer, source, output)))}")
    if answer.writing and answer.writing.failure:
        raise click.exceptions.Exit(WITHOUT_MODEL)


@cli.command()
@where_option
@reading_options
@k_option
@click.option("--threshold", type=float, metavar="SCORE", help="Answer only from this score up [fitted].")
@model_options
def chat(where: str, **given: Any) -> None:
    """Ask one question after another; "When was it built?" knows what "it" is.

    Type /sources for the quotes of the last answer, /help for the other commands, Ctrl-D to leave.

    \b
    Examples:
      rag chat
      rag chat < questions.txt
    """
    from index.filters import parse_filter
    from rag.assemble import open_chain
    from rag.chatting import Chat

    settings = Settings.from_environment(**given)
    check_there(settings.index)
    talk = Chat(cache(lambda: open_chain(settings)), width(), parse_filter(where))
    is_terminal = sys.stdin is not None and sys.stdin.isatty()
    while (typed := typed_line("> " if is_terminal else "")) is not None and typed.strip() != "/quit":
        try:
            print_lines(talk.lines(typed))
        except RagError as error:
            complain(str(error))


@cli.command()
@reading_options
@json_option
@click.option("--recall", is_flag=True, help="Also compare the search for vectors with an exact one.")
def doctor(as_json: bool, recall: bool, **place: Any) -> None:
    """Check every promise of the index; exits with 1 and the mending command if one is broken.

    \b
    Examples:
      rag doctor
      rag doctor --index other/.rag --json
      rag doctor --recall
    """
    from index.doctor import examine
    from index.encoders import question_encoder
    from rag.assemble import open_local

    settings = Settings.from_environment(**place)
    make_encoder = cache(lambda: question_encoder(settings.encoder))
    checks = list(examine(open_local(settings, "`rag doctor`", may_be_copy=True), make_encoder, measure_recall=recall))
    if as_json:
        print_json({"checks": [asdict(check) for check in checks]})
    else:
        print_lines(f"{'ok ' if check.ok else 'BAD'} {check.name}: {check.detail}" for check in checks)
    broken = [check for check in checks if not check.ok]
    if broken:
        raise RagError(f"{broken[0].name} is broken: run `{broken[0].mend}`")


for command in (
    *(backup_command, export_command, import_command, migrate_command, remove_command),
    *(config_command, follow_command, index_command, ocr_command, status_command, watch_command),
    *(collection_group, eval_group, feedback_command, mcp_command, serve_command, token_group, ui_command, user_group),
):
    cli.add_command(command)
