"""Write the documentation that is generated from the code. A test compares the files with what this would write.

docs/commands.md          the help of every command
docs/routes.md            every route of the HTTP API, and who may call it
docs/answer.schema.json   the JSON Schema of `rag ask --json`
"""

import json
from collections.abc import Iterator
from pathlib import Path

import click
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from rag.answer import Answer
from rag.cli import cli
from server.app import ROUTERS
from server.visiting import Needs

DOCS = Path(__file__).resolve().parent.parent / "docs"


def commands_page() -> str:
    """Return the help texts as Markdown."""
    parts = ["# Commands\n\nThis page is written by `make docs`; the words are those of `rag COMMAND --help`.\n"]
    for name, command in _commands():
        context = click.Context(command, info_name=name, terminal_width=100, max_content_width=100)
        parts.append(f"## {name}\n\n```\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def answer_schema() -> str:
    """Return the schema of an Answer as JSON text."""
    schema = TypeAdapter(Answer).json_schema(mode="serialization")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def routes_page() -> str:
    """Return the routes as a table in Markdown."""
    lines = [
        "# Routes\n\nThis page is written by `make docs`. What each takes and gives is described by a running server at"
        "\n`/api/openapi.json`; how to use them, in [HTTP API](api.md).\n",
        "| route | for | what |\n| --- | --- | --- |",
    ]
    for route in (route for router in ROUTERS for route in router.routes):
        if isinstance(route, APIRoute):
            method = ", ".join(sorted(route.methods or ()))
            needs = [d.call.role for d in route.dependant.dependencies if isinstance(d.call, Needs)]
            what = route.description.splitlines()[0]
            lines.append(f"| `{method} {route.path_format}` | {needs[0] if needs else 'anybody'} | {what} |")
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """Return every generated file and its content."""
    return {
        DOCS / "commands.md": commands_page(),
        DOCS / "routes.md": routes_page(),
        DOCS / "answer.schema.json": answer_schema(),
    }


def _commands() -> Iterator[tuple[str, click.Command]]:
    yield "rag", cli
    for name, command in sorted(cli.commands.items()):
        yield f"rag {name}", command
        if isinstance(command, click.Group):
            yield from ((f"rag {name} {sub}", part) for sub, part in sorted(command.commands.items()))


if __name__ == "__main__":
    for path, content in pages().items():
        path.write_text(content, "utf-8")
