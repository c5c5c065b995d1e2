"""Runs, reports, thresholds, comparisons and `rag eval` itself."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eval.compare import ReportError, compare, comparison_lines, read_report
from eval.evaluate import Plan, evaluate
from eval.formats import read_suite
from eval.measures import MEASURES
from eval.outcome import Asked
from eval.page import report_page
from eval.preparing import cache_folder, indexed_documents, prepare_suite
from eval.report import make_report, report_lines
from eval.run import forget, run
from eval.stages import AblatedChain, stages_named
from eval.starter import starter_questions, write_starter
from eval.suite import Suite, SuiteDocument, SuiteError, SuiteQuestion, make_suite
from eval.systems import ChainSystem
from eval.thresholds import ThresholdError, missed, read_thresholds
from index.errors import IndexDamagedError, QuestionError, RagError
from index.report import BuildReport
from index.search import Searcher
from index.store import Store
from rag.abstention import Gate
from rag.answer import Verdict
from rag.chain import Chain
from rag.conversation import Turn
from rag.settings import Settings
from rag.stages import Question
from tests.conftest import ROOT, WordEncoder, WordReranker, assert_one_line_error, build, clean_environment, rag
from tests.suites import TEXT, answer, outcome, span, write

GATE = Gate("words", 0.0, None, None, "by hand")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "checkable-rag"


class Parrot:
    """A system that cites the document's first sentence, and stops where it is told."""

    def __init__(self, stop_at: str = "") -> None:
        self.stop_at = stop_at
        self.asked: list[str] = []

    def ask(self, question: SuiteQuestion) -> Asked:
        if question.qid == self.stop_at:
            raise KeyboardInterrupt
        self.asked.append(question.qid)
        if question.qid == "bad":
            raise QuestionError("the question has no words")
        return Asked(question.qid, answer(span(0, 19)), (span(0, 19),), (), 0.5)


def suite(*qids: str) -> Suite:
    return Suite("s", {"d": SuiteDocument(TEXT)}, tuple(SuiteQuestion(q, f"{q}?", True) for q in qids), "key")


def test_a_stopped_run_goes_on_where_it_was(cache: Path) -> None:
    stopped = Parrot(stop_at="c")
    with pytest.raises(KeyboardInterrupt):
        run(suite("a", "b", "c", "d"), stopped, "same")
    (kept,) = (cache / "runs").iterdir()
    kept.write_text(kept.read_text() + '{"qid": "c", "ans')  # a line that the stop cut off
    again = Parrot()
    outcomes = run(suite("a", "b", "c", "d"), again, "same")
    assert again.asked == ["c", "d"]
    assert [o.question.qid for o in outcomes] == ["a", "b", "c", "d"]
    assert outcomes[0].asked == Asked("a", answer(span(0, 19)), (span(0, 19),), (), 0.5)
    nobody = Parrot()
    run(suite("a", "b", "c", "d"), nobody, "same")
    assert nobody.asked == [], "a complete run is kept until its report is safe"
    forget(suite("a", "b", "c", "d"), "same")
    assert not list((cache / "runs").iterdir())


def test_another_code_or_suite_starts_anew(cache: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(suite("a", "b"), Parrot(stop_at="b"), "one")
    fresh = Parrot()
    run(suite("a", "b"), fresh, "other")
    assert fresh.asked == ["a", "b"]


def test_what_is_wrong_with_the_index_stops_the_run() -> None:
    class Broken(Parrot):
        def ask(self, question: SuiteQuestion) -> Asked:
            raise IndexDamagedError("damaged") if question.qid == "a" else ZeroDivisionError("division by zero")

    with pytest.raises(IndexDamagedError):
        run(suite("a"), Broken())
    (failed,) = run(suite("b"), Broken())
    assert failed.asked.error == "ZeroDivisionError: division by zero"


def test_an_error_is_a_failed_question_with_its_message() -> None:
    outcomes = run(suite("a", "bad"), Parrot(), "x")
    report = make_report(outcomes, Settings(), frozenset(), list(MEASURES.values()))
    assert [q["error"] for q in report["questions"]] == [None, "the question has no words"]
    assert [q["right"] for q in report["questions"]] == [True, False]
    assert "1 failed with an error, counted as wrong; the first: the question has no words" in report_lines(report)


@pytest.fixture
def chain(store: Store, folder: Path) -> Chain:
    build(store, folder)
    return Chain(Searcher(store, WordEncoder()), WordReranker(), GATE, 3)


IDS = {"docs/lease.txt": "lease", "docs/cats.md": "cats", "docs/sub/dogs.txt": "dogs"}


def test_the_chain_is_asked_and_what_its_gate_held_back_is_known(chain: Chain) -> None:
    system = ChainSystem(chain, IDS)
    asked = system.ask(SuiteQuestion("q", "What is the rent of the lease?", True))
    assert asked.answer.verdict is Verdict.ANSWERED
    assert asked.answer.sources == asked.ungated
    assert {s.document for s in asked.ungated} == {"lease"}
    assert asked.ranking[0].doc_id == "lease"
    assert len({place.doc_id for place in asked.ranking}) == 3, "ranked beyond the passages that are shown"
    refused = system.ask(SuiteQuestion("q", "Rent of zebras?", False))
    assert refused.answer.verdict is Verdict.NOT_IN_DOCUMENTS
    assert refused.ungated


def test_candidates_stand_in_for_the_search(chain: Chain) -> None:
    system = ChainSystem(chain, IDS, given_candidates=True)
    asked = system.ask(SuiteQuestion("q", "What is the rent of the lease?", True, candidates=("cats", "dogs")))
    assert {place.doc_id for place in asked.ranking} == {"cats", "dogs"}


@pytest.mark.parametrize("stage", ["rerank", "rewrite", "dense", "lexical"])
def test_a_stage_that_is_left_out_is_not_run(store: Store, folder: Path, stage: str) -> None:
    build(store, folder)

    class Forbidden(WordReranker):
        def score(self, question: str, texts: list[str]) -> Any:
            assert stage != "rerank" or len(texts) > 8, "passages must not be scored"
            return super().score(question, texts)

    rankings = frozenset({"dense", "lexical"} - {stage})
    chain = AblatedChain(Searcher(store, WordEncoder(), rankings), Forbidden(), GATE, 3, frozenset({stage}))
    turn = Turn("What is the lease?", "What is the lease?")
    asked = chain.rewrite(Question("And its rent?", (turn,)))
    assert asked.searched == ("And its rent?" if stage == "rewrite" else "What is the lease? And its rent?")
    ranked = chain.rerank(chain.retrieve(asked)) if stage == "rerank" else None
    if ranked:
        assert [r.score for r in ranked.hits] == [r.hit.score for r in ranked.hits]
    hits = chain.retrieve(asked).hits
    assert all(hit.dense is None for hit in hits) == (stage == "dense")
    assert all(hit.lexical is None for hit in hits) == (stage == "lexical")


def test_unknown_stages_are_refused() -> None:
    assert stages_named(" rerank, gate,") == {"rerank", "gate"}
    with pytest.raises(RagError, match="no stage 'reranking': there are dense, lexical"):
        stages_named("reranking")
    with pytest.raises(RagError, match="without dense and lexical there is no search"):
        stages_named("dense,lexical")


def made(*outcomes: Any) -> dict[str, Any]:
    return json.loads(json.dumps(make_report(outcomes, Settings(), frozenset(), list(MEASURES.values()))))


GOOD, BAD = outcome(1, quotes=("bark",)), outcome(0, quotes=("bark",))


def test_thresholds(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text("[hand]\ncontains = 0.9\nuncited = 0\nauc = 0.1\n")
    limits = read_thresholds(path, "hand")
    assert list(missed(made(GOOD), {**limits, "auc": 0.0})) == ["auc is nothing, the threshold is at least 0.0"]
    assert "contains is 0.000, the threshold is at least 0.9" in missed(made(BAD), limits)
    assert list(missed(made(GOOD), {"seconds_p50": 0.5})) == ["seconds_p50 is 1.000, the threshold is at most 0.5"]
    for content, said in {
        "[other]": "no thresholds for the suite 'hand'",
        "[hand]\nspeed = 1": "no measure 'speed'",
        "[hand]\nmrr = 'high'": "mrr is no number",
        "[hand]\nmrr = nan": "mrr is no number",
        "[hand]\nmrr = true": "mrr is no number",
        "[": "t.toml",
    }.items():
        path.write_text(content)
        with pytest.raises(RagError, match=said):
            read_thresholds(path, "hand")
    with pytest.raises(ThresholdError, match="cannot read"):
        read_thresholds(tmp_path / "none.toml", "hand")


def test_two_reports_are_compared_question_by_question() -> None:
    found = compare(made(BAD), made(GOOD))
    assert found["measures"]["contains"]["difference"] == 1
    assert found["measures"]["span_validity"]["difference"] == 0
    (changed,) = found["changed"]
    assert (changed["before"], changed["after"]) == ("Cats sleep all day.", "Dogs bark at night.")
    lines = "\n".join(comparison_lines(found))
    assert "BETTER: ? (q)\n  - Cats sleep all day.\n  + Dogs bark at night." in lines
    assert "WORSE" in "\n".join(comparison_lines(compare(made(GOOD), made(BAD))))


def test_what_is_no_report_is_not_compared(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for content, said in {
        "{": "not a report",
        "[]": "not a report",
        '{"suite": 1}': "not a report of `rag eval",
    }.items():
        path.write_text(content)
        with pytest.raises(ReportError, match=said):
            read_report(path)
    with pytest.raises(ReportError, match="cannot read"):
        read_report(tmp_path / "none.json")
    other = made(GOOD)
    other["questions"][0]["qid"] = "z"
    with pytest.raises(ReportError, match="no question in common"):
        compare(made(GOOD), other)


def test_the_page_is_self_contained_and_runs_nothing_of_a_document() -> None:
    evil = "<script>alert(1)</script>"
    report = made(BAD, GOOD)
    for question in report["questions"]:
        question["question"] = question["gold_spans"][0]["quote"] = question["answer"]["sources"][0]["quote"] = evil
    page = report_page(report)
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)") == 6
    assert 'src="' not in page
    assert "default-src 'none'" in page
    assert page.index("What went wrong (1)") < page.index("What came out right (1)")
    assert page.count("<svg") == 4


def test_a_suite_is_indexed_once_and_again_when_anything_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed: list[Path] = []

    def note(settings: Settings, folders: list[Path], **options: object) -> BuildReport:
        indexed.extend(folders)
        return BuildReport()

    monkeypatch.setattr("eval.preparing.index_folders", note)
    cats, dogs = {"doc_id": "a", "text": "Cats."}, {"doc_id": "b", "text": "\ufeffDogs."}
    ask = [{"qid": 1, "question": "Who?"}]
    first = prepare_suite(read_suite(write(tmp_path / "s", [cats, dogs], ask)), Settings())
    assert first.ids == {"documents/00000/0.txt": "a", "documents/00001/1.txt": "b"}
    folder = first.settings.index.parent / "documents"
    assert (folder / "00000" / "0.txt").read_text("utf-8-sig") == "Cats."
    assert (folder / "00001" / "1.txt").read_text("utf-8-sig") == "\ufeffDogs.", "a mark of the text's own stays"
    assert prepare_suite(read_suite(tmp_path / "s"), Settings()) == first
    assert len(indexed) == 1
    swapped = prepare_suite(read_suite(write(tmp_path / "s", [dogs, cats], ask)), Settings())
    assert swapped.settings.index != first.settings.index
    assert prepare_suite(read_suite(tmp_path / "s"), Settings(chunk_size=100)).settings.index != swapped.settings.index
    assert len(indexed) == 3
    assert len(list((cache_folder() / "suites").iterdir())) == 3, "no other suite's index is touched"
    os.utime(first.settings.index.parent, (0, 0))
    prepare_suite(read_suite(write(tmp_path / "s", [cats], ask)), Settings())
    assert not first.settings.index.parent.exists(), "what was not used for weeks is removed"


def test_a_document_that_cannot_be_indexed_is_named(tmp_path: Path) -> None:
    docs = [{"doc_id": "b", "text": "Good."}, {"doc_id": "a", "text": "A\0\0\0\1B"}]
    suite = read_suite(write(tmp_path / "s", docs, [{"qid": 1, "question": "Who?"}]))
    with pytest.raises(SuiteError, match="the document 'a' of s cannot be indexed"):
        prepare_suite(suite, Settings())
    assert list((cache_folder() / "suites").iterdir()) == [], "nothing half made is left"


def test_own_documents_are_named_from_their_folder(store: Store, folder: Path) -> None:
    (folder.parent / "docs2").mkdir()
    (folder.parent / "docs2" / "other.txt").write_text("Another folder.")
    build(store, folder)
    build(store, folder.parent / "docs2")
    ids, documents = indexed_documents(folder, Settings(index=store.folder))
    other = str(folder.parent / "docs2" / "other.txt")
    names = {"docs/lease.txt": "lease.txt", "docs/cats.md": "cats.md", "docs/sub/dogs.txt": "sub/dogs.txt"}
    assert ids == {**names, "docs2/other.txt": other}, "one of another folder has its whole path"
    assert documents["sub/dogs.txt"].text.startswith("Dogs bark")
    around, _ = indexed_documents(folder.parent, Settings(index=store.folder))
    assert around["docs/lease.txt"] == "docs/lease.txt"
    inside, _ = indexed_documents(folder / "sub", Settings(index=store.folder))
    assert inside["docs/sub/dogs.txt"] == "dogs.txt"


def test_the_starter_questions_have_their_answer_by_construction(store: Store, folder: Path) -> None:
    (folder / "long.txt").write_text("The treaty of the two cities was signed by all sides in 1648 in Westphalia.\n")
    build(store, folder)
    documents = indexed_documents(folder, Settings(index=store.folder))[1]
    rows = list(starter_questions(documents))
    by_kind = {kind: [r for r in rows if r["kind"] == kind] for kind in ("own", "cloze", "heading", "outside")}
    assert len(by_kind["own"]) == 4
    (cloze,) = by_kind["cloze"]
    assert cloze["answers"] == ["1648"]
    assert cloze["question"].endswith("in ___ in Westphalia.")
    sections = {r["question"]: r["gold_spans"][0] for r in by_kind["heading"]}
    place = sections["What is said under “Food” in cats?"]
    assert documents["cats.md"].text[place["start"] : place["end"]] == "They eat fish and mice."
    assert len(by_kind["outside"]) >= 10
    made_suite = make_suite(
        "own", {d: SuiteDocument(p.text) for d, p in documents.items()}, list(enumerate(rows)), folder
    )
    assert made_suite.unwritten == 4
    assert len(made_suite.questions) == len(rows) - 4


def test_a_question_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        write_starter(path, {})
    assert path.read_text() == "mine"


def test_a_plan_is_refused_before_anything_slow(tmp_path: Path) -> None:
    for plan, said in {
        Plan(Settings(), measures=("speed",)): "no measure 'speed'",
        Plan(Settings(), without="all"): "no stage 'all'",
        Plan(Settings(), suite=tmp_path): "cannot read",
        Plan(Settings(index=tmp_path / ".rag"), folder=tmp_path): "cannot read .*-questions.jsonl.*rag eval init",
    }.items():
        with pytest.raises(RagError, match=said):
            evaluate(plan)


def test_rag_eval_on_a_folder_of_ones_own(folder: Path, tmp_path: Path) -> None:
    made = rag("eval", "init", "docs", cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert made.returncode == 0, made.stderr
    assert_one_line_error(rag("eval", "init", "docs", cwd=tmp_path), 1, "docs-questions.jsonl is there already")
    path = tmp_path / "docs-questions.jsonl"
    lines = path.read_text().splitlines()[-3:]
    own = {
        "qid": "rent",
        "question": "What is the rent?",
        "gold_spans": [{"doc_id": "lease.txt", "quote": "900 euros"}],
    }
    path.write_text("\n".join([json.dumps(own), *lines]) + "\n")
    arguments = ["eval", "docs", "--json", "--report", "out", "--measure", "contains", "--measure", "span_validity"]
    done = rag(*arguments, cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report == json.loads((tmp_path / "out" / "report.json").read_text())
    assert list(report["measures"]) == ["contains", "span_validity"]
    assert report["measures"]["contains"]["value"] == report["measures"]["span_validity"]["value"] == 1
    assert report["questions"][0]["answer"]["sources"][0]["quote"] == "The rent is 900 euros."
    assert "What came out right" in (tmp_path / "out" / "report.html").read_text()
    limits = tmp_path / "t.toml"
    limits.write_text("[docs]\ncontains = 1.1\n")
    below = rag("eval", "docs", "--thresholds", "t.toml", cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert_one_line_error(below, 1, "contains is 1.000, the threshold is at least 1.1")
    compared = rag("eval", "--compare", "out/report.json", "out/report.json", cwd=tmp_path)
    assert compared.stdout.startswith("4 questions in both\n")


def test_rag_eval_says_what_is_wrong(tmp_path: Path) -> None:
    for arguments, said in {
        ("none",): "none-questions.jsonl",
        ("--suite", "none"): "none/questions.jsonl",
        ("--compare", "a.json", "b.json"): "cannot read a.json",
    }.items():
        assert_one_line_error(rag("eval", *arguments, cwd=tmp_path), 1, said)
    for arguments, said in {
        ("notes", "--suite", "x"): "give one of them",
        ("--questions", "q.jsonl"): "--questions needs FOLDER or --suite",
        ("--format", "squad"): "--format needs --suite",
        ("--compare", "a", "b", "--limit", "3"): "--compare stands alone, without limit",
    }.items():
        assert_one_line_error(rag("eval", *arguments, cwd=tmp_path), 2, said)


def test_the_other_pipelines_answer_the_same_questions(tmp_path: Path) -> None:
    rows = [{"doc_id": "a", "text": "Cats sleep. They eat fish."}], [{"qid": 1, "question": "What do cats eat?"}]
    write(tmp_path / "s", *rows)
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "pipelines.py", tmp_path / "s"],
        env={**clean_environment(), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "system",
        "langchain-faiss",
        "bm25-first-sentence",
        "checkable-rag",
    ]
