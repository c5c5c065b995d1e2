"""The documents behind the page and the API: adding, removing, bringing in step."""

import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from index.encoding_e5 import E5Encoder
from index.errors import StorageError
from index.intake import safe_name
from index.schema import IndexMeta
from index.store import Store
from rag.settings import Settings
from tests.conftest import build
from tests.serving import delete, listed, upload
from tests.test_formats_mail import mail
from ui import desk as desk_module
from ui import writing
from ui.desk import Desk


def test_adding_and_removing_wait_for_another_process_that_writes(client: TestClient, desk: Desk) -> None:
    """`rag watch` commits for a moment whenever a file changes; a page that adds one meanwhile sees nothing of it."""
    said: list[int] = []

    def add_and_remove() -> None:
        said.append(upload(client, "bikes.txt", b"Bicycles have two wheels.\n")[0])
        said.append(client.post("/api/documents/reread").status_code)

    thread = threading.Thread(target=add_and_remove)
    with Store(desk.store.folder).locked():
        thread.start()
        while thread.is_alive() and not (desk.uploads / "bikes.txt").exists():
            thread.join(0.01)
        thread.join(0.5)
        assert thread.is_alive(), said
    thread.join(60)
    assert said == [200, 200]
    with Store(desk.store.folder).locked():
        thread = threading.Thread(target=lambda: said.append(delete(client, "uploads/bikes.txt").status_code))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), said
    thread.join(60)
    assert said == [200, 200, 200]
    assert "uploads/bikes.txt" not in listed(client)


def test_another_process_that_does_not_end_is_told(
    client: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "PATIENCE", 0)
    with Store(desk.store.folder).locked():
        status, said = upload(client, "bikes.txt", b"Bicycles have two wheels.\n")
    assert status == 503
    assert "is writing to" in said["detail"]
    assert not (desk.uploads / "bikes.txt").exists()


def test_upload_ask_remove(client: TestClient, desk: Desk) -> None:
    assert upload(client, "bikes.txt", b"Bicycles have two wheels.\n") == (200, {"name": "bikes.txt", "detail": None})
    (row,) = [d for d in client.get("/api/documents").json()["documents"] if d["name"] == "uploads/bikes.txt"]
    assert (row["type"], row["chunks"], row["uploaded"]) == ("txt", 1, True)
    answer = [step.answer for step in desk.ask("How many wheels have bicycles?", ())][-1]
    assert answer.sources[0].document == "uploads/bikes.txt"
    assert delete(client, "uploads/bikes.txt").status_code == 200
    assert not (desk.uploads / "bikes.txt").exists()
    answer = [step.answer for step in desk.ask("How many wheels have bicycles?", ())][-1]
    assert all(p.document != "uploads/bikes.txt" for p in answer.passages)
    assert delete(client, "uploads/bikes.txt").status_code == 404


def test_an_upload_is_encoded_as_a_document_by_the_multilingual_encoder(tmp_path: Path) -> None:
    """Its questions and documents are encoded differently."""
    desk = Desk(Settings(index=tmp_path / ".rag", encoder="multilingual-e5-small"))
    desk.warm.load()
    desk.keep("bikes.txt", b"Bicycles have two wheels.\n")
    with desk.store.snapshot() as snapshot:
        ((_, vector),) = list(snapshot.all_chunks())
    document, question = (E5Encoder(is_question=q).encode(["Bicycles have two wheels."])[0] for q in (False, True))
    assert vector == pytest.approx(document, abs=1e-5)
    assert vector != pytest.approx(question, abs=1e-3)


def test_removing_what_was_not_uploaded_leaves_its_file(client: TestClient, folder: Path) -> None:
    assert delete(client, "docs/lease.txt").status_code == 200
    assert (folder / "lease.txt").exists()
    assert "docs/lease.txt" not in [d["name"] for d in client.get("/api/documents").json()["documents"]]


def test_reading_again_reads_what_was_indexed_and_nothing_else(
    client: TestClient, store: Store, folder: Path, desk: Desk
) -> None:
    desk.warm.load()
    (folder / "private.txt").write_text("Nobody gave this to anybody.\n")
    (folder / "sub" / "dogs.txt").unlink()
    (folder / "lease.txt").write_text("The lease ends on 4 June 2032.\n")
    assert client.post("/api/documents/reread").json() == {"changed": 1, "removed": 1, "skipped": []}
    assert [d["name"] for d in client.get("/api/documents").json()["documents"]] == ["docs/cats.md", "docs/lease.txt"]
    assert "4 June 2032" in desk.text("docs/lease.txt")


@pytest.mark.parametrize(
    ("name", "data", "code", "detail"),
    [
        ("virus.exe", b"MZ", 422, "this format is not read"),
        ("empty.txt", b"", 422, "empty"),
        ("blank.txt", b" \n", 422, "empty"),
        ("zeros.txt", bytes(1000), 422, "binary"),
        ("big.txt", b"a" * 25_000_001, 413, "larger than 25 MB"),
    ],
)
def test_an_upload_that_cannot_be_read_is_refused_and_not_kept(
    client: TestClient, desk: Desk, name: str, data: bytes, code: int, detail: str
) -> None:
    status, body = upload(client, name, data)
    assert (status, detail in body["detail"]) == (code, True), body
    assert not (desk.uploads / name).exists()


def test_an_uploaded_mail_brings_its_attachments_and_takes_them_away(client: TestClient, desk: Desk) -> None:
    message = mail("The zebra is striped.")
    message.add_attachment(b"Name,Rent\nAnn,900\n", maintype="text", subtype="csv", filename="rents.csv")
    assert upload(client, "m.eml", message.as_bytes())[0] == 200
    assert desk.text("uploads/m.eml/rents.csv") == "Name; Rent\nName: Ann; Rent: 900"
    listed = client.get("/api/documents").json()
    assert {"Word", "PDF", "E-mail"} < set(listed["formats"])
    assert "uploads/m.eml/rents.csv" in [document["name"] for document in listed["documents"]]
    assert delete(client, "uploads/m.eml").status_code == 200
    assert desk.text("uploads/m.eml/rents.csv") is None
    assert not (desk.uploads / "m.eml").exists()


def test_a_bad_upload_does_not_replace_a_good_one(client: TestClient, desk: Desk) -> None:
    upload(client, "bikes.txt", b"Bicycles have two wheels.\n")
    assert upload(client, "bikes.txt", b"")[0] == 422
    assert (desk.uploads / "bikes.txt").read_bytes() == b"Bicycles have two wheels.\n"
    assert upload(client, "bikes.txt", b"\xff\xfe\x00")[0] == 422
    assert desk.text("uploads/bikes.txt") == "Bicycles have two wheels.\n"


def test_an_upload_that_fails_leaves_nothing(client: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise StorageError("disk full")

    monkeypatch.setattr("index.build.Builder.build", fail)
    assert upload(client, "bikes.txt", b"Bicycles have two wheels.\n") == (503, {"detail": "disk full"})
    assert list(desk.uploads.iterdir()) == []


def test_an_upload_takes_the_indexs_own_chunk_size(
    client: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "index_meta", lambda settings: IndexMeta("other@1", 100, 0))
    assert upload(client, "bikes.txt", b"Bicycles have two wheels.\n")[0] == 200


def test_deleting_needs_an_indexed_document(client: TestClient, desk: Desk) -> None:
    desk.uploads.mkdir()
    (desk.uploads / "mine.log").write_text("mine")
    for name in ("uploads/mine.log", "uploads/\0", "../../etc/passwd", "uploads/../docs/lease.txt"):
        assert delete(client, name).status_code == 404
    assert (desk.uploads / "mine.log").exists()


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("notes.txt", "notes.txt"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\boot.txt", "boot.txt"),
        ("a\nb\x1b[31m.txt", "a_b_[31m.txt"),
        (".hidden.txt", "hidden.txt"),
        ("<img src=x onerror=alert(1)>.txt", "<img src=x onerror=alert(1)>.txt"),
        ("", "unnamed"),
        ("..", "unnamed"),
    ],
)
def test_a_file_name_is_made_safe(given: str, safe: str) -> None:
    assert safe_name(given) == safe


def test_a_long_name_keeps_its_suffix() -> None:
    name = safe_name("é" * 300 + ".txt")
    assert name.endswith("é.txt")
    assert len(name.encode()) <= 200


def test_examples_are_names_of_the_documents(store: Store, folder: Path) -> None:
    (folder / "who.txt").write_text("The mayor is Ana Maria Lopez. She met Ana Maria Lopez and saw New York.\n")
    build(store, folder)
    assert Desk(Settings(index=store.folder)).examples() == [
        "What is said about Ana Maria Lopez?",
        "What is said about New York?",
    ]
    assert Desk(Settings(index=folder / "none" / ".rag")).examples() == []
