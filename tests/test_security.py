"""What docs/security.md promises and no other test shows; and that every test which that page names is there."""

import ast
import pickle
import re
import shutil
from pathlib import Path

import pytest

from index.encoding import encoder_identity
from index.encoding_torch import SentenceTransformerEncoder
from index.errors import ModelError, RagError
from index.models import ENCODER_FILES
from index.store import Store
from tests.conftest import ROOT, build, searcher
from torture.worlds import AS_LARGE, limits

CODE = [path for folder in ("rag", "index", "ui", "eval", "server") for path in (ROOT / folder).rglob("*.py")]
# Calls that run what they are given, or read a format that does.
FORBIDDEN = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load", "np.load", "yaml.load"}
FORBIDDEN |= {f"{module}.{call}" for module in ("pickle", "marshal", "shelve", "dill") for call in ("load", "loads")}


class Bomb:
    """A pickle that writes a file when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.write_text, (self.marker, "went off"))


def bomb(marker: Path) -> bytes:
    return pickle.dumps(Bomb(marker))


def test_a_bomb_goes_off_where_it_is_read_as_a_pickle(tmp_path: Path) -> None:
    pickle.loads(bomb(tmp_path / "marker"))
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_runs_what_it_reads(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in FORBIDDEN, ast.unparse(node)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert given.get("shell", "False") == "False", ast.unparse(node)
            assert given.get("allow_pickle", "False") == "False", ast.unparse(node)
            assert given.get("trust_remote_code", "False") == "False", ast.unparse(node)


@pytest.mark.parametrize("size", ["small", "large"])
def test_no_file_of_an_index_is_read_as_a_pickle(store: Store, folder: Path, tmp_path: Path, size: str) -> None:
    marker, refused = tmp_path / "marker", []
    with limits({**AS_LARGE, "index.vectors.EXACT_CHUNKS": 2} if size == "large" else {}):
        build(store, folder)
        names = [path.relative_to(store.folder) for path in store.folder.rglob("*") if path.is_file()]
        assert (Path("vectors.segments/cells.faiss") in names) is (size == "large")
        for name in names:
            hostile = Store(tmp_path / "hostile" / ".rag")
            shutil.copytree(store.folder, hostile.folder)
            (hostile.folder / name).write_bytes(bomb(marker))
            try:
                assert searcher(hostile).search("lease", 3).hits[0].passage.document == "docs/lease.txt"
            except RagError:
                refused.append(name.name)
            shutil.rmtree(hostile.folder)
    assert not marker.exists()
    assert refused == ["store.sqlite3"], "everything else is made again from it"


def test_no_model_is_read_as_a_pickle(tmp_path: Path) -> None:
    marker, model = tmp_path / "marker", tmp_path / "model"
    shutil.copytree(ENCODER_FILES.folder(), model)
    (model / "pytorch_model.bin").write_bytes(bomb(marker))
    (model / "model.safetensors").write_bytes(bomb(marker))
    with pytest.raises(ModelError, match="cannot load the model"):
        SentenceTransformerEncoder(str(model))
    (model / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="as safetensors"):
        encoder_identity(str(model))
    assert not marker.exists()


def test_every_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    there = {name for path in (ROOT / "tests").glob("*.py") for name in re.findall(r"def (test_\w+)", path.read_text())}
    assert named, "the page names tests"
    assert named <= there, named - there
