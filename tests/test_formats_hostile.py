"""Files that are made to do harm: each ends as a reason, and nothing outside the folder is read."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from index.errors import NoDocumentsError, UnreadableDocumentError
from index.parsing import Parser
from index.store import Store
from tests.conftest import build
from tests.documents import read, zipped
from tests.test_formats_web import BOOK

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
MAIN = {
    "a.docx": "word/document.xml",
    "a.xlsx": "xl/workbook.xml",
    "a.odt": "content.xml",
    "a.pptx": "ppt/presentation.xml",
}
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><x>&l9;</x>'


@pytest.mark.parametrize("name", [*MAIN, "a.epub"])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(name: str) -> None:
    data = zipped({**BOOK, MAIN.get(name, "O/b.opf"): bytes(300_000_000)})
    assert len(data) < 400_000
    with pytest.raises(UnreadableDocumentError, match="ZIP bomb"):
        read(name, data)


def test_many_small_members_are_a_bomb_too(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as archive:
        for number in range(20_001):
            archive.writestr(str(number), b"")
    with pytest.raises(UnreadableDocumentError, match="ZIP bomb: 20,001 members"):
        read("a.docx", (tmp_path / "a.docx").read_bytes())


def test_a_large_sheet_of_equal_rows_is_no_bomb() -> None:
    rows = "".join(f"<w:p><w:r><w:t>Row {n % 7}</w:t></w:r></w:p>" for n in range(20_000))
    body = f'<w:document xmlns:w="{W}"><w:body>{rows}</w:body></w:document>'
    assert len(read("a.docx", zipped({"word/document.xml": body})).blocks) == 20_000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", MAIN)
def test_an_entity_bomb_is_refused(name: str, encoding: str) -> None:
    with pytest.raises(UnreadableDocumentError, match=r"bomb|not well-formed"):
        read(name, zipped({MAIN[name]: BOMB.encode(encoding)}))


def test_an_entity_reads_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("SECRET")
    xml = f'<!DOCTYPE x [<!ENTITY s SYSTEM "file://{tmp_path}/secret.txt">]><w:document xmlns:w="{W}">&s;</w:document>'
    with pytest.raises(UnreadableDocumentError, match="declares entities"):
        read("a.docx", zipped({"word/document.xml": xml}))
    page = f'<html><body>Text<iframe src="{tmp_path}/secret.txt"></iframe><object data="file://{tmp_path}/secret.txt">'
    assert read("a.html", page).text == "Text"


DEEP = 100_000


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.html", "<html>" + "<div>" * DEEP),
        ("a.json", "[" * DEEP + "]" * DEEP),
        ("a.json", '{"a":' * DEEP + "1" + "}" * DEEP),
        ("a.json", "[" * 500 + "1" + "]" * 500),
        ("a.docx", zipped({"word/document.xml": "<a>" * DEEP + "</a>" * DEEP})),
        ("a.odt", zipped({"content.xml": "<a>" * DEEP + "</a>" * DEEP})),
    ],
)
def test_deep_nesting_is_refused(name: str, data: str | bytes) -> None:
    with pytest.raises(UnreadableDocumentError, match="nested"):
        read(name, data)


def test_deep_nesting_is_no_matter_where_it_is_not_needed() -> None:
    assert read("a.rtf", b"{\\rtf1 " + b"{" * DEEP + b"deep" + b"}" * DEEP + b"}").text == "deep"
    assert read("a.md", "> " * 5_000 + "deep").text.endswith("deep")


def test_deeply_nested_mails_end(tmp_path: Path) -> None:
    head = "Content-Type: message/rfc822\n\n"
    with Parser() as parser:
        try:
            text = parser.parse("a.eml", ("Subject: Outer\n" + head * 20_000 + "Deep").encode()).text
        except UnreadableDocumentError as error:
            text = str(error)
    assert text in ("Outer", "nested too deeply")


@pytest.mark.parametrize(
    "name",
    ["a.docx", "a.xlsx", "a.pptx", "a.odt", "a.epub", "a.msg", "a.doc", "a.rtf", "a.eml", "a.html", "a.json", "a.srt"],
)
@pytest.mark.parametrize("data", [b"", b"\0" * 5_000, bytes(range(256)) * 40, b"PK\x03\x04" + b"x" * 99])
def test_garbage_is_text_or_a_reason(name: str, data: bytes) -> None:
    with Parser() as parser:
        try:
            said = parser.parse(name, data).text
        except UnreadableDocumentError as error:
            said = str(error)
    assert said.strip()


def test_a_cut_archive_is_named() -> None:
    data = zipped({"word/document.xml": f'<w:document xmlns:w="{W}"/>' + "x" * 5_000})
    with pytest.raises(UnreadableDocumentError, match="damaged"):
        read("a.docx", data[: len(data) // 2])


def skipped(store: Store, folder: Path) -> dict[str, str]:
    return dict(build(store, folder).skipped)


def test_a_gigabyte_of_zeros_is_refused(store: Store, folder: Path) -> None:
    for name in ("zeros.txt", "zeros.docx", "zeros"):
        with (folder / name).open("wb") as file:
            file.truncate(10**9)
    reasons = skipped(store, folder)
    assert reasons["docs/zeros.txt"] == reasons["docs/zeros.docx"] == "larger than 200,000,000 bytes (1,000,000,000)"
    assert "docs/zeros" not in reasons, "what looks like no document is only counted"


def test_links_out_of_the_folder_are_refused_and_those_inside_followed(store: Store, folder: Path) -> None:
    outside = folder.parent / "outside.txt"
    outside.write_text("The zebra is secret.")
    (folder / "link.txt").symlink_to(outside)
    (folder / "round.txt").symlink_to(folder / "sub" / ".." / ".." / "outside.txt")
    (folder / "device.txt").symlink_to("/dev/zero")
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "inside.txt").symlink_to(folder / "lease.txt")
    reasons = skipped(store, folder)
    assert set(reasons) == {"docs/link.txt", "docs/round.txt", "docs/device.txt"}
    assert set(reasons.values()) == {"a link to a file outside the folder"}
    with store.snapshot() as snapshot:
        held = {d.name: snapshot.text(d.id) for d in snapshot.documents()}
    assert held["docs/inside.txt"] == held["docs/lease.txt"]
    assert not any("zebra" in text or "root:" in text for text in held.values())


def test_a_folder_that_is_itself_reached_by_a_link_is_indexed(store: Store, folder: Path) -> None:
    (folder.parent / "alias").symlink_to(folder, target_is_directory=True)
    assert len(build(store, folder.parent / "alias").added) == 3


def test_a_link_that_is_named_itself_is_followed(store: Store, folder: Path) -> None:
    (folder.parent / "alone.txt").symlink_to(folder / "lease.txt")
    assert build(store, folder.parent / "alone.txt").added == ["alone.txt"]


def test_pipes_and_devices_are_not_opened(store: Store, folder: Path) -> None:
    os.mkfifo(folder / "pipe.txt")
    os.mkfifo(folder / "pipe")
    os.mknod(folder / "zero.txt", 0o20666, os.makedev(1, 5))
    assert skipped(store, folder) == {
        "docs/pipe.txt": "not a regular file",
        "docs/zero.txt": "not a regular file",
    }


def test_names_with_line_breaks_are_refused(store: Store, folder: Path) -> None:
    (folder / "two\nlines.txt").write_text("Words.")
    (folder / "carriage\rreturn.csv").write_text("a,b\n")
    assert set(skipped(store, folder).values()) == {"a line break in its name: rename it"}
    with pytest.raises(NoDocumentsError):
        build(store, folder / "two\nlines.txt")


def test_a_bomb_among_documents_does_not_stop_the_others(store: Store, folder: Path) -> None:
    (folder / "bomb.docx").write_bytes(zipped({"word/document.xml": bytes(300_000_000)}))
    (folder / "deep.json").write_text("[" * DEEP)
    (folder / "good.json").write_text(json.dumps({"cat": "Mia"}))
    report = build(store, folder)
    assert "docs/good.json" in report.added
    assert {name: reason.split(":")[0] for name, reason in report.skipped} == {
        "docs/bomb.docx": "a ZIP bomb",
        "docs/deep.json": "nested too deeply",
    }
