"""Attachments as documents of their own: their names, their bounds, and that they come and go with their mail."""

import os
from email.message import EmailMessage
from pathlib import Path

import pytest

from index import intake
from index.intake import Found, Refused, attached_to, documents_in
from index.parsing import Parser
from index.store import Store
from tests.conftest import build
from tests.test_formats_mail import mail


def with_files(*files: tuple[str, bytes], inner: EmailMessage | None = None) -> EmailMessage:
    message = mail("Body.")
    for name, data in files:
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    if inner is not None:
        message.add_attachment(inner)
    return message


def names(store: Store) -> list[str]:
    with store.snapshot() as snapshot:
        return [document.name for document in snapshot.documents()]


def taken(message: EmailMessage) -> list[Found | Refused]:
    with Parser() as parser:
        return list(documents_in(parser, "m.eml", message.as_bytes(), None))


def test_attachments_come_and_go_with_their_mail(store: Store, folder: Path) -> None:
    path = folder / "m.eml"
    path.write_bytes(
        with_files(("rents.csv", b"Name,Rent\nAnn,900\n"), ("photo.png", b"\x89PNG"), ("a.txt", b"")).as_bytes()
    )
    report = build(store, folder)
    assert {"docs/m.eml", "docs/m.eml/rents.csv"} < set(report.added)
    assert report.ignored == {".png": 1}
    assert report.skipped == [("docs/m.eml/a.txt", "empty")]
    assert build(store, folder).unchanged == 5
    assert build(store, path).unchanged == 2, "the mail alone"
    path.write_bytes(with_files(("other.csv", b"x,y\n1,2\n")).as_bytes())
    report = build(store, folder)
    assert (report.added, report.changed, report.removed) == (
        ["docs/m.eml/other.csv"], ["docs/m.eml"], ["docs/m.eml/rents.csv"],
    )  # fmt: skip
    path.unlink()
    assert build(store, folder).removed == ["docs/m.eml", "docs/m.eml/other.csv"]
    assert len(names(store)) == 3


def test_a_mail_that_cannot_be_read_now_keeps_its_attachments(store: Store, folder: Path) -> None:
    path = folder / "m.eml"
    path.write_bytes(with_files(("rents.csv", b"Name,Rent\n")).as_bytes())
    build(store, folder)
    path.unlink()
    os.mkfifo(path)
    assert build(store, folder).removed == []
    assert "docs/m.eml/rents.csv" in names(store)


def test_names_of_attachments_are_made_safe_and_different() -> None:
    files = [("../../x.txt", b"1"), ("x.txt", b"2"), ("a/b\\x.txt", b"3"), (".hidden.txt", b"4"), ("", b"5")]
    found = taken(with_files(*files))
    assert [f.name for f in found] == [
        "m.eml", "m.eml/x.txt", "m.eml/x (2).txt", "m.eml/x (3).txt", "m.eml/hidden.txt", "m.eml/part 5",
    ]  # fmt: skip


def test_mails_in_mails_are_read_to_a_depth_of_three() -> None:
    message = mail("Level 5.", subject="5")
    for level in (4, 3, 2, 1):
        outer = with_files(inner=message)
        outer.replace_header("Subject", str(level))
        message = outer
    found = taken(message)
    assert [f.name for f in found] == [
        "m.eml", "m.eml/2.eml", "m.eml/2.eml/3.eml", "m.eml/2.eml/3.eml/4.eml", "m.eml/2.eml/3.eml/4.eml/5.eml",
    ]  # fmt: skip
    assert isinstance(found[-1], Refused)
    assert found[-1].reason == "attached more than 3 deep"


def test_the_number_and_the_bytes_of_attachments_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    many = with_files(*((f"{n}.txt", b"x") for n in range(5)))
    monkeypatch.setattr(intake, "MAX_ATTACHMENTS", 3)
    assert [isinstance(f, Refused) for f in taken(many)] == [False] * 4 + [True]
    monkeypatch.setattr(intake, "MAX_ATTACHMENTS", 99)
    monkeypatch.setattr(intake, "MAX_ATTACHED_BYTES", 2)
    assert [isinstance(f, Refused) for f in taken(many)] == [False] * 3 + [True]


def test_attachments_are_told_by_their_names() -> None:
    found = attached_to({"a.eml", "b"}, ["a.eml", "a.eml/x.pdf", "a.eml/m.eml/y.pdf", "b/c.txt", "a.emlx/z", "d.txt"])
    assert found == {"a.eml": {"a.eml/x.pdf", "a.eml/m.eml/y.pdf"}, "b": {"b/c.txt"}}


def test_a_format_that_says_its_encoding_is_not_read_again_for_another(store: Store, folder: Path) -> None:
    (folder / "m.eml").write_bytes(mail().as_bytes())
    build(store, folder, encoding="koi8-r")
    assert build(store, folder, encoding="koi8-r").unchanged == 4
