"""`rag ui` and `rag feedback`."""

import os
from typing import Any

import click

from index.errors import RagError
from rag.settings import Settings
from rag.terminal import index_option, json_option, model_options, print_json, print_lines

LOCAL = ("127.0.0.1", "localhost", "::1")


@click.command("ui")
@index_option
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", help="Where to listen [127.0.0.1].")
@click.option("--port", type=click.IntRange(1, 65_535), default=7860, metavar="N", help="Which port [7860].")
@click.option("--auth", multiple=True, metavar="USER:PASSWORD", help="Ask for a password (or RAG_AUTH); repeatable.")
@click.option("--no-browser", is_flag=True, help="Do not open the browser.")
@model_options
def ui_command(index: str | None, host: str, port: int, auth: tuple[str, ...], no_browser: bool, **model: Any) -> None:
    """Open the chat in the browser: ask, click a citation, see the sentence in its document.

    Only this machine can reach it; for another address it must ask for a password.

    \b
    Examples:
      rag ui
      rag ui --port 8000 --no-browser
      rag ui --host 192.168.1.5 --auth ana:long-secret
    """
    users = _users(auth or tuple(filter(None, os.environ.get("RAG_AUTH", "").split(","))))
    if host not in LOCAL and not users:
        raise RagError(
            f"listening on {host} lets others in: give --auth USER:PASSWORD (or RAG_AUTH), or leave --host out"
        )
    settings = Settings.from_environment(index=index, **model)
    from ui.server import serve

    serve(settings, host, port, users, open_browser=not no_browser)


@click.command("feedback")
@index_option
@json_option
def feedback_command(index: str | None, as_json: bool) -> None:
    """Print the thumbs and comments that people left in the browser, with questions and answers.

    \b
    Examples:
      rag feedback
      rag feedback --json > feedback.json
    """
    from ui.conversations import FILE, Conversations

    path = Settings.from_environment(index=index).index / FILE
    entries = Conversations(path).feedback() if path.exists() else []
    if as_json:
        print_json({"feedback": entries})
        return
    print_lines([f"{len(entries)} with a thumb"])
    for entry in entries:
        comment = f": {entry['comment']}" if entry["comment"] else ""
        print_lines([f"{entry['created'][:16]}  {entry['thumb']:<5}{entry['question']}{comment}"])


def _users(pairs: tuple[str, ...]) -> dict[str, str]:
    users = dict(pair.partition(":")[::2] for pair in pairs)
    if not all(name and password for name, password in users.items()):
        raise RagError("--auth (or RAG_AUTH) is USER:PASSWORD, and neither may be empty")
    return users
