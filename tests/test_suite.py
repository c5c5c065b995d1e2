"""Suites are read whole or refused with the line."""

import json
from pathlib import Path
from typing import Any

import pytest

from eval.formats import read_squad, read_suite
from eval.preparing import BUNDLED, SEEDS
from eval.suite import Place, SuiteDocument, SuiteError, make_suite, rows_of
from rag.conversation import Turn
from tests.suites import write

DOC = {"doc_id": 1, "text": "Cats\u2028sleep. Cats eat."}
QUESTION = {"qid": 7, "question": "Who?", "answerable": True, "gold_spans": [{"doc_id": 1, "start": 0, "end": 4}]}


def test_a_suite_is_read(tmp_path: Path) -> None:
    suite = read_suite(write(tmp_path / "s", [DOC], [QUESTION, {"qid": 8, "question": "TODO: ask", "gold_spans": [1]}]))
    assert suite.name == "s"
    assert suite.documents == {"1": SuiteDocument("Cats\u2028sleep. Cats eat.")}
    (question,) = suite.questions
    assert (question.qid, question.gold) == ("7", ((Place("1", 0, 4),),))
    assert suite.unwritten == 1


def test_a_quote_alone_is_found_wherever_it_stands(tmp_path: Path) -> None:
    row = {**QUESTION, "gold_spans": [{"doc_id": 1, "quote": "Cats"}]}
    (question,) = read_suite(write(tmp_path, [DOC], [row])).questions
    assert question.gold == ((Place("1", 0, 4), Place("1", 12, 16)),), "one part, either place will do"


def test_histories_become_turns_with_what_was_searched_for(tmp_path: Path) -> None:
    said = ["What is CECOT?", "A prison.", "Who built it?", "Bukele."]
    history = [{"role": "user" if n % 2 == 0 else "agent", "text": text} for n, text in enumerate(said)]
    (question,) = read_suite(write(tmp_path, [DOC], [{**QUESTION, "history": history}])).questions
    assert question.history == (
        Turn("What is CECOT?", "What is CECOT?", ("A prison.",)),
        Turn("Who built it?", "What is CECOT? Who built it?", ("Bukele.",)),
    )


def test_questions_in_several_languages(tmp_path: Path) -> None:
    docs = [{"doc_id": lang, "text": "Cats.", "lang": lang} for lang in ("en", "es")]
    ask = {"qid": 1, "question": "Who?"}
    rows = [{**ask, "lang": "en"}, {**ask, "lang": "es"}]
    suite = read_suite(write(tmp_path, docs, rows))
    assert [q.qid for q in suite.questions] == ["1", "1@es"]
    assert list(suite.documents) == ["en", "es"]
    only = read_suite(write(tmp_path, docs, [{**row, "doc_lang": "en"} for row in rows]))
    assert list(only.documents) == ["en"]


def test_the_key_follows_the_content(tmp_path: Path) -> None:
    key = read_suite(write(tmp_path, [DOC], [QUESTION])).key
    assert read_suite(write(tmp_path, [DOC], [QUESTION])).key == key
    assert read_suite(write(tmp_path, [DOC], [{**QUESTION, "answerable": False}])).key != key
    assert read_suite(write(tmp_path, [{**DOC, "text": DOC["text"] + "!"}], [QUESTION])).key != key


def spans(*values: dict[str, Any]) -> dict[str, Any]:
    return {**QUESTION, "gold_spans": list(values)}


@pytest.mark.parametrize(
    ("docs", "questions", "said"),
    [
        ([DOC, "{"], [QUESTION], r"docs\.jsonl, line 2: not JSON"),
        ([DOC, "[]"], [QUESTION], r"docs\.jsonl, line 2: not a JSON object"),
        ([{"doc_id": 1}], [QUESTION], r"docs\.jsonl, line 1: no field 'text'"),
        ([DOC, DOC], [QUESTION], r"docs\.jsonl, line 2: the id '1' is there twice"),
        ([], [QUESTION], "a suite without documents"),
        ([DOC], [], "no questions"),
        ([DOC], [{"qid": 1, "question": "TODO"}], "no questions but TODO ones"),
        ([DOC], [{"qid": 1}], r"questions\.jsonl, line 1: no field 'question'"),
        ([DOC], [QUESTION, QUESTION], r"questions\.jsonl, line 2: the id '7' is there twice"),
        ([DOC], [{**QUESTION, "question": " "}], "the field 'question' is no text"),
        ([DOC], [{**QUESTION, "answerable": "yes"}], "'answerable' is neither true nor false"),
        ([DOC], [spans({"doc_id": 1, "start": 3, "end": 99})], "line 1: the gold span 3-99 is outside its document"),
        ([DOC], [spans({"doc_id": 2, "start": 0, "end": 1})], "a gold span is in no document: '2'"),
        ([DOC], [spans({"doc_id": 1, "start": 0, "end": 4, "quote": "Dogs"})], "0-4 of '1' is 'Cats', not 'Dogs'"),
        ([DOC], [spans({"doc_id": 1, "quote": "Dogs"})], "the quote 'Dogs' is not in '1'"),
        ([DOC], [spans({"doc_id": 1})], "neither 'start' and 'end' nor a 'quote'"),
        ([DOC], [{**QUESTION, "gold_doc_ids": ["x"]}], "'gold_doc_ids' names no document of the suite: 'x'"),
        ([DOC], [{**QUESTION, "history": ["hello"]}], r"questions\.jsonl, line 1"),
        ([DOC], [{**QUESTION, "history": [{"role": "user"}]}], "line 1: no field 'text'"),
    ],
)
def test_a_malformed_suite_is_named_with_its_line(
    tmp_path: Path, docs: list[object], questions: list[object], said: str
) -> None:
    with pytest.raises(SuiteError, match=said):
        read_suite(write(tmp_path, docs, questions))


def test_a_duplicate_in_one_language_is_refused(tmp_path: Path) -> None:
    row = {**QUESTION, "lang": "en"}
    with pytest.raises(SuiteError, match="line 2: the id '7' is there twice"):
        read_suite(write(tmp_path, [DOC], [row, row]))


def test_windows_files_are_read(tmp_path: Path) -> None:
    write(tmp_path, [DOC], [{**QUESTION, "answers": "Cats"}])
    for path in tmp_path.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    (question,) = read_suite(tmp_path).questions
    assert question.answers == ("Cats",)


def test_a_file_is_no_suite(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text("{}")
    with pytest.raises(SuiteError, match="--format squad"):
        read_suite(tmp_path / "dev.json")


def test_a_sentence_may_go_over_lines() -> None:
    text = "The rent is\n900 euros per\nmonth. It is high."
    assert [text[a:b] for a, b in SuiteDocument(text).sentences] == [
        "The rent is\n900 euros per\nmonth.",
        "It is high.",
    ]


def test_a_line_that_is_nested_too_deeply_is_named(tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").write_text("[" * 100_000)
    with pytest.raises(SuiteError, match="line 1: not JSON"):
        read_suite(tmp_path)


def test_a_missing_suite_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"cannot read .*questions\.jsonl: No such file"):
        read_suite(tmp_path)
    write(tmp_path, [DOC], [QUESTION])
    (tmp_path / "docs.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(SuiteError, match=r"docs\.jsonl: not UTF-8"):
        read_suite(tmp_path)


def test_gold_of_published_sets(tmp_path: Path) -> None:
    text = "Cats sleep. Dogs bark. Mice eat."
    doc = {"doc_id": "a", "text": text, "sentences": ["Cats sleep.", " Dogs bark. Mice", " eat."]}
    ask = {"question": "Who?", "answerable": True, "gold_doc_ids": ["a"]}
    rows = [
        {"qid": 1, **ask, "gold_sentences": [["Dogs bark."]]},
        {"qid": 2, **ask, "supporting_facts": [["a", 2]]},
    ]
    found = [q.gold_spans for q in read_suite(write(tmp_path, [doc], rows)).questions]
    assert [[text[g.start : g.end] for g in gold] for gold in found] == [["Dogs bark."], ["eat."]], (
        "sentences are counted as the set does"
    )


def test_documents_inside_questions(tmp_path: Path) -> None:
    sources = [{"title": "Cats", "text": "Cats sleep all day.", "short": "all day"}]
    write(tmp_path, [], [{"qid": 1, "question": "When?", "sources": sources}])
    suite = read_suite(tmp_path)
    ((name, document),) = suite.documents.items()
    assert name.startswith("Cats")
    ((gold,),) = (q.gold_spans for q in suite.questions)
    assert document.text[gold.start : gold.end] == "all day"


SQUAD = {
    "data": [
        {
            "title": "Cats",
            "paragraphs": [
                {"context": "Cats sleep.", "qas": []},
                {
                    "context": "They eat fish.",
                    "qas": [
                        {"id": "1", "question": "What?", "answers": [{"text": "fish", "answer_start": 9}]},
                        {"id": "2", "question": "Why?", "answers": [], "is_impossible": True},
                    ],
                },
            ],
        }
    ]
}


def test_squads_own_format(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(SQUAD))
    suite = read_squad(path)
    text = suite.documents["Cats"].text
    one, other = suite.questions
    assert [text[g.start : g.end] for g in one.gold_spans] == ["fish"]
    assert one.gold_paragraphs == (("Cats", 1),)
    assert text[slice(*suite.documents["Cats"].paragraphs[1])] == "They eat fish."
    assert (other.answerable, other.gold) == (False, ())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not a SQuAD file"),
        ("{}", "no field 'data'"),
        ('{"data": [1]}', "not a SQuAD file"),
        ('{"data": [{"title": "t", "paragraphs": [{"context": 7, "qas": []}]}]}', "not a SQuAD file"),
        ("[" * 100_000, "not a SQuAD file"),
    ],
    ids=["cut", "empty", "numbers", "a number for a text", "deep"],
)
def test_another_file_is_not_squad(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "dev.json").write_text(content)
    with pytest.raises(SuiteError, match=said):
        read_squad(tmp_path / "dev.json")
    with pytest.raises(SuiteError, match="cannot read"):
        read_squad(tmp_path / "none.json")


def test_the_bundled_set_is_what_it_should_be() -> None:
    documents = {path.name: SuiteDocument(path.read_text("utf-8")) for path in SEEDS.glob("*.txt")}
    rows = list(rows_of(BUNDLED))
    suite = make_suite("bundled", documents, rows, BUNDLED)
    assert len(suite.questions) >= 60
    unanswerable = [q for q in suite.questions if not q.answerable]
    near = [q for q in unanswerable if q.kind == "near miss"]
    assert len(unanswerable) >= 20
    assert len(near) >= len(unanswerable) / 2
    assert all(q.gold for q in suite.questions if q.answerable)
    assert all("quote" in span for _, row in rows for span in row["gold_spans"]), "each span is checked with its quote"
    kinds = {q.kind for q in suite.questions}
    assert kinds >= {"fact", "why", "paraphrase", "quote", "date", "accents", "spanish", "follow-up", "yes/no", "typo"}
    assert {len(q.history) for q in suite.questions} >= {1, 2}, "two- and three-turn follow-ups"
    assert all(q.rewrite for q in suite.questions if q.history)
