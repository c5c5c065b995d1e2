"""Nobody keeps a record of who asks: no program that we use leaves anything in a person's home, or calls its makers."""

import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.conftest import BOOT, SEED, clean_environment
from torture.hosts import wait_until


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "work" / "docs").mkdir(parents=True)
    (tmp_path / "work" / "docs" / SEED.name).write_bytes(SEED.read_bytes())
    return tmp_path / "home"


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a person with an empty home who has set nothing: nor `CI`, which quiets some."""
    given = clean_environment()
    return {"PATH": given["PATH"], "PYTHONPATH": given["PYTHONPATH"], "HOME": str(home)}


def left_in(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


def run(home: Path, *command: str) -> None:
    arguments = [sys.executable, "-c", BOOT, *command]
    subprocess.run(arguments, cwd=home.parent / "work", env=environment(home), capture_output=True, check=True)


def test_commands_leave_nothing_at_home(home: Path) -> None:
    for command in (["index", "docs"], ["ask", "What is CECOT?"], ["search", "CECOT"], ["doctor"]):
        run(home, *command)
        assert left_in(home) == [], command


def test_the_page_leaves_nothing_at_home(home: Path) -> None:
    run(home, "index", "docs")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", BOOT, "ui", "--no-browser", "--port", str(port)],
        cwd=home.parent / "work",
        env=environment(home),
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}/"
        wait_until("the models are loaded", lambda: urlopen(f"{address}readyz"), 60)
        assert b"Ask your documents" in urlopen(address).read()
    finally:
        server.terminate()
        server.wait(20)
    assert left_in(home) == []


def test_onnxruntime_is_told_before_anything_can_import_it(home: Path) -> None:
    code = "import index, os, sys; print(os.environ['ORT_DISABLE_TELEMETRY'], 'onnxruntime' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(home), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "False"]
