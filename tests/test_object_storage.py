"""The same index on a real S3 server, and what a person is told when something is wrong with it."""

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from index.errors import IndexMissingError, RagError, StorageError
from index.following import CopiedStore
from index.lance import LanceStore
from index.migration import migrate
from index.object_storage import CREDENTIALS
from index.store import Store
from tests.conftest import assert_one_line_error, build, rag, searcher, write_twice_at_once
from tests.object_storage import ObjectStorage, free_ports, object_storage, refusal


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStorage]:
    with object_storage(tmp_path_factory.mktemp("s3")) as running:
        yield running


def become(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name in (*CREDENTIALS, "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def table(server: ObjectStorage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LanceStore:
    become(monkeypatch, server.environment())
    return LanceStore(f"s3://docs/{tmp_path.name}", tmp_path / ".rag")


def test_an_index_on_s3_is_built_searched_changed_and_moved(table: LanceStore, store: Store, folder: Path) -> None:
    with pytest.raises(IndexMissingError, match="no index at s3://docs"), table.snapshot():
        pass
    build(table, folder)
    hit = searcher(table).search("When does the lease end?", 1).hits[0]
    text = (folder / "lease.txt").read_text()
    assert hit.passage.text == text[hit.passage.chunk.start : hit.passage.chunk.end]
    (folder / "lease.txt").unlink()
    (folder / "new.txt").write_text("Quite new.")
    build(table, folder)
    assert len(table.latest().versions()) == 1, "what was removed is gone from the bucket"
    assert migrate(table, store).checksums.keys() == {"docs/cats.md", "docs/new.txt", "docs/sub/dogs.txt"}
    back = LanceStore(f"{table.place}-back", table.folder)
    migrate(store, back)
    assert searcher(back).search("quite new", 1).hits[0].passage.document == "docs/new.txt"


def test_of_two_writers_on_s3_the_second_is_refused(table: LanceStore, folder: Path) -> None:
    build(table, folder)
    write_twice_at_once(table)
    with table.snapshot() as snapshot:
        assert [record.name for record in snapshot.documents()] == ["docs/cats.md", "docs/sub/dogs.txt"]


def test_who_may_only_read_searches_and_is_told_that_he_may_not_write(
    table: LanceStore, server: ObjectStorage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(table, folder)
    become(monkeypatch, server.environment("reader"))
    assert searcher(table).search("lease", 1).hits[0].passage.document == "docs/lease.txt"
    (folder / "new.txt").write_text("New.")
    with pytest.raises(StorageError, match="may not write to s3://docs"):
        build(table, folder)
    become(monkeypatch, server.environment())
    with table.snapshot() as snapshot:
        assert (snapshot.generation, snapshot.counts()[0]) == (1, 3), "nothing of it is there"


@pytest.mark.parametrize(
    ("place", "change", "said"),
    [
        ("s3://docs/x", {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no credentials for s3://docs/x"),
        ("s3://docs/x", {"AWS_ACCESS_KEY_ID": "nobody"}, "credentials for s3://docs/x are not accepted"),
        ("s3://docs/x", {"AWS_SECRET_ACCESS_KEY": "wrong"}, "credentials for s3://docs/x are not accepted"),
        ("s3://elsewhere/x", {}, "no bucket elsewhere"),
    ],
)
def test_a_wrong_setting_is_one_line_that_says_what_to_do(
    server: ObjectStorage, tmp_path: Path, place: str, change: dict[str, str], said: str
) -> None:
    environment = {**server.environment(), **change, "RAG_INDEX": place}
    assert_one_line_error(rag("status", cwd=tmp_path, **environment), 1, said)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (301, "PermanentRedirect", "another region than us-east-1: set AWS_REGION"),
        (400, "AuthorizationHeaderMalformed", "another region than us-east-1: set AWS_REGION"),
        (403, "RequestTimeTooSkewed", "clock differs"),
        (403, "AccessDenied", "may not read s3://docs/x"),
        (503, "SlowDown", "has too much to do: try again later"),
    ],
)
def test_what_amazon_says_and_seaweedfs_never_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, code: str, said: str
) -> None:
    """The answers are those of S3's documentation ("Error responses"); SeaweedFS takes any region and clock."""
    with ThreadingHTTPServer(("127.0.0.1", 0), refusal(status, code)) as fake:
        threading.Thread(target=fake.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{fake.server_port}"
        become(monkeypatch, {**ObjectStorage(None, endpoint).environment()})
        with pytest.raises(StorageError, match=said), LanceStore("s3://docs/x", tmp_path).snapshot():
            pass
        fake.shutdown()


def test_a_server_that_never_was_is_named_with_its_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    become(monkeypatch, ObjectStorage(None, f"http://127.0.0.1:{port}").environment())
    with pytest.raises(StorageError, match=f"http://127.0.0.1:{port} does not answer"):
        LanceStore("s3://docs/x", tmp_path).latest()


def test_a_server_that_goes_in_the_middle_loses_nothing(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "server").mkdir()
    with object_storage(tmp_path / "server") as server:
        become(monkeypatch, server.environment())
        table = LanceStore("s3://docs/x", tmp_path / ".rag")
        build(table, folder)
        search = searcher(table)
        server.stop()
        with pytest.raises(RagError, match="does not answer"):
            search.search("lease", 1)
        (folder / "new.txt").write_text("New.")
        with pytest.raises(RagError, match="does not answer"):
            build(table, folder)
    with object_storage(tmp_path / "server") as server:
        become(monkeypatch, server.environment())
        assert search.search("lease", 1).hits[0].passage.document == "docs/lease.txt"
        assert build(table, folder).added == ["docs/new.txt"]


def test_a_copy_follows_a_bucket_and_answers_without_it(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "server").mkdir()
    table = LanceStore("s3://docs/x", tmp_path / ".rag")
    copied = CopiedStore(table, tmp_path / "copy", 3600)
    with object_storage(tmp_path / "server") as server:
        become(monkeypatch, server.environment())
        build(table, folder)
        search = searcher(copied)
        assert search.search("lease", 1).hits[0].passage.document == "docs/lease.txt"
        (folder / "lease.txt").unlink()
        (folder / "new.txt").write_text("Quite new.")
        build(table, folder)
        copied.catch_up()
        before = search.search("quite new", 9)
        assert {hit.passage.document for hit in before.hits} == {"docs/cats.md", "docs/new.txt", "docs/sub/dogs.txt"}
        server.stop()
        with pytest.raises(StorageError, match="does not answer"):
            copied.catch_up()
        copied._look()
        assert search.search("quite new", 9) == before
        assert "does not answer" in copied.standing().failure
        assert "generation 2, last in step at" in caplog.messages[-1]
    with object_storage(tmp_path / "server") as server:
        become(monkeypatch, server.environment())
        (folder / "newer.txt").write_text("Newer.")
        build(table, folder)
        copied.catch_up()
        assert (copied.standing().generation, copied.standing().failure) == (3, "")
    copied.stop()
