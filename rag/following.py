"""`rag follow`: bring the copy of a table in step, once."""

from typing import Any

import click

from rag.settings import SettingError, Settings
from rag.terminal import copy_option, index_option, json_option, print_json, print_lines


@click.command("follow")
@index_option
@copy_option
@click.option("--verify", is_flag=True, help="Read everything, there and here, and compare it.")
@json_option
def follow_command(verify: bool, as_json: bool, **given: Any) -> None:
    """Bring the local copy of a Lance table in step with it: the first time all is copied, then what has changed.

    Whoever asks with RAG_COPY does this by itself, and goes on doing so; this is for cron, and to make a large copy
    before a server begins. Only this program writes to the copy: index into the table (docs/scaling.md).

    \b
    Examples:
      RAG_INDEX=s3://bucket/notes RAG_COPY=/nvme/notes rag follow
      rag follow --index s3://bucket/notes --copy /nvme/notes --verify
    """
    from index.copying import step
    from rag.assemble import open_copy, open_store, show_copying

    settings = Settings.from_environment(**given)
    if not settings.table:
        raise SettingError(f"{settings.place} is no table: a local index needs no copy")
    if settings.copy is None:
        raise SettingError("there is no folder for the copy: give --copy FOLDER, or set RAG_COPY")
    copy = open_copy(settings.copy, settings.table)
    taken = step(open_store(settings), copy, verify=verify, shown=show_copying)
    copy.mend()
    copy.empty_log()
    if as_json:
        values = {"generation": taken.held.generation, "added": taken.added, "removed": taken.removed}
        print_json({"copy": str(settings.copy), "of": settings.table, **values, "anew": taken.anew})
        return
    how = f", made anew: {taken.anew}" if taken.anew else ""
    compared = ", all compared" if verify else ""
    print_lines(
        [
            f"{settings.copy}: generation {taken.held.generation} of {settings.table},"
            f" {taken.added} documents copied, {taken.removed} removed{how}{compared}"
        ]
    )
