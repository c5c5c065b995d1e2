"""`rag collection`: what collections there are, making and removing one.

Here, and not beside the other commands on an index, since a collection is removed only when no user is left who has it.
"""

import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from rag.settings import Settings
from rag.terminal import index_option, json_option, print_json, print_lines


@dataclass(frozen=True)
class Listed:
    """A collection as it is listed; `bytes` are those of its files in the index folder, without the uploads."""

    name: str
    documents: int
    passages: int
    bytes: int


@click.group("collection")
def collection_group() -> None:
    """Keep several collections in one index, each with documents, conversations and readers of its own.

    What is indexed without --collection is in the collection "default". Nothing of one collection is ever in an answer
    from another.
    """


@collection_group.command("list")
@index_option
@json_option
def list_collections_command(index: str | None, as_json: bool) -> None:
    """List the collections with how many documents and passages they hold, and their size in bytes.

    \b
    Examples:
      rag collection list
      rag collection list --json
    """
    from index.collections import DEFAULT, folder_of, known

    root = _settings(index).root
    rows = [_listed(folder_of(root, name), name) for name in (DEFAULT, *known(root))]
    if as_json:
        print_json({"collections": [asdict(row) for row in rows]})
        return
    print_lines(f"{r.name}: {r.documents:,} documents, {r.passages:,} passages, {r.bytes:,} bytes" for r in rows)


@collection_group.command("add")
@click.argument("name")
@index_option
def add_collection_command(name: str, index: str | None) -> None:
    """Make the collection NAME, with nothing in it yet; `rag index FOLDER --collection NAME` makes it, too.

    \b
    Examples:
      rag collection add legal
    """
    from index.collections import DEFAULT, folder_of, known, name_of
    from index.errors import CollectionError
    from index.store import Store

    folder = folder_of(_settings(index).root, name)
    if name_of(folder) in (DEFAULT, *known(folder.parent)):
        raise CollectionError(f"there is a collection {name_of(folder)} already")
    Store(folder).make_folder()
    print_lines([f"{name_of(folder)} is made: `rag index FOLDER --collection {name_of(folder)}` puts documents in it"])


@collection_group.command("remove")
@click.argument("name")
@index_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_collection_command(name: str, index: str | None, yes: bool) -> None:
    """Remove the collection NAME: its index, its conversations, and what was uploaded to it. Other files stay.

    \b
    Examples:
      rag collection remove legal
    """
    from index.collections import DEFAULT, check_there, folder_of, name_of
    from index.errors import CollectionError
    from rag.removal import remove_collection
    from ui.conversations import Conversations

    settings = _settings(index)
    folder = folder_of(settings.root, name)
    if name_of(folder) == DEFAULT:
        raise CollectionError("the default collection is the index folder itself: `rag remove` takes documents out")
    check_there(folder)
    _check_nobodys(settings, folder)
    if not yes:
        _confirm(_listed(folder, name_of(folder)))
    remove_collection(folder, lambda gone: Conversations.of(replace(settings, index=gone)).database.drop())
    print_lines([f"{name_of(folder)} is removed"])


def _check_nobodys(settings: Settings, folder: Path) -> None:
    """Refuse to take a user's collection away: they would be left with none, or come into a later one of that name."""
    from index.collections import name_of
    from index.errors import CollectionError
    from server.accounts import Accounts

    has = [user.name for user in Accounts.of(settings).users() if name_of(folder) in user.collections]
    if has:
        raise CollectionError(
            f"{', '.join(has)} may ask {name_of(folder)}: give them others first (`rag user change {has[0]}"
            " --collection NAME`), or remove them"
        )


def _confirm(listed: Listed) -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError(f"{listed.documents} documents to remove: add --yes to do it without being asked.")
    if not click.confirm(f"Remove {listed.name} with {listed.documents} documents, its conversations and uploads?"):
        raise click.exceptions.Exit(1)


def _listed(folder: Path, name: str) -> Listed:
    from index.collections import own_files
    from index.errors import IndexMissingError
    from index.store import Store

    try:
        with Store(folder).snapshot() as snapshot:
            documents, passages = snapshot.counts()
    except IndexMissingError:
        documents, passages = 0, 0
    size = sum(path.stat().st_size for path in own_files(folder) if path.is_file()) if folder.is_dir() else 0
    return Listed(name, documents, passages, size)


def _settings(index: str | None) -> Settings:
    from index.collections import DEFAULT
    from index.errors import CollectionError

    settings = Settings.from_environment(index=index, collection=DEFAULT)
    if settings.table:
        raise CollectionError(f"{settings.table} is a table, which holds one collection: name a folder with --index")
    return settings
