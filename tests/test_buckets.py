"""Documents that lie on a real S3 server are indexed like files, into a local index or a table."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from index.buckets import Bucket, BucketFile
from index.errors import NoDocumentsError, StorageError
from index.ignoring import Rules
from index.interface import IndexStore
from index.object_storage import CREDENTIALS
from tests.buckets import delete, put
from tests.conftest import assert_one_line_error, build, rag, searcher
from tests.object_storage import ObjectStorage, object_storage
from tests.test_object_storage import become


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStorage]:
    with object_storage(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def bucket(server: ObjectStorage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bucket:
    """Return a folder on the server with three documents, and what is not to be read."""
    become(monkeypatch, server.environment())
    address = f"s3://docs/{tmp_path.name}"
    put(f"{address}/lease.txt", "The lease\n\nThe lease ends on 3 May 2031.\n")
    put(f"{address}/sub/cats.md", "# Cats\n\nCats sleep all day.\n")
    put(f"{address}/sub/dogs & more.txt", "Dogs bark at night.\n")
    put(f"{address}/.hidden.txt", "hidden")
    put(f"{address}/drafts/plan.txt", "a draft")
    put(f"{address}/old.lance/data.txt", "of a table")
    put(f"{address}/table/_versions/1.manifest", "of a table")
    put(f"{address}/table/data/1.txt", "of a table")
    put(f"{address}/picture.xyz", b"\x00\x01")
    put(f"{address}/.ragignore", "drafts/\n")
    return Bucket(address)


def names(bucket: Bucket, rules: Rules = Rules()) -> list[str]:  # noqa: B008
    return [source.name.removeprefix(bucket.address) for source in bucket.discover(rules).files]


def test_its_objects_are_listed_as_a_folders_files_are(bucket: Bucket) -> None:
    found = ["/lease.txt", "/picture.xyz", "/sub/cats.md", "/sub/dogs & more.txt"]
    assert names(bucket) == found
    assert names(bucket, Rules(("*.txt",), ("sub/",))) == ["/lease.txt"]
    assert names(Bucket(f"{bucket.address}/lease.txt")) == [""], "a single object"


@pytest.mark.everywhere
def test_only_what_changed_is_read_again_and_what_is_gone_goes(
    store: IndexStore, bucket: Bucket, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.buckets.SETTLED_NS", 0)
    build(store, folder)
    report = build(store, bucket)
    here = [f"{bucket.address}{name}" for name in ("/lease.txt", "/sub/cats.md", "/sub/dogs & more.txt")]
    assert (report.added, dict(report.ignored), report.removed) == (here, {".xyz": 1}, [])
    hit = searcher(store).search("Who barks at night?", 8).hits
    assert here[2] in {found.passage.document for found in hit}
    read: list[str] = []
    inner = BucketFile.read
    monkeypatch.setattr(BucketFile, "read", lambda source: (read.append(source.name), inner(source))[1])
    put(here[0], "The lease\n\nThe lease ends on 13 May 2032.\n")
    delete(here[1])
    report = build(store, bucket)
    assert (report.changed, report.removed, report.unchanged, read) == ([here[0]], [here[1]], 1, [here[0]])
    assert build(store, folder).removed == [], "the other folder is not touched by it"
    with store.snapshot() as snapshot:
        assert sum(record.name.startswith("s3://") for record in snapshot.documents()) == 2


def test_an_object_that_changed_just_now_is_not_trusted(store: IndexStore, bucket: Bucket) -> None:
    build(store, bucket)
    put(f"{bucket.address}/lease.txt", "The lease\n\nThe lease ends on 4 May 2032.\n")  # same size, same second
    assert build(store, bucket).changed == [f"{bucket.address}/lease.txt"]


def test_an_object_that_goes_before_it_is_read_is_one_files_trouble(
    store: IndexStore, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = BucketFile.read

    def gone(source: BucketFile) -> object:
        if source.name.endswith("cats.md"):
            delete(source.name)
        return inner(source)

    monkeypatch.setattr(BucketFile, "read", gone)
    report = build(store, bucket)
    assert len(report.added) == 2
    ((name, why),) = report.skipped
    assert (name.removeprefix(bucket.address), why) == ("/sub/cats.md", "it is not there any more")


def test_what_is_wrong_is_said(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, server: ObjectStorage) -> None:
    with pytest.raises(NoDocumentsError, match="no documents at s3://docs/none"):
        Bucket("s3://docs/none").discover()
    with pytest.raises(StorageError, match="no bucket nowhere"):
        Bucket("s3://nowhere/x").discover()
    become(monkeypatch, {**server.environment(), "AWS_ENDPOINT_URL": "http://storage.example"})
    with pytest.raises(StorageError, match="without TLS"):
        bucket.discover()
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StorageError, match="no credentials for s3://docs"):
        bucket.discover()


def test_the_command_indexes_a_bucket(bucket: Bucket, server: ObjectStorage, tmp_path: Path) -> None:
    done = rag("index", bucket.address, cwd=tmp_path, **server.environment())
    assert done.returncode == 0, done.stderr
    assert "3 new" in done.stdout
    asked = rag("ask", "When does the lease end?", cwd=tmp_path, **server.environment())
    assert "The lease ends on 3 May 2031." in asked.stdout
    assert f"{bucket.address}/lease.txt" in asked.stdout
    gone = rag("remove", "--yes", f"{bucket.address}/sub", cwd=tmp_path)
    assert gone.returncode == 0, gone.stderr
    assert "2" in gone.stdout
    assert_one_line_error(rag("index", "s3://", cwd=tmp_path), 1, "names no bucket")
    assert_one_line_error(rag("watch", bucket.address, cwd=tmp_path), 1, "cannot be watched")
    refused = rag("index", "s3://nowhere/x", cwd=tmp_path, **server.environment())
    assert_one_line_error(refused, 1, "no bucket nowhere")
    wrong = {**server.environment(), "AWS_SECRET_ACCESS_KEY": "wrong"}
    assert_one_line_error(rag("index", bucket.address, cwd=tmp_path, **wrong), 1, "credentials")
