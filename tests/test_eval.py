import json
from pathlib import Path

import pytest

from eval.calibrate import Judged, auc, fit, report
from eval.suite import GoldSpan, SuiteError, SuiteQuestion, read_suite


def judged(answerable: bool, confidence: float) -> Judged:
    return Judged(SuiteQuestion("q", "?", answerable, ()), confidence, cited_gold=False, sentences=0)


def test_fit_refuses_no_more_than_it_may() -> None:
    assert fit([1, 2, 3, 4], max_lost=0.25) == 2
    assert fit([4.567, 2, 3, 4], max_lost=0.99) == 4.56
    assert fit([1, 2, 3, 4], max_lost=0) == 1


def test_auc_is_the_share_of_pairs_in_order() -> None:
    assert auc([2, 3], [1, 2]) == (1 + 1 + 0.5 + 1) / 4


def test_report_counts_refusals() -> None:
    # Refused below 5: one answerable (of two) and two unanswerable (of three).
    scores = [(True, 9), (True, 1), (False, 2), (False, 3), (False, 8)]
    assert report([judged(*s) for s in scores], 5) == {"precision": 0.667, "recall": 0.667, "lost": 0.5}
    assert report([judged(True, 9)], 5) == {"precision": 1.0, "recall": 1.0, "lost": 0.0}


def write(folder: Path, docs: list[object], questions: list[object]) -> Path:
    for name, rows in (("docs", docs), ("questions", questions)):
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


DOC = {"doc_id": 1, "text": "Cats\u2028sleep."}
QUESTION = {"qid": 7, "question": "Who?", "answerable": True, "gold_spans": [{"doc_id": 1, "start": 0, "end": 4}]}


def test_a_suite_is_read(tmp_path: Path) -> None:
    suite = read_suite(write(tmp_path, [DOC], [QUESTION]))
    assert suite.documents == {"1": "Cats\u2028sleep."}
    assert suite.questions == (SuiteQuestion("7", "Who?", True, (GoldSpan("1", 0, 4),)),)


@pytest.mark.parametrize(
    ("docs", "questions", "said"),
    [
        ([DOC, "{"], [QUESTION], "docs.jsonl, line 2: not JSON"),
        ([DOC], [{"qid": 1}], "questions.jsonl, line 1: no field 'question'"),
        ([DOC], [{**QUESTION, "gold_spans": [{"doc_id": 1, "start": 3, "end": 99}]}], "question 7 has a span outside"),
        ([DOC], [{**QUESTION, "gold_spans": [{"doc_id": 2, "start": 0, "end": 1}]}], "question 7 has a span outside"),
    ],
)
def test_a_malformed_suite_is_named_with_its_line(
    tmp_path: Path, docs: list[object], questions: list[object], said: str
) -> None:
    with pytest.raises(SuiteError, match=said):
        read_suite(write(tmp_path, docs, questions))


def test_a_missing_suite_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"docs\.jsonl"):
        read_suite(tmp_path)
