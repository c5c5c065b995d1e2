"""Events: off means off, a log that keeps no more than it should, and spans."""

import json
import logging
import multiprocessing
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from index.store import Store
from rag import events, logfile
from rag.abstention import Gate
from rag.chain import Chain
from rag.listeners import listen
from rag.logfile import LogFile
from rag.settings import Settings
from rag.tracing import Traces
from tests.conftest import WordReranker, assert_one_line_error, build, rag, searcher

QUESTION = "When does the lease end?"
SECRET = "sk-secret-4711"


@pytest.fixture(autouse=True)
def nobody_listens() -> Iterator[None]:
    yield
    events.logger.handlers.clear()
    events.logger.setLevel(logging.NOTSET)


@pytest.fixture
def chain(store: Store, folder: Path) -> Chain:
    build(store, folder)
    return Chain(searcher(store), WordReranker(), Gate("words", 0.0, 1.0, 1.0, "by hand"), k=5)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_off_means_off(chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr(events, "logger", logging.getLogger("checkable_rag.nobody"))
    monkeypatch.setattr(logging.Logger, "makeRecord", lambda *given, **more: made.append(given))
    before = {path for path in tmp_path.rglob("*") if ".rag" not in path.parts}
    listen(Settings())
    chain.invoke(QUESTION)
    assert made == []
    assert {path for path in tmp_path.rglob("*") if ".rag" not in path.parts} == before


@pytest.mark.parametrize("keep", [False, True])
def test_an_answer_is_one_line_and_its_question_is_kept_only_if_asked_for(
    chain: Chain, tmp_path: Path, keep: bool
) -> None:
    path = tmp_path / "logs" / "rag.jsonl"
    listen(Settings(log=path, log_questions=keep))
    listen(Settings(log=path, log_questions=keep))
    for question in (QUESTION, QUESTION, "What do cats eat?"):
        chain.invoke(question)
    first, again, other = lines(path)
    assert (first["event"], first["generation"], first["verdict"]) == ("answer", 1, "answered")
    assert list(first["seconds"]) == ["retrieve", "rerank", "read", "verify"]  # type: ignore[call-overload]
    assert first["question_hash"] == again["question_hash"] != other["question_hash"]
    assert [line.get("question") for line in (first, other)] == (
        [QUESTION, "What do cats eat?"] if keep else [None] * 2
    )
    assert ("lease" in path.read_text("utf-8").lower()) is keep, "nothing of question, answer or document"


def test_the_log_and_its_key_are_for_their_owner_alone(chain: Chain, tmp_path: Path) -> None:
    os.umask(os.umask(0))
    listen(Settings(log=tmp_path / "rag.jsonl"))
    chain.invoke(QUESTION)
    files = [tmp_path / "rag.jsonl", tmp_path / "rag.jsonl.key"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]


def test_another_key_gives_another_hash(chain: Chain, tmp_path: Path) -> None:
    hashes = set()
    for name in ("a", "b"):
        events.logger.handlers.clear()
        listen(Settings(log=tmp_path / name))
        chain.invoke(QUESTION)
        hashes.add(lines(tmp_path / name)[0]["question_hash"])
    assert len(hashes) == 2


def write_many(path: Path, number: int) -> None:
    log = LogFile(path, keep_questions=False)
    for count in range(200):
        event = events.Event("test", {"writer": number, "count": count})
        log.emit(logging.makeLogRecord({"event": event}))


def test_many_processes_write_one_log_and_renew_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "MAX_BYTES", 20_000)
    path = tmp_path / "rag.jsonl"
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=write_many, args=(path, number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    files = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, 10))]
    there = [file for file in files if file.exists()]
    assert 2 < len(there) <= 1 + logfile.KEPT
    assert all(file.stat().st_size <= 20_000 for file in there)
    found = [(line["writer"], line["count"]) for file in there for line in lines(file)]
    assert len(found) == len(set(found)), "no line twice, none in part"
    kept = sorted(count for writer, count in found if writer == 0)
    assert kept[-1] == 199


def test_a_log_that_cannot_be_written_is_said_once(
    chain: Chain, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    listen(Settings(log=tmp_path / "file" / "rag.jsonl"))
    for _ in range(2):
        assert chain.invoke(QUESTION).claims, "the answer goes on"
    said = [record.getMessage() for record in caplog.records if record.name == "rag"]
    assert [message.endswith("events are lost") for message in said] == [True]


def test_no_secret_is_in_a_log(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "lease.txt").write_text("The lease ends on 3 May 2031.")
    secrets = {
        "OPENAI_API_KEY": SECRET,
        "RAG_MODEL_URL": f"http://user:{SECRET}@127.0.0.1:9/v1",
        "RAG_MODEL": "openai:none",
        "RAG_LOG": "rag.jsonl",
        "RAG_LOG_QUESTIONS": "yes",
    }
    assert rag("index", cwd=tmp_path, **secrets).returncode == 0
    asked = rag("--verbose", "ask", QUESTION, cwd=tmp_path, **secrets)
    assert asked.returncode == 4, "the model cannot be reached"
    said = [line["event"] for line in lines(tmp_path / "rag.jsonl")]
    assert said == ["index", "answer"]
    for text in (asked.stdout, asked.stderr, (tmp_path / "rag.jsonl").read_text()):
        assert SECRET not in text


def test_verbose_says_what_took_how_long(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "lease.txt").write_text("The lease ends on 3 May 2031.")
    indexed = rag("-v", "index", cwd=tmp_path)
    assert indexed.stderr.startswith("rag: index: added 1, changed 0, removed 0, skipped 0, encoded 1, generation 1; ")
    assert "rag: answer:" not in rag("ask", QUESTION, cwd=tmp_path).stderr
    failure = rag("-v", "ask", QUESTION, "--index", "none", cwd=tmp_path)
    assert failure.stderr.splitlines()[0] == "rag: failure: error IndexMissingError"


def test_an_answer_is_a_span_with_a_span_for_each_stage(chain: Chain) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    events.logger.addHandler(Traces(provider))
    events.logger.setLevel(logging.INFO)
    answer = chain.invoke(QUESTION)
    *stages, whole = exporter.get_finished_spans()
    assert [span.name for span in stages] == list(answer.timings)
    assert all(span.parent is not None and span.parent.span_id == whole.context.span_id for span in stages)
    assert whole.attributes is not None
    assert whole.attributes["generation"] == 1
    assert "lease" not in str([span.attributes for span in (*stages, whole)]).lower()
    assert stages[-1].end_time == whole.end_time


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    assert_one_line_error(rag("ask", QUESTION, cwd=tmp_path, RAG_TRACES="perhaps"), 1, "RAG_TRACES")
