"""`rag config`: every setting, and where its value is from."""

import os
import re
from pathlib import Path

import click

from rag.address import without_password
from rag.settings import Settings, given_settings
from rag.terminal import json_option, k_option, model_options, options, print_json, print_lines, reading_options

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")  # the providers' own; no setting is a secret
PASSWORD = re.compile(r"(?<=//)[^/@\s]*@")  # that somebody wrote into an address all the same
HIDDEN = "***@"

setting_options = options(
    reading_options,
    k_option,
    click.option("--threshold", type=float, metavar="SCORE", help="Answer only from this score up [fitted]."),
    model_options,
)


@click.command("config")
@setting_options
@json_option
def config_command(as_json: bool, **flags: object) -> None:
    """Print every setting with its value, and where that is from: a flag, a variable, a file, or the default.

    Settings may stand in a file rag.toml in the folder where you stand, or in the file that RAG_CONFIG names. Keys of
    language models are never printed, only whether they are there.

    \b
    Examples:
      rag config
      RAG_K=12 rag config --json
      RAG_CONFIG=/etc/rag.toml rag config
    """
    found = given_settings(flags)
    Settings.of({name: given.value for name, given in found.items()})  # says what is wrong with them
    rows = {name: {"value": _shown(name, given.value), "from": given.origin} for name, given in found.items()}
    keys = {name: bool(os.environ.get(name)) for name in KEYS}
    if as_json:
        print_json({"settings": rows, "keys": keys})
        return
    wide = max(len(str(row["value"])) for row in rows.values())
    print_lines(
        f"{name:<17}{'' if row['value'] is None else row['value']!s:<{wide}}  {row['from']}"
        for name, row in rows.items()
    )
    print_lines(f"{name:<17}  {'is set' if is_set else 'is not set'}" for name, is_set in keys.items())


def _shown(name: str, value: object) -> object:
    if name == "database":
        return without_password(str(value)) if value else value
    if isinstance(value, Path):
        return str(value)
    return PASSWORD.sub(HIDDEN, value) if isinstance(value, str) else value
