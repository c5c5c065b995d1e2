"""`rag eval`: options to calls, reports to text."""

from pathlib import Path
from typing import Any

import click

from index.errors import RagError
from rag.settings import Settings
from rag.terminal import json_option, k_option, model_options, place_options, print_json, print_lines

PATH = click.Path(path_type=Path)
FORMATS = ("jsonl", "squad")
LONE = ("compare", "as_json")
CLAIMS = "claims.jsonl"


class _DefaultGroup(click.Group):
    """A group whose first command runs if none is named: `rag eval notes/` is `rag eval run notes/`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group("eval", cls=_DefaultGroup)
def eval_group() -> None:
    """Say how good the answers are: on the bundled questions, any suite, or your own documents.

    \b
    Examples:
      rag eval                          the bundled questions on the article in seeds/
      rag eval init notes/              write a first question file for your own folder
      rag eval notes/                   and score it
      rag eval --suite squad2/ --report out/
      rag eval --suite injection/ --model openai:gpt-5-mini
      rag eval --suite claims_halueval/   how often the check of a model's sentences is wrong
      rag eval --compare before.json after.json
    See `rag eval run --help` for all options.
    """


@eval_group.command("run")
@click.argument("folder", type=PATH, required=False)
@click.option("--questions", type=PATH, metavar="FILE", help="The question file [FOLDER-questions.jsonl].")
@click.option("--suite", type=PATH, metavar="PATH", help="A folder with docs.jsonl and questions.jsonl, or a file.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="jsonl", help="What the suite is [jsonl].")
@click.option("--without", default="", metavar="STAGES", help="Leave stages out, such as rerank,lexical.")
@click.option("--given-candidates", is_flag=True, help="Read each question's candidate documents; do not search.")
@click.option("--measure", "names", multiple=True, metavar="NAME", help="Only this measure (may be repeated).")
@click.option("--report", type=PATH, metavar="FOLDER", help="Write report.json and report.html there.")
@click.option("--thresholds", type=PATH, metavar="FILE", help="Fail if a measure is below its threshold there.")
@click.option("--compare", type=PATH, nargs=2, metavar="A B", help="Compare two reports instead.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the first N questions.")
@k_option
@click.option("--threshold", type=float, metavar="SCORE", help="Answer only from this score up [fitted].")
@place_options
@model_options
@json_option
def run_command(
    folder: Path | None,
    questions: Path | None,
    suite: Path | None,
    form: str,
    without: str,
    given_candidates: bool,
    names: tuple[str, ...],
    report: Path | None,
    thresholds: Path | None,
    compare: tuple[Path, Path] | None,
    limit: int | None,
    k: int | None,
    threshold: float | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Run questions through the chain and print a table: the bundled ones, a --suite, or those on FOLDER.

    Exits with 1 if a measure misses its threshold. A run that was stopped goes on where it was.

    \b
    Examples:
      rag eval
      rag eval notes/ --report out/
      rag eval --suite dev-v2.0.json --format squad --without rerank
    """
    if compare:
        params = click.get_current_context().params
        if others := [name for name, value in params.items() if value and name not in LONE and value != FORMATS[0]]:
            raise click.UsageError(f"--compare stands alone, without {', '.join(others)}")
        _compare(compare, as_json)
        return
    if folder and suite:
        raise click.UsageError("FOLDER and --suite: give one of them")
    if questions and not folder and not suite:
        raise click.UsageError("--questions needs FOLDER or --suite")
    if form != FORMATS[0] and not suite:
        raise click.UsageError("--format needs --suite")
    if suite and (suite / CLAIMS).exists():
        _claims(suite / CLAIMS, limit, report, as_json)
        return
    from eval.evaluate import Plan, evaluate
    from eval.thresholds import ThresholdError, missed

    settings = Settings.from_environment(k=k, threshold=threshold, **given)
    if report:
        report.mkdir(parents=True, exist_ok=True)
    is_squad = form == "squad"
    found = evaluate(
        Plan(settings, folder, questions, suite, is_squad, without, given_candidates, names, limit, thresholds)
    )
    written = _write(report, found.report) if report else []
    if as_json:
        print_json(found.report)
    else:
        from eval.report import report_lines

        print_lines([*report_lines(found.report), *found.notes, *(f"written: {path}" for path in written)])
    found.done()
    failures = list(missed(found.report, found.thresholds))
    if failures:
        raise ThresholdError("; ".join(failures))


@eval_group.command("init")
@click.argument("folder", type=PATH)
@click.option("--questions", type=PATH, metavar="FILE", help="Where to write it [FOLDER-questions.jsonl].")
@place_options
def init_command(folder: Path, questions: Path | None, **place: Any) -> None:
    """Write a first question file for FOLDER: some made automatically, some for you to write.

    \b
    Examples:
      rag eval init notes/
      rag eval notes/
    """
    from eval.preparing import indexed_documents, question_file
    from eval.starter import write_starter
    from rag.indexing import index_folders

    settings = Settings.from_environment(**place)
    path = questions or question_file(folder)
    if path.exists():
        raise RagError(f"{path} is there already: remove it first, or name another with --questions")
    index_folders(settings, [folder])
    documents = indexed_documents(folder, settings)[1]
    count = write_starter(path, {doc_id: d for doc_id, d in documents.items() if not doc_id.startswith("/")})
    print_lines([f"{path}: {count} questions; write the ones that begin with TODO, then run `rag eval {folder}`"])


def _compare(paths: tuple[Path, Path], as_json: bool) -> None:
    from eval.compare import compare, comparison_lines, read_report

    found = compare(*map(read_report, paths))
    if as_json:
        print_json(found)
    else:
        print_lines(comparison_lines(found))


def _claims(path: Path, limit: int | None, folder: Path | None, as_json: bool) -> None:
    from eval.claims import claims_lines, claims_report

    found = claims_report(path, limit)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(folder / "report.json", found)
    if as_json:
        print_json(found)
    else:
        print_lines(claims_lines(found))


def _write(folder: Path, report: dict[str, Any]) -> list[Path]:
    from eval.page import report_page

    page = folder / "report.html"
    page.write_text(report_page(report), "utf-8", errors="replace")
    return [_write_json(folder / "report.json", report), page]


def _write_json(path: Path, report: dict[str, Any]) -> Path:
    import json

    path.write_text(json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1) + "\n", "utf-8", "replace")
    return path
