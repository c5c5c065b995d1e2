"""Which format a file is taken for, and the process that parses: its limits and its ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from index.errors import UnreadableDocumentError
from index.parsing import FORMATS, ParsedDocument, Parser, may_be_read, parse
from index.parsing.blocks import Attachment, Block, Metadata, Place
from index.parsing.formats import format_of
from index.parsing.frames import pack, unpack
from tests.documents import zipped

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAIL = b"Received: from a\r\n by b\r\nFrom: Ann <a@b>\r\nSubject: x\r\n\r\nBody"
PAGE = b"\n<!-- saved -->\n<!DOCTYPE html>\n<p>x"


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.txt", b"%PDF-1.7", "PDF"),
        ("a.docx", b"%PDF-1.7", "PDF"),
        ("a", b"\xef\xbb\xbf%PDF-1.4", "PDF"),
        ("a.doc", b"{\\rtf1 x}", "RTF"),
        ("a.txt", zipped({"word/document.xml": "x"}), "Word"),
        ("a.zip", zipped({"[Content_Types].xml": "", "xl/workbook.xml": "x"}), "Excel"),
        ("a.docx", zipped({"ppt/presentation.xml": "x", "ppt/embeddings/word/document.xml": "y"}), "PowerPoint"),
        ("a", zipped({"META-INF/container.xml": "x"}), "EPUB"),
        ("a.docx", zipped({"content.xml": "x"}), "OpenDocument"),
        ("a.xls", PAGE, "HTML"),
        ("a.txt", b"<html><body>x", "HTML"),
        ("a.md", b"<html><body>x", "Markdown"),
        ("a.php", PAGE, "Source code"),
        ("a.txt", MAIL, "E-mail"),
        ("a.unknown", MAIL, "E-mail"),
        ("a.txt", b"From: Ann\nTo: Bob\n\nA letter.", "Text"),
        ("a.txt", b"From ann Fri May 3 10:00:00 2024\nFrom: x\n", "Mailbox"),
        ("a.msg", OLE, "Outlook message"),
        ("a.txt", OLE, "Word 97"),
        ("README", b"Plain words.\n", "Text"),
        ("a.PY", b"import x", "Source code"),
        ("a.csv", b"a,b\n", "CSV"),
    ],
)
def test_the_content_says_more_than_the_name(name: str, data: bytes, kind: str) -> None:
    assert format_of(name, data).name == kind


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.zip", zipped({"a.txt": "x"}), "ZIP archive"),
        ("a.docx", zipped({"a.txt": "x"}), "ZIP archive"),
        ("a.jpeg", b"\xff\xd8\xff\xe0", "not read"),
        ("a", b"\x7fELF\0\0", "not read"),
        ("a", b"", "not read"),
    ],
)
def test_other_files_are_named(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableDocumentError, match=reason):
        format_of(name, data)


@pytest.mark.parametrize(
    ("name", "head", "is_read"),
    [
        ("a.unknown", b"%PDF-1.7", True),
        ("a.unknown", MAIL, True),
        ("a.unknown", PAGE, True),
        ("a.unknown", zipped({"[Content_Types].xml": ""}), True),
        ("LICENSE", "Wörter".encode(), True),
        ("a.unknown", b"Plain words.", False),
        ("a.db", OLE, False),
        ("a.zip", zipped({"a.txt": ""}), False),
        ("program", b"\x7fELF\0", False),
    ],
)
def test_the_first_bytes_say_whether_a_file_is_worth_reading(name: str, head: bytes, is_read: bool) -> None:
    assert may_be_read(name, head) is is_read


def test_no_suffix_belongs_to_two_formats() -> None:
    suffixes = [suffix for kind in FORMATS for suffix in kind.suffixes]
    assert len(suffixes) == len(set(suffixes))


def test_a_document_goes_through_the_pipe_unchanged() -> None:
    document = ParsedDocument(
        "Title\n\nÜber 😀",
        (Block(0, 5, 1), Block(7, 13)),
        "utf-8",
        (Place(0, "page 1"), Place(7, "page “2”")),
        Metadata("T", "Ann", "2024", "de"),
        (Attachment("a\n.bin", bytes(range(256))), Attachment("", b"")),
    )
    assert unpack(*pack(document)) == document


ROWS = b"Name,Rent\nAnn,900\n"


def test_the_process_gives_what_the_parser_gives() -> None:
    with Parser() as parser:
        assert parser.parse("a.csv", ROWS) == parse("a.csv", ROWS)
        first = parser._process
        assert parser.parse("b.csv", "Größe;1\n".encode("cp1252"), "cp1252").encoding == "cp1252"
        assert parser._process is first, "one process for all files"
        with pytest.raises(UnreadableDocumentError, match="damaged"):
            parser.parse("a.docx", b"PK nothing")
    assert parser._process is None
    assert first is not None
    assert first.returncode is not None


def test_text_needs_no_process() -> None:
    with Parser() as parser:
        assert parser.parse("a.txt", b"Words.").text == "Words."
        assert parser.parse("a.md", b"# Words").text == "# Words"
        assert parser._process is None


def test_a_file_that_takes_too_long_is_named_and_the_next_one_read() -> None:
    with Parser(seconds=0.001) as parser:
        with pytest.raises(UnreadableDocumentError, match=r"took longer than 0\.001 seconds"):
            parser.parse("a.csv", ROWS * 50_000)
        assert parser._process is None
        parser.seconds = 60
        assert parser.parse("a.csv", ROWS).text.endswith("Rent: 900")


def test_a_file_that_needs_too_much_memory_is_named_and_the_next_one_read() -> None:
    with Parser(seconds=60, memory=200 * 1024**2) as parser:
        with pytest.raises(UnreadableDocumentError, match=r"more than 0\.195312 GiB of memory"):
            parser.parse("a.csv", b"a,b\n" * 5_000_000)
        assert parser.parse("a.csv", ROWS).text.endswith("Rent: 900")


def test_a_process_that_hangs_is_ended() -> None:
    with Parser(seconds=0.2) as parser:
        parser.parse("a.csv", ROWS)
        assert parser._process is not None
        os.kill(parser._process.pid, signal.SIGSTOP)
        with pytest.raises(UnreadableDocumentError, match=r"took longer than 0\.2 seconds"):
            parser.parse("a.csv", ROWS)
        assert parser._process is None


def test_a_process_that_dies_is_named_and_started_again() -> None:
    with Parser() as parser:
        parser.parse("a.csv", ROWS)
        assert parser._process is not None
        os.kill(parser._process.pid, signal.SIGSEGV)
        with pytest.raises(UnreadableDocumentError, match="the parser crashed"):
            parser.parse("a.csv", ROWS)
        assert parser.parse("a.csv", ROWS).text.endswith("Rent: 900")


HOOKED = """
import os, socket, subprocess, sys
from index.parsing import worker
sys.addaudithook(worker._refuse)
for act in ({}):
    try:
        act()
    except PermissionError:
        print("refused")
"""


def test_the_process_can_neither_connect_nor_start_programs() -> None:
    acts = [
        "lambda: socket.socket().connect(('127.0.0.1', 9))",
        "lambda: socket.getaddrinfo('localhost', 9)",
        "lambda: subprocess.run(['true'])",
        "lambda: os.system('true')",
        "os.fork",
    ]
    done = subprocess.run(
        [sys.executable, "-c", HOOKED.format(", ".join(acts))], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["refused"] * len(acts)


def test_the_folder_where_one_stands_is_no_place_for_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "csv.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    with Parser() as parser:
        assert parser.parse("a.csv", ROWS).text.endswith("Rent: 900")
