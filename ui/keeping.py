"""`rag remove`, `rag export`, `rag backup`, `rag import`, `rag feedback`: what deals with all that an index keeps.

They are here because conversations are kept beside the index, and quote it.
"""

import sys
from pathlib import Path
from typing import Any

import click

from index.errors import RagError
from rag.address import without_password
from rag.settings import Settings
from rag.terminal import json_option, place_options, print_json, print_lines

SHOWN = 10
WITHDRAWN = "This answer quoted a document that was removed."


@click.command("remove")
@click.argument("documents", nargs=-1, required=True, metavar="PATH...")
@place_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--verify", is_flag=True, help="Search every file of the index for what might be left of them.")
@click.option("--conversations", is_flag=True, help="Remove the answers that quote them, too.")
@json_option
def remove_command(
    documents: tuple[str, ...], yes: bool, verify: bool, conversations: bool, as_json: bool, **place: Any
) -> None:
    """Take documents out of the index: names, files, folders, or patterns of names. The files stay where they are.

    With --verify, every file of the index is searched for their text, their vectors and their names; the command exits
    with 1 if something is left. That can be asked later, too, for a file that is not indexed any more. Answers in
    conversations that quote them are named, and removed with --conversations.

    \b
    Examples:
      rag remove notes/diary.txt
      rag remove 'notes/2019/*' --yes
      rag remove notes/diary.txt --verify --conversations
    """
    from index.traces import prove_gone
    from rag.assemble import open_local, open_store
    from rag.removal import choose, remove
    from ui.conversations import FILE, Conversations

    settings = Settings.from_environment(**place)
    kept = Conversations.of(settings)
    store = open_store(settings)
    local = open_local(settings, "`rag remove --verify`") if verify else None
    chosen = choose(store, documents, also_gone=verify)
    named = [*chosen.names, *(trace.name for trace in chosen.traces)]
    turns = kept.quoting(set(named)) if kept.database.exists else []
    if chosen.names and not yes:
        _confirm(chosen.names, len(turns) if conversations else 0)
    if chosen.names:
        remove(store, chosen.names)
    if conversations and turns:
        kept.withdraw([turn for turn, _ in turns], WITHDRAWN)
        turns = []
    proof = prove_gone(local, chosen.traces, beside=() if conversations else (FILE,)) if local else None
    if as_json:
        quoted = [{"turn": turn, "question": question} for turn, question in turns]
        print_json({"removed": chosen.names, "quoted": quoted, "proof": proof and proof.to_dict()})
    else:
        print_lines(_said(settings, chosen.names, [question for _, question in turns]))
    if proof is not None and proof.found:
        where = "; ".join(f"{file}: {what}" for file, what in proof.found[:SHOWN])
        raise RagError(f"not all is gone: {where}")
    if proof is not None and not as_json:
        print_lines(
            [f"verified: none of {proof.pieces} pieces is in any of the {proof.files} files of {settings.index}"]
        )


def _confirm(names: tuple[str, ...], answers: int) -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError(f"{len(names)} to remove: add --yes to do it without being asked.")
    print_lines([*names[:SHOWN], *([f"... {len(names)} in all"] if len(names) > SHOWN else [])])
    also = f", and {answers} answers that quote them" if answers else ""
    if not click.confirm(f"Take these out of the index{also}?"):
        raise click.exceptions.Exit(1)


def _said(settings: Settings, names: tuple[str, ...], questions: list[str]) -> list[str]:
    from index.documents import names_base

    lines = [f"{len(names)} removed"]
    there = [name for name in names if (names_base(settings.index) / name).exists()]
    if there:
        lines.append(
            f"{len(there)} of the files are still there: the next `rag index` brings them back, unless a .ragignore or"
            " --exclude leaves them out"
        )
    if questions:
        lines.append(f"{len(questions)} answers in conversations quote them (--conversations removes those answers):")
        lines += [f"  {question}" for question in questions[:SHOWN]]
    return lines


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@place_options
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
def export_command(file: Path, force: bool, **place: Any) -> None:
    """Write the whole index to one FILE that another machine can import: texts, passages and vectors, no conversations.

    It can be done while the index is in use; FILE is one generation, with the hash of everything in it.

    \b
    Examples:
      rag export notes.ragindex
    """
    _write(Settings.from_environment(**place), file, force, {})


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@place_options
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
def backup_command(file: Path, force: bool, **place: Any) -> None:
    """Write the whole index with its conversations to one FILE, while it is in use; `rag import` restores it.

    Conversations that are kept in a database (RAG_DATABASE) are not in it: pg_dump writes those.

    \b
    Examples:
      rag backup monday.ragindex
    """
    from ui.conversations import FILE, SCHEMA

    settings = Settings.from_environment(**place)
    _write(settings, file, force, {} if settings.database else {FILE: SCHEMA})
    if settings.database:
        print_lines([f"no conversations: they are in {without_password(settings.database)} (pg_dump writes them)"])


def _write(settings: Settings, file: Path, force: bool, beside: dict[str, str]) -> None:
    from index.archive import write_archive
    from index.collections import check_there
    from rag.assemble import open_local

    check_there(settings.index)
    if file.exists() and not force:
        raise RagError(f"{file} is there already: remove it first, or give --force")
    manifest = write_archive(open_local(settings, "`rag export`"), file, beside)
    print_lines(
        [f"{file}: {manifest.documents} documents, {manifest.chunks} passages, {file.stat().st_size:,} bytes, checked"]
    )


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@place_options
@click.option("--force", is_flag=True, help="Replace the index that is there.")
def import_command(file: Path, force: bool, **place: Any) -> None:
    """Make an index from a FILE of `rag export` or `rag backup`, after checking every byte of it.

    An index that is there stays as it was until the new one is whole. Documents keep their names, which are relative to
    the folder that holds the index.

    \b
    Examples:
      rag import notes.ragindex
      rag import monday.ragindex --force
    """
    from index.archive import read_archive
    from rag.assemble import open_local
    from ui.conversations import FILE, SCHEMA

    settings = Settings.from_environment(**place)
    manifest = read_archive(open_local(settings, "`rag import`"), file, {FILE: SCHEMA}, force=force)
    print_lines([f"{settings.index}: {manifest.documents} documents, {manifest.chunks} passages"])
    if settings.database:
        print_lines([f"conversations stay as they are in {without_password(settings.database)}, without the file's"])


@click.command("feedback")
@place_options
@json_option
def feedback_command(as_json: bool, **place: Any) -> None:
    """Print the thumbs and comments that people left in the browser, with questions and answers.

    \b
    Examples:
      rag feedback
      rag feedback --json > feedback.json
    """
    from index.collections import check_there
    from ui.conversations import Conversations

    settings = Settings.from_environment(**place)
    check_there(settings.index)
    kept = Conversations.of(settings)
    entries = kept.feedback() if kept.database.exists else []
    if as_json:
        print_json({"feedback": entries})
        return
    print_lines([f"{len(entries)} with a thumb"])
    for entry in entries:
        comment = f": {entry['comment']}" if entry["comment"] else ""
        print_lines([f"{entry['created'][:16]}  {entry['thumb']:<5}{entry['question']}{comment}"])


@click.command("migrate")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@json_option
def migrate_command(source: str, target: str, as_json: bool) -> None:
    """Copy the index at FROM to TO, where there is none yet: a local index to a Lance table, or back.

    Nothing is encoded again. What is read at TO is compared with what was copied, document by document. FROM stays, and
    conversations stay where they are. S3 takes its credentials from the environment (docs/scaling.md).

    \b
    Examples:
      rag migrate .rag s3://bucket/notes
      rag migrate .rag /data/notes.lance
      rag migrate s3://bucket/notes .rag
    """
    from index.collections import DEFAULT
    from index.migration import migrate
    from rag.assemble import open_store

    # A collection is named by its folder here: FROM and TO may be of two.
    places = [Settings.from_environment(index=place, collection=DEFAULT) for place in (source, target)]
    stores = list(map(open_store, places))
    copied = migrate(*stores)
    documents, chunks = len(copied.checksums), copied.chunks
    if as_json:
        print_json({"from": source, "to": target, "documents": documents, "chunks": chunks})
    else:
        print_lines([f"{target}: {documents} documents, {chunks} passages, compared with {source}: the same"])
