"""`rag serve`, `rag ui`, `rag mcp`, `rag user` and `rag token`."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from index.errors import RagError
from rag.settings import Settings
from rag.terminal import index_option, json_option, model_options, options, print_json, print_lines, reading_options

if TYPE_CHECKING:
    from server.accounts import Accounts

ROLES = click.Choice(["reader", "editor", "admin"])
address_options = options(
    reading_options,
    click.option("--host", metavar="ADDRESS", help="Where to listen [127.0.0.1, or RAG_HOST]."),
    click.option("--port", type=int, metavar="N", help="Which port [7860, or RAG_PORT]."),
    click.option("--url", metavar="URL", help="The address that it has behind a proxy (or RAG_URL)."),
    model_options,
)
user_options = options(
    click.option("--documents", metavar="FILTER", help="Only these exist for them: 'path:leases/*'."),
    click.option(
        "--collection",
        "collections",
        multiple=True,
        metavar="NAME",
        help="Only this collection exists for them [default]; repeatable, the first is opened first.",
    ),
    index_option,
)


@click.command("serve")
@address_options
@click.option("--no-page", is_flag=True, help="The API only.")
def serve_command(no_page: bool, **given: Any) -> None:
    """Serve the page and the HTTP API beside it, until Ctrl-C.

    Only this machine can reach it; for another address there must be users (`rag user add`). The API is described at
    /api/openapi.json, and answers clients of OpenAI's API at /v1.

    \b
    Examples:
      rag serve
      rag serve --host 192.168.1.5 --port 8000
      rag serve --url https://docs.example.org/rag
    """
    _serve(given, open_browser=False, with_page=not no_page)


@click.command("ui")
@address_options
@click.option("--no-browser", is_flag=True, help="Do not open the browser.")
def ui_command(no_browser: bool, **given: Any) -> None:
    """Open the chat in the browser: ask, click a citation, see the sentence in its document.

    It is `rag serve` with the browser opened: only this machine can reach it.

    \b
    Examples:
      rag ui
      rag ui --port 8000 --no-browser
    """
    _serve(given, open_browser=not no_browser, with_page=True)


def _serve(given: Mapping[str, Any], *, open_browser: bool, with_page: bool) -> None:
    from server.listening import serve
    from server.public import Public

    settings = Settings.from_environment(**given)
    public = Public(settings.host, settings.url)
    serve(settings, public, settings.port, open_browser=open_browser, with_page=with_page)


@click.command("mcp")
@reading_options
@model_options
@click.option("--server", metavar="URL", help="Ask the server that runs there, not the index itself.")
@click.option("--http", "port", type=click.IntRange(1, 65_535), metavar="PORT", help="Speak HTTP on this port.")
def mcp_command(server: str | None, port: int | None, **given: Any) -> None:
    """Let agents ask: the Model Context Protocol, over standard input and output or over HTTP.

    Its tools are ask, search, open_citation and list_documents. With --server it needs no index and no models, and
    RAG_TOKEN is the token of the user to ask as. With --http it listens on this machine only, at /mcp, and each agent
    sends a token of its own, if there are users.

    \b
    Examples:
      rag mcp
      rag mcp --server https://docs.example.org/rag
      rag mcp --http 7861
    """
    if find_spec("mcp") is None:
        raise RagError("`rag mcp` needs one more package: run `pip install 'checkable-rag[mcp]'`")
    from server.agents import local_api, make_server, remote_api

    settings = Settings.from_environment(**given)
    is_stdio = port is None
    api = (
        remote_api(server, settings.collection, is_stdio=is_stdio)
        if server
        else local_api(settings, is_guarded=not is_stdio)
    )
    if port is None:
        make_server(api).run("stdio")
    else:
        print(f"Agents are answered at http://127.0.0.1:{port}/mcp (Ctrl-C stops)", file=sys.stderr, flush=True)
        make_server(api).run("streamable-http", port=port, stateless_http=True)


@click.group("user")
def user_group() -> None:
    """Say who may ask: as long as there is no user, anybody on this machine may, and nobody else."""


@user_group.command("add")
@click.argument("name")
@click.option("--role", type=ROLES, default="reader", help="What they may do: ask; change documents; see all feedback.")
@user_options
def add_command(name: str, role: str, documents: str | None, collections: tuple[str, ...], index: str | None) -> None:
    """Add the user NAME; the password is asked for, or read from standard input.

    \b
    Examples:
      rag user add ana
      rag user add ben --role editor --documents 'path:leases/*'
      rag user add eva --collection legal --collection hr
    """
    from ui.visitor import Role

    _check_known(collections, index)
    _accounts(index).add(name, _typed_password(), Role(role), documents or "", collections)
    print_lines([f"{name} may come in as {role}"])


@user_group.command("change")
@click.argument("name")
@click.option("--role", type=ROLES, help="What they may do.")
@user_options
@click.option("--password", is_flag=True, help="Ask for another password, or read it from standard input.")
def change_command(
    name: str,
    role: str | None,
    documents: str | None,
    collections: tuple[str, ...],
    password: bool,
    index: str | None,
) -> None:
    """Change the user NAME. Collections that are given take the place of those they had.

    \b
    Examples:
      rag user change ana --role editor
      rag user change ben --documents ''
      rag user change ben --collection legal
      rag user change ben --password
    """
    from ui.visitor import Role

    _check_known(collections, index)
    given = _typed_password() if password else None
    _accounts(index).change(
        name,
        password=given,
        role=Role(role) if role else None,
        documents=documents,
        collections=collections or None,
    )
    print_lines([f"{name} is changed"])


@user_group.command("remove")
@click.argument("name")
@index_option
def remove_user_command(name: str, index: str | None) -> None:
    """Remove the user NAME and their tokens; their conversations stay.

    \b
    Examples:
      rag user remove ben
    """
    _accounts(index).remove(name)
    print_lines([f"{name} is removed"])


@user_group.command("list")
@index_option
@json_option
def list_users_command(index: str | None, as_json: bool) -> None:
    """List the users.

    \b
    Examples:
      rag user list
    """
    _list("users", lambda accounts: accounts.users(), index, as_json)


@click.group("token")
def token_group() -> None:
    """Let programs in: a token stands for its user, in `Authorization: Bearer TOKEN`."""


@token_group.command("add")
@click.argument("user")
@click.option("--label", default="", metavar="TEXT", help="What it is for.")
@index_option
def add_token_command(user: str, label: str, index: str | None) -> None:
    """Make a token of USER, and print it: it is kept nowhere, so it is never seen again.

    \b
    Examples:
      rag token add ana --label "my script"
    """
    id_, token = _accounts(index).make_token(user, label)
    print_lines([token])
    print(f"rag: `rag token revoke {id_}` takes it back", file=sys.stderr)


@token_group.command("revoke")
@click.argument("id")
@index_option
def revoke_command(id: str, index: str | None) -> None:
    """Take the token with this ID back, at once.

    \b
    Examples:
      rag token revoke 3f9a1c22
    """
    _accounts(index).revoke(id)
    print_lines([f"{id} is revoked"])


@token_group.command("list")
@index_option
@json_option
def list_tokens_command(index: str | None, as_json: bool) -> None:
    """List the tokens, without themselves.

    \b
    Examples:
      rag token list
    """
    _list("tokens", lambda accounts: accounts.tokens(), index, as_json)


def _list(what: str, listed: "Callable[[Accounts], list[Any]]", index: str | None, as_json: bool) -> None:
    rows = [asdict(row) for row in listed(_accounts(index))]
    if as_json:
        print_json({what: rows})
    else:
        print_lines("  ".join(_word(value) for value in row.values() if value) for row in rows)
        print_lines([f"{len(rows)} {what}"])


def _word(value: Any) -> str:
    return f"({', '.join(value)})" if isinstance(value, tuple) else str(value)


def _check_known(collections: Sequence[str], index: str | None) -> None:
    """Refuse a typing error. Raises CollectionMissingError."""
    from index.collections import check_there, folder_of

    root = Settings.from_environment(index=index).root
    for name in collections:
        check_there(folder_of(root, name))


def _accounts(index: str | None) -> "Accounts":
    from server.accounts import Accounts

    return Accounts.of(Settings.from_environment(index=index))


def _typed_password() -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password
    return sys.stdin.readline().rstrip("\n") if sys.stdin is not None else ""
