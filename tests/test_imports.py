"""What each command may load: an import that creeps in costs every user seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

from index.build import Builder
from index.encoders import question_encoder
from index.store import Store
from rag.assemble import index_meta
from rag.settings import Settings
from tests.conftest import ROOT, SEED

HEAVY = {
    *("torch", "sentence_transformers", "transformers", "gradio", "fastapi", "uvicorn", "matplotlib", "lxml"),
    *("langchain_core", "langsmith", "pydantic", "faiss", "onnxruntime", "numpy"),
    *("lance", "pyarrow", "psycopg"),
}
ALLOWED = {
    "--help": set(),
    "status": {"faiss", "numpy"},
    "index": {"faiss", "numpy", "onnxruntime"},
    "search": {"faiss", "numpy", "onnxruntime"},
    "ask": {"faiss", "numpy", "onnxruntime"},
    "feedback": {"numpy"},
    "user": {"numpy"},
}
GIVEN: dict[str, list[str]] = {"--help": [], "status": [], "feedback": [], "user": ["list"]}
REPORT = """
import os, sys
def leave(code):
    print("LOADED", *sorted(m for m in sys.modules if "." not in m), file=sys.stderr)
    sys.exit(code)
import rag.cli
rag.cli._leave = leave
sys.argv = ["rag", *sys.argv[1:]]
rag.cli.main()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("imports")
    (home / "texts").mkdir()
    (home / "texts" / "cats.txt").write_text("Cats sleep a lot.")
    settings = Settings(index=home / ".rag")
    Builder(Store(settings.index), index_meta(settings), question_encoder).build(SEED.parent)
    return home


@pytest.mark.parametrize("command", ALLOWED)
def test_a_command_loads_only_what_it_needs(home: Path, command: str) -> None:
    arguments = [
        command,
        *GIVEN.get(command, [str(home / "texts")] if command == "index" else ["What is CECOT?"]),
    ]
    result = subprocess.run(
        [sys.executable, "-c", REPORT, *arguments],
        cwd=home,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    loaded = set(result.stderr.partition("LOADED ")[2].split())
    assert "rag" in loaded
    assert loaded & HEAVY == ALLOWED[command]


# A stub begins with the source of its class. What Gradio makes without stubs must still be a page.
LEAN = """
import ast, inspect, sys
made, getfile = [], inspect.getfile
segment = ast.get_source_segment
ast.get_source_segment = lambda *given: made.append(given) or segment(*given)
from server.lean import lean_gradio
with lean_gradio():
    import gradio
assert inspect.getfile is getfile
assert not [name for name in sys.modules if name.startswith("mcp")]
import mcp.server
with gradio.Blocks() as page:
    gradio.Button("Ask")
print(len(made), [part["type"] for part in page.get_config_file()["components"]])
"""


def test_gradio_is_imported_without_stubs_and_without_mcp() -> None:
    done = subprocess.run([sys.executable, "-c", LEAN], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["0", "['button']\n"]
