"""docs/tutorial.md: every command of it, run by bash in an empty folder, prints what the page says."""

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from tests.conftest import BOOT, ROOT, clean_environment

PAGE = ROOT / "docs" / "tutorial.md"
MARK = "@@@ command"


def blocks() -> list[tuple[str, str]]:
    """Return each command with what the page says that it prints."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, said = part.partition("\n")
            found.append((command, said))
    return found


def expected(said: str) -> re.Pattern[str]:
    """Return a pattern for what the page shows; "..." there is anything."""
    return re.compile(r"\s*" + ".*?".join(re.escape(part.strip()) + r"\s*" for part in said.split("...")), re.DOTALL)


def program(path: Path, name: str, arguments: str) -> None:
    path.mkdir(exist_ok=True)
    (path / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
    (path / name).chmod(0o755)


def test_every_command_of_the_tutorial_prints_what_the_page_says(tmp_path: Path) -> None:
    assert shutil.which("bash")
    assert shutil.which("curl"), "apt install curl"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    bin_ = tmp_path / "bin"
    (tmp_path / "boot.py").write_text(BOOT)
    program(bin_, "rag", f'"{tmp_path}/boot.py"')
    program(bin_, "python3", "")
    commands = [(command.replace("7860", port), said.replace("7860", port)) for command, said in blocks()]
    assert len(commands) >= 20
    script = "exec 2>&1; set -m; trap 'kill $(jobs -p)' EXIT\n"
    script += "".join(f'echo "{MARK} {i}"\n{command}\n' for i, (command, _) in enumerate(commands))
    home = tmp_path / "home"
    home.mkdir()
    environment = {**clean_environment(), "RAG_PORT": port, "PATH": f"{bin_}:{clean_environment()['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=home, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    printed = re.split(rf"{MARK} \d+\n", done.stdout)[1:]
    assert len(printed) == len(commands), done.stdout
    for (command, said), output in zip(commands, printed, strict=True):
        assert expected(said).fullmatch(output), f"$ {command}\n{output}\n--- the page says:\n{said}"
        assert said.strip() or not output.strip(), f"$ {command} prints what the page does not show:\n{output}"
