"""The command line as a person meets it: each call is a process of its own, without a network."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
import time
from functools import partial
from pathlib import Path

import pytest

from index.store import Store
from rag import cli
from tests.conftest import BOOT, META, SEED, assert_one_line_error, clean_environment, rag

QUESTION = "Why wasn't Ábrego García returned?"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the seed article indexed, by the real command."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(SEED.parent, home / "seeds")
    result = rag("index", cwd=home)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "1 new, 0 changed, 0 removed, 0 unchanged\n"
    return home


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    """Return a copy of `home` that a test may spoil."""
    shutil.copytree(home, tmp_path / "home")
    return tmp_path / "home"


def test_index_again_is_quick_and_says_so(home: Path) -> None:
    assert rag("index", "seeds", cwd=home).stdout == "0 new, 0 changed, 0 removed, 1 unchanged\n"


def test_ask_prints_the_sentences_and_their_sources(home: Path) -> None:
    result = rag("ask", QUESTION, cwd=home)
    assert (result.returncode, result.stderr) == (0, "")
    text = " ".join(result.stdout.split())
    assert 'what he labels a "terrorist" to re-enter El Salvador. [1]' in text
    assert "We cannot release criminals; that would make us the murder capital of the world again" in text
    assert f"[1] seeds/{SEED.name}, characters 1364-1561 Salvadoran President Bukele Announces" in text


def test_ask_json_is_an_answer_with_exact_spans(home: Path) -> None:
    result = rag("ask", QUESTION, "--json", cwd=home)
    answer = json.loads(result.stdout)
    text = SEED.read_text()
    assert answer["verdict"] == "answered"
    assert answer["claims"]
    for source in [*answer["sources"], *({**p, "quote": p["text"]} for p in answer["passages"])]:
        assert text[source["start"] : source["end"]] == source["quote"]
    for claim in answer["claims"]:
        assert claim["support"] == "supported"
        assert [answer["sources"][n - 1]["quote"] for n in claim["citations"]] == [claim["text"]]


@pytest.mark.parametrize("arguments", [["ask", "-"], ["ask"]])
def test_ask_reads_standard_input(home: Path, arguments: list[str]) -> None:
    result = rag(*arguments, cwd=home, stdin=b"What did Pam Bondi offer?\n")
    assert "logistical support" in " ".join(result.stdout.split())


def test_a_question_without_an_answer_exits_with_3(home: Path) -> None:
    result = rag("ask", "What is the capital of France?", cwd=home)
    assert result.returncode == 3
    assert result.stdout.startswith("Not in the documents.\n\nNearest passages\n- seeds/")
    answer = json.loads(rag("ask", "What is the capital of France?", "--json", cwd=home).stdout)
    assert (answer["verdict"], answer["claims"]) == ("not_in_documents", [])
    assert answer["passages"]
    text = SEED.read_text()
    assert answer["closest"]
    for span in answer["closest"]:
        assert text[span["start"] : span["end"]] == span["quote"]
        assert f"“{span['quote'][:20]}" in result.stdout


def test_show_passages_and_k(home: Path) -> None:
    result = rag("ask", QUESTION, "--show-passages", "-k", "2", cwd=home)
    assert result.stdout.partition("\nPassages\n")[2].count("\n- ") == 1
    assert len(json.loads(rag("search", QUESTION, "-k", "3", "--json", cwd=home).stdout)["hits"]) == 3


def test_search_shows_scores_file_and_offsets(home: Path) -> None:
    result = rag("search", "Ábrego", cwd=home)
    assert re.match(
        rf"1\. seeds/{SEED.name}, characters \d+-\d+ \(fused 0\.\d+, dense 0\.\d+, lexical \d", result.stdout
    )


def test_status_and_doctor(home: Path) -> None:
    status = json.loads(rag("status", "--json", cwd=home).stdout)
    assert (status["documents"], status["generation"]) == (1, 1)
    assert status["model"] == "all-MiniLM-L6-v2@53aa51172d14"
    assert status["FAISS"] == status["tantivy"] == "in step"
    doctor = rag("doctor", cwd=home)
    assert doctor.returncode == 0
    assert [line[:4] for line in doctor.stdout.splitlines()] == ["ok  "] * 7


def test_the_index_can_be_named_by_flag_or_environment(home: Path, tmp_path: Path) -> None:
    for result in (
        rag("status", "--index", str(home / ".rag"), cwd=tmp_path),
        rag("status", cwd=tmp_path, RAG_INDEX=str(home / ".rag")),
    ):
        assert result.returncode == 0
    assert_one_line_error(rag("status", cwd=tmp_path), 1, "no index at .rag", "rag index")


# Bad input


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ask", ""], 1, "empty"),
        (["ask", "   "], 1, "empty"),
        (["ask", "x" * 10_000], 1, "10,000 characters"),
        (["ask", "?!"], 1, "no words"),
        (["search", ""], 1, "empty"),
        (["ask", "a", "--index", "nowhere"], 1, "rag index"),
        (["doctor", "--index", "nowhere"], 1, "rag index"),
        (["index", "nowhere"], 1, "no such folder"),
        (["ask", "a", "-k", "0"], 1, "from 1 to 50"),
        (["ask", "a", "--threshold", "nan"], 1, "must be a number"),
        (["index", "--encoding", "latn-1"], 1, "latn-1"),
        (["index", "--index", ""], 1, "holds other files"),
        (["status", "--index", "x" * 300], 1, "ile name too long"),
        (["index", "--chunk-size", "9999"], 1, "from 20 to 250"),
        (["ask", "a", "-k", "many"], 2, "rag ask --help"),
        (["ask", "a", "b"], 2, "rag ask --help"),
        (["ask", "a", "--no-such-option"], 2, "--no-such-option"),
        (["no-such-command"], 2, "no-such-command"),
    ],
)
def test_wrong_input_is_one_line(home: Path, arguments: list[str], code: int, said: str) -> None:
    assert_one_line_error(rag(*arguments, cwd=home), code, said)


def test_without_a_command_the_help_is_shown(home: Path) -> None:
    result = rag(cwd=home)
    assert (result.returncode, result.stderr) == (2, "")
    assert "Commands:\n  ask" in result.stdout


def test_a_very_long_question_is_answered_or_not(home: Path) -> None:
    assert rag("ask", "why " * 499, cwd=home).returncode in (0, 3)


def test_a_wrong_environment_variable_is_named(home: Path) -> None:
    assert_one_line_error(rag("ask", "a", cwd=home, RAG_K="many"), 1, "RAG_K")


def test_a_folder_without_text_is_refused_and_the_index_stays(copy: Path) -> None:
    for name, content in {"empty": None, "zero": b"", "binary": b"\0\1"}.items():
        (copy / name).mkdir()
        if content is not None:
            (copy / name / "a.txt").write_bytes(content)
        assert_one_line_error(rag("index", name, cwd=copy), 1, "the index is as it was")
    assert rag("status", cwd=copy).returncode == 0


def test_skipped_files_are_counted_and_named(copy: Path) -> None:
    (copy / "seeds" / "program.txt").write_bytes(b"\x7fELF\0")
    (copy / "seeds" / "photo.jpeg").write_bytes(b"\xff\xd8\xff\xe0")
    result = rag("index", cwd=copy)
    assert result.returncode == 0
    assert "skipped 1:\n  seeds/program.txt: binary, not text\n" in result.stdout
    assert "other formats, not read: 1 .jpeg" in result.stdout


@pytest.mark.parametrize("file", ["vectors.faiss", "lexical.json"])
def test_a_damaged_view_is_made_again_and_said_so(copy: Path, file: str) -> None:
    (copy / ".rag" / file).write_bytes(b"damaged")
    result = rag("ask", QUESTION, cwd=copy)
    assert result.returncode == 0
    assert "were damaged: made again from the store" in result.stderr
    assert rag("doctor", cwd=copy).returncode == 0


def test_a_damaged_database_is_refused_with_the_command_that_mends(copy: Path) -> None:
    path = copy / ".rag" / "store.sqlite3"
    path.write_bytes(path.read_bytes()[:4_000] + b"\xff" * 60_000)
    for command in (["ask", QUESTION], ["status"], ["index"]):
        assert_one_line_error(rag(*command, cwd=copy), 1, "damaged", "--rebuild")
    assert rag("doctor", cwd=copy).returncode == 1
    assert rag("index", "--rebuild", cwd=copy).returncode == 0
    assert rag("ask", QUESTION, cwd=copy).returncode == 0


def test_doctor_names_the_mending_command(copy: Path) -> None:
    (copy / ".rag" / "vectors.faiss").write_bytes(b"")
    result = rag("doctor", cwd=copy)
    assert_one_line_error(result, 1, "FAISS", "`rag index FOLDER`")
    assert "BAD FAISS: its files are damaged" in result.stdout


def test_another_chunk_size_says_what_to_do(copy: Path) -> None:
    assert_one_line_error(rag("index", "--chunk-size", "99", cwd=copy), 1, "chunk size 200 (now 99)", "--rebuild")


def test_a_second_index_at_the_same_time_is_refused(copy: Path) -> None:
    from dataclasses import replace

    from rag.assemble import index_meta
    from rag.settings import Settings

    with Store(copy / ".rag").transaction(replace(META, **vars(index_meta(Settings())))):
        assert_one_line_error(rag("index", cwd=copy), 1, f"another process ({os.getpid()})")
        assert rag("ask", QUESTION, cwd=copy).returncode == 0, "readers go on"


def without_roots_rights(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `rag` so that even root may write only where the file's mode allows it."""
    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    return subprocess.run(
        [*prefix, sys.executable, "-c", BOOT, *arguments],
        cwd=cwd,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_read_only_folder_can_be_asked_but_not_written(copy: Path) -> None:
    (copy / "seeds" / "new.txt").write_text("Something new.")
    for path in [*copy.rglob("*"), copy]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    result = without_roots_rights("ask", QUESTION, cwd=copy)
    assert (result.returncode, result.stderr) == (0, "")
    assert_one_line_error(without_roots_rights("index", cwd=copy), 1, "cannot use", "permission denied")
    assert_one_line_error(
        without_roots_rights("index", "--index", "other", cwd=copy), 1, "cannot use", "permission denied"
    )


def test_a_full_disk_is_said_and_nothing_is_lost(copy: Path) -> None:
    (copy / "seeds" / "new.txt").write_text("Something new. " * 20_000)
    # The kernel refuses to let any file grow beyond 100 kB: to the program, a disk that is full.
    limit = (
        "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", limit + BOOT, "index"],
        cwd=copy,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert_one_line_error(result, 1, "cannot use .rag")
    assert json.loads(rag("status", "--json", cwd=copy).stdout)["documents"] == 1
    assert rag("index", cwd=copy).returncode == 0


def test_ctrl_c_leaves_the_index_as_it_was(copy: Path) -> None:
    for number in range(400):
        (copy / "seeds" / f"{number}.txt").write_text(f"Document number {number} says this. " * 40)
    process = subprocess.Popen(
        [sys.executable, "-c", BOOT, "index"],
        cwd=copy,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # subtle: a shell starts background jobs with Ctrl-C ignored, the tests among them, and children inherit that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    # The writer's lock holds its process id from the moment that the transaction is open.
    deadline = time.monotonic() + 60
    while (copy / ".rag" / "lock").read_text() != str(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert error == "rag: stopped; the index is whole, and what was finished is in it\n"
    assert json.loads(rag("status", "--json", cwd=copy).stdout)["documents"] == 1


def test_output_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_none(home: Path) -> None:
    def run(redirection: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f'set -o pipefail; "$0" -c "$1" search bukele {redirection}', sys.executable, BOOT],
            cwd=home,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert_one_line_error(run("> /dev/full"), 1, "no space left on device".capitalize())
    assert run("| head -c 1").stderr == ""
    assert run("--json | head -c 1").returncode == 0
    assert run(">&-").stderr == ""
    assert run("2>&-").returncode == 0


def test_a_document_cannot_drive_the_terminal(copy: Path) -> None:
    (copy / "seeds" / "evil\x1b[2J.txt").write_text(
        "The zebra\x1b]0;owned\x07 is striped\u202e \x9b2J backwards. " + "It lives in herds. " * 20
    )
    (copy / "seeds" / "a.\x1b]0;owned\x07").write_bytes(b"")
    (copy / "seeds" / "forged\nrag: line.txt").write_bytes(b"\0")
    index = rag("index", cwd=copy)
    assert "skipped 1:\n  seeds/forged rag: line.txt: a line break" in index.stdout
    outputs = [index.stdout]
    for command in (["ask", "Is the zebra striped?"], ["search", "zebra"]):
        outputs.append(rag(*command, cwd=copy).stdout)
        outputs.append(rag(*command, "--json", cwd=copy).stdout)
        assert "zebra" in outputs[-2]
    assert any("\x1b]0;owned\x07" in hit["text"] for hit in json.loads(outputs[-1])["hits"]), "JSON loses nothing"
    for output in outputs:
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", output)


def test_json_is_exact_on_a_terminal_without_utf8(home: Path) -> None:
    result = rag("search", "Ábrego", "--json", cwd=home, PYTHONIOENCODING="ascii")
    text = SEED.read_text()
    assert all(text[h["start"] : h["end"]] == h["text"] for h in json.loads(result.stdout)["hits"])


def test_the_progress_bar_is_for_terminals_only(copy: Path) -> None:
    (copy / "seeds" / "new.txt").write_text("Something new.")
    main, sub = pty.openpty()
    termios.tcsetwinsize(sub, (24, 80))
    process = subprocess.Popen(
        [sys.executable, "-c", BOOT, "index"],
        cwd=copy,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=sub,
    )
    output, _ = process.communicate(timeout=120)
    os.close(sub)
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal says that its other end is closed
        while part := os.read(main, 10_000):
            shown += part
    assert b"Indexing seeds" in shown
    assert b"100%" in shown
    assert output.decode().startswith("1 new")


def test_several_folders_patterns_and_failures(tmp_path: Path) -> None:
    for name in ("notes/a.txt", "notes/drafts/b.txt", "letters/c.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"This is {name}.")
    (tmp_path / "letters" / "bad.txt").write_bytes(b"\0")
    result = rag("index", "notes", "letters", "--exclude", "drafts/", "--json", cwd=tmp_path)
    assert json.loads(result.stdout)["added"] == ["notes/a.txt", "letters/c.txt"]
    failed = json.loads(rag("status", "--failed", "--json", cwd=tmp_path).stdout)["failed"]
    assert [(f["document"], f["reason"]) for f in failed] == [("letters/bad.txt", "binary, not text")]
    assert "letters/bad.txt: binary, not text\n1 failed" in rag("status", "--failed", cwd=tmp_path).stdout
    assert "1 new, 0 changed, 0 removed, 1 unchanged" in rag("index", "notes", cwd=tmp_path).stdout
    assert rag("index", "notes", "--include", "drafts/", cwd=tmp_path).stdout.startswith("0 new, 0 changed, 1 removed")
    assert_one_line_error(rag("index", "notes", "--exclude", "!", cwd=tmp_path), 1, "--exclude", "'!'")


def test_too_little_memory_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(context: object) -> None:
        raise MemoryError

    monkeypatch.setattr(cli.cli, "invoke", fail)
    assert cli._run(["status"]) == 1
    assert capsys.readouterr().err == (
        "rag: there is not enough memory for this: end other programs, or index fewer files at a time\n"
    )
