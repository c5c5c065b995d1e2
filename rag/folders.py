"""`rag index`, `rag watch` and `rag status`: what is indexed, and keeping it in step with its folders."""

from pathlib import Path
from typing import Any

import click

from rag.settings import Settings
from rag.terminal import (
    collection_option,
    json_option,
    options,
    place_options,
    print_json,
    print_lines,
    reading_options,
)

choosing_options = options(
    click.option("--include", multiple=True, metavar="PATTERN", help="Only files that match, as in .gitignore."),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="No files or folders that match; repeatable."),
)
encoding_option = click.option(
    "--encoding", metavar="NAME", help="Read all files in this encoding [UTF-8, else Windows-1252]."
)


@click.command("index")
@click.argument("folders", nargs=-1, type=click.Path(), metavar="[FOLDER]...")
@click.option("--index", "--to", "index", metavar="PLACE", help="Where the index is [.rag, or RAG_INDEX].")
@collection_option
@choosing_options
@encoding_option
@click.option("--chunk-size", type=int, metavar="TOKENS", help="Longest chunk [200].")
@click.option("--chunk-overlap", type=int, metavar="N", help="Sentences that a chunk repeats of the last [1].")
@click.option("--verify", is_flag=True, help="Compare the content of every file, whatever its times say.")
@click.option("--retry-failed", is_flag=True, help="Try the files again that could not be read.")
@click.option("--rebuild", is_flag=True, help="Chunk and encode everything again.")
@click.option(
    "--ray", default="", metavar="ADDRESS", help="Read and encode on a Ray cluster: host:port, auto or local."
)
@json_option
def index_command(
    folders: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    encoding: str | None,
    verify: bool,
    retry_failed: bool,
    rebuild: bool,
    ray: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Bring the index in step with FOLDERs (or files) [seeds], with all subfolders: docs/formats.md lists what is read.

    A folder may lie on object storage (s3://bucket/folder).

    Only new, changed and removed files are touched. Run it again whenever files change; if it is stopped, the next run
    goes on from there. A `.ragignore` file in a folder leaves files out, as .gitignore does; what is left out now and
    was indexed before is removed.

    \b
    Examples:
      rag index notes/
      rag index notes/ letters/ --exclude 'drafts/' --exclude '*.bak.txt'
      rag index notes/ --encoding latin-1
      rag index notes/ --rebuild
      rag index contracts/ --collection legal
      rag index s3://docs/2026 --to s3://index/docs --ray auto
    """
    from index.buckets import root_of_word
    from index.ignoring import Rules
    from rag.indexing import index_folders, language_advice
    from rag.render import report_lines

    settings = Settings.from_environment(**given)
    report = index_folders(
        settings,
        [root_of_word(word) for word in folders or ("seeds",)],
        rules=Rules(include, exclude),
        encoding=encoding,
        rebuild=rebuild,
        verify=verify,
        retry_failed=retry_failed,
        ray=ray,
    )
    if as_json:
        print_json(report.to_dict())
        return
    print_lines(report_lines(report, language_advice(settings) if report.added else None))


@click.command("status")
@reading_options
@click.option("--failed", is_flag=True, help="List the files that could not be read, with the reason.")
@json_option
def status_command(failed: bool, as_json: bool, **place: Any) -> None:
    """Show what is indexed, with which model, and whether the views are in step.

    \b
    Examples:
      rag status
      rag status --failed
      rag status --json
    """
    from rag.indexing import failed_files, index_status
    from rag.render import printable

    settings = Settings.from_environment(**place)
    if failed:
        files = failed_files(settings)
        if as_json:
            print_json({"failed": files})
            return
        print_lines(f"{file['when']}  {printable(file['document'])}: {printable(file['reason'])}" for file in files)
        print_lines([f"{len(files)} failed; a file is tried again when it changes, or with `rag index --retry-failed`"])
        return
    values = index_status(settings)
    if as_json:
        print_json(values)
    else:
        print_lines(f"{name:<12}{value}" for name, value in values.items())


@click.command("watch")
@click.argument("folders", nargs=-1, required=True, type=click.Path(), metavar="FOLDER...")
@place_options
@choosing_options
@encoding_option
def watch_command(
    folders: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    encoding: str | None,
    **place: Any,
) -> None:
    """Keep the index in step with FOLDERs while files change, until Ctrl-C: one line for each change.

    It begins with what `rag index` does. A folder that is not there for a while (not mounted) loses nothing.

    \b
    Examples:
      rag watch notes/
      rag watch notes/ letters/ --exclude 'drafts/'
    """
    from index.errors import NoDocumentsError
    from index.ignoring import Rules
    from index.object_storage import is_remote
    from rag.watching import watch

    if remote := next(filter(is_remote, folders), None):
        raise NoDocumentsError(
            f"{remote} is not on this machine, and cannot be watched: run `rag index {remote}` again"
        )
    watch(
        Settings.from_environment(**place),
        [Path(folder) for folder in folders],
        Rules(include, exclude),
        encoding,
        print_lines,
    )
