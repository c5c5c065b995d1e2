"""The generated pages are up to date, and what a command prints is what the pages promise."""

import json
import re
import runpy
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest

from index.store import Store
from rag.abstention import Gate
from rag.chain import Chain
from rag.settings import Settings
from tests.conftest import ROOT, WordReranker, build, searcher
from torture.trials import row

SCHEMA = ROOT / "docs" / "answer.schema.json"
PAGES = runpy.run_path(str(ROOT / "scripts" / "build_docs.py"))["pages"]()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_generated_pages_are_current(path: Path) -> None:
    assert path.read_text("utf-8") == PAGES[path], "run `make docs`"


@pytest.mark.parametrize("question", ["What is the rent of the lease?", "Zebras?"])
def test_an_answer_is_valid_by_the_schema(store: Store, folder: Path, question: str) -> None:
    build(store, folder)
    chain = Chain(searcher(store), WordReranker(), Gate("words", 0.0, 1.0, 1.0, "by hand"), k=5)
    answer = json.loads(json.dumps(chain.invoke(question).to_dict()))
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(answer)
    assert set(answer) == set(schema["properties"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**answer, "verdict": "perhaps"})


def test_the_threshold_in_the_docs_is_the_one_in_use() -> None:
    page = (ROOT / "docs" / "evaluation.md").read_text("utf-8")
    for gate in json.loads((ROOT / "rag" / "abstention.json").read_text("utf-8")):
        precision, recall = ("–" if gate[key] is None else gate[key] for key in ("precision", "recall"))
        row = f"| {gate['reranker']} | {gate['threshold']} | {precision} | {recall} |"
        assert row in page


def test_every_setting_is_described() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    given = {field.name.upper() for field in fields(Settings) if not field.metadata}
    assert set(re.findall(r"`RAG_(\w+)`", page)) == given


def test_the_figures_of_torture_are_those_that_were_measured() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    results = sorted((ROOT / "torture" / "results").glob("*.json"))
    kinds = ["crowd", "damage", "fuzz", "kills", "model", "powercuts", "refusals", "requests"]
    assert [path.stem for path in results] == kinds
    for path in results:
        assert row(path) in page
