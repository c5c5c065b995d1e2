"""The project as it is shipped."""

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

CODE = [path for folder in ("rag", "index", "server", "ui", "eval") for path in (ROOT / folder).rglob("*.py")]


def test_the_wheel_holds_the_packages_and_their_data(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True,
        capture_output=True,
        timeout=300,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "rag",
        "index",
        "server",
        "ui",
        "eval",
    }
    for data in (
        "index/encoder.onnx",
        "rag/abstention.json",
        "rag/py.typed",
        "eval/questions.jsonl",
        "eval/thresholds.toml",
        "eval/page.html.jinja",
        "index/parsing/markdown.py",
    ):
        assert data in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_seeds_hold_documents_only() -> None:
    assert {path.suffix for path in (ROOT / "seeds").iterdir()} == {".txt"}


def test_constraints_are_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text().split()
    assert "torch==2.13.0" in lines
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines), "no addresses, no options"


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_described_and_unpickled(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says what it does"
    assert text.count("\n") <= 300, "split it by meaning"
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert not imported & {"pickle", "joblib", "shelve", "marshal"}
