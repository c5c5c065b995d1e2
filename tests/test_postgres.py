"""What is PostgreSQL's alone: servers that go and come back, passwords, tables that are made once, few connections."""

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from starlette.testclient import TestClient

from index.collections import folder_of
from rag import postgres as module
from rag.address import is_database, passwords, without_password
from rag.database import DatabaseError
from rag.postgres import CONNECTIONS, Pool, PostgresDatabase, schema_of
from rag.settings import SettingError, Settings
from server.accounts import KEPT as PEOPLE
from server.accounts import Accounts
from server.app import create_app
from tests.conftest import SEED, assert_one_line_error, rag
from tests.postgres import PASSWORD, USER, Postgres
from tests.serving import OWNER, VISITOR
from ui.conversations import KEPT, Conversations
from ui.desk import Desk
from ui.talk import Talks
from ui.visitor import Role


@pytest.fixture
def database(address: str) -> str:
    """Have everything here be kept in PostgreSQL."""
    return address


@pytest.fixture
def outage(postgres: Postgres) -> Iterator[Postgres]:
    """Return the server, which is there again after the test."""
    yield postgres
    assert postgres.process
    if postgres.process.poll() is not None:
        postgres.start()


def fresh(address: str, collection: str = "default") -> PostgresDatabase:
    """Return what another process would have: with connections of its own."""
    module.pool_of.cache_clear()
    return PostgresDatabase(address, KEPT, collection)


# A server that goes


def test_what_was_committed_is_there_after_a_crash_and_the_next_call_works(
    conversations: Conversations, outage: Postgres
) -> None:
    conversation = conversations.start(OWNER, "Hello?")

    def stop_in_the_middle() -> None:
        with conversations.database.transaction() as transaction:
            transaction.execute("UPDATE conversations SET title = 'half'")
            outage.stop()
            transaction.execute("UPDATE conversations SET title = 'whole'")

    with pytest.raises(DatabaseError, match="cannot be used"):
        stop_in_the_middle()
    with pytest.raises(DatabaseError) as error:
        conversations.listed(OWNER)
    assert str(outage.folder) in str(error.value)
    assert "\n" not in str(error.value)
    outage.start()
    assert [one.title for one in conversations.listed(OWNER)] == ["Hello?"]
    conversations.add(OWNER, conversation, "Still there?", None)
    with ExitStack() as stack:  # several connections, all of which lose their server
        for _ in range(4):
            stack.enter_context(conversations.database.transaction())
    outage.stop()
    outage.start()
    for _ in range(5):
        assert conversations.owns(OWNER, conversation)


def test_a_server_says_that_it_cannot_reach_its_database_and_goes_on_by_itself(
    desk: Desk, client: TestClient, outage: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    desk.chain()
    made = client.post("/api/conversations", json={"title": "Rent"}).json()["id"]
    assert client.get("/readyz").json() == {"status": "ready"}
    outage.stop()
    refused = client.get("/api/conversations")
    assert (refused.status_code, refused.json()["detail"]) == (503, "users cannot be looked up at the moment")
    assert f"nobody can be let in: the database postgresql://{USER}@/" in caplog.text
    assert client.post("/v1/chat/completions", json={}).json()["error"]["type"] == "server_error"
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["detail"]) == (503, "not ready: DatabaseError")
    assert client.get("/healthz").status_code == 200
    outage.start()
    assert client.get("/readyz").status_code == 200
    assert [one["id"] for one in client.get("/api/conversations").json()] == [made]


def test_a_token_that_cannot_be_looked_up_is_no_wrong_one(desk: Desk, accounts: Accounts, outage: Postgres) -> None:
    accounts.add("ana", "long enough", Role.ADMIN)
    headers = {"authorization": f"Bearer {accounts.make_token('ana')[1]}"}
    with TestClient(create_app(desk, accounts=accounts, with_page=False), base_url="http://127.0.0.1") as client:
        outage.stop()
        assert client.get("/api/documents", headers=headers).status_code == 503
        outage.start()
        assert client.get("/api/documents", headers=headers).status_code == 200
        assert "rag_login_failures_total 0.0" in client.get("/metrics", headers=headers).text


def test_an_answer_that_cannot_be_kept_is_shown_all_the_same(
    desk: Desk, conversations: Conversations, outage: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.warm.load()
    asked = threading.Event()
    keep = Talks._keep

    def keep_late(*arguments: object) -> None:
        asked.wait()
        keep(*arguments)

    monkeypatch.setattr(Talks, "_keep", keep_late)
    pending = Talks(desk, conversations).start(VISITOR, None, "What is the rent of the lease?")
    steps = []
    for step in Talks(desk, conversations).follow(pending):
        steps.append(step)
        if "answer" in step:
            outage.stop()
            asked.set()
    assert "The rent is 900 euros." in [claim["text"] for claim in steps[-1]["answer"]["claims"]]
    assert "cannot be used" in pending.note
    outage.start()
    assert conversations.turns(OWNER, pending.conversation) == []


# Tables


def test_of_many_that_start_at_once_one_makes_the_tables(address: str) -> None:
    databases = [fresh(address) for _ in range(12)]
    at_once = threading.Barrier(len(databases))

    def begin(database: PostgresDatabase) -> int:
        at_once.wait()
        with database.transaction() as transaction:
            row = transaction.execute("INSERT INTO conversations VALUES (?, 'o', 't', 'c', 'u')", (str(id(database)),))
            return row.rowcount

    with ThreadPoolExecutor(len(databases)) as pool:
        assert list(pool.map(begin, databases)) == [1] * len(databases)
    with psycopg.connect(address) as connection:
        assert connection.execute('SELECT * FROM "rag:default".schema_version').fetchall() == [(1,)]
        assert connection.execute('SELECT count(*) FROM "rag:default".conversations').fetchone() == (12,)
    for database in databases:
        database._pool.close()


def test_tables_of_a_later_release_are_left_alone(address: str, conversations: Conversations) -> None:
    conversations.start(OWNER, "Hello?")
    with psycopg.connect(address) as connection:
        connection.execute('UPDATE "rag:default".schema_version SET number = 2')
    later = fresh(address)
    with pytest.raises(DatabaseError, match="has tables of version 2, this program knows version 1"):
        later.check()
    later._pool.close()


def test_a_database_in_another_encoding_is_refused(postgres: Postgres) -> None:
    with psycopg.connect(postgres.address("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    latin = fresh(postgres.address("latin"))
    with pytest.raises(DatabaseError, match="has the encoding LATIN1: make it with UTF8"):
        latin.check()
    latin._pool.close()


def test_somebody_who_may_not_make_tables_is_told_so(postgres: Postgres, address: str) -> None:
    name = address.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(address) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
    guest = fresh(f"postgresql://guest@/{name}?host={postgres.folder}&port={postgres.port}")
    with pytest.raises(DatabaseError, match=f"cannot be used: permission denied for database {name}"):
        guest.check()
    guest._pool.close()
    with psycopg.connect(address) as connection:
        connection.execute("DROP ROLE guest")


@given(st.lists(st.text("ab#:x法é", min_size=1, max_size=70), unique=True))
def test_no_two_collections_have_one_schema(names: list[str]) -> None:
    schemas = [schema_of(name) for name in names if "#" not in name]  # no name of a collection has one
    assert len({*schemas, "rag"}) == len(schemas) + 1
    assert all(len(schema.encode()) <= 63 for schema in schemas)


# Few connections


def test_connections_have_an_end_and_are_used_again(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0)
    database = fresh(address)
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(database.transaction())
        with pytest.raises(DatabaseError, match="is busy: all 8 connections are in use"):
            database.check()
    for _ in range(20):
        database.check()
    with psycopg.connect(address) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rag'"
        assert connection.execute(query).fetchone() == (CONNECTIONS,)
    database._pool.close()


def test_an_error_of_ours_undoes_the_transaction_and_keeps_the_connection(conversations: Conversations) -> None:

    def fail_in_the_middle() -> None:
        with conversations.database.transaction() as transaction:
            transaction.execute("INSERT INTO conversations VALUES ('1', 'o', 't', 'c', 'u')")
            raise KeyError

    with pytest.raises(KeyError):
        fail_in_the_middle()
    assert conversations.listed("o") == []
    with pytest.raises(DatabaseError, match='relation "nothing" does not exist'):
        list(conversations.database.stream("SELECT * FROM nothing"))
    stream = conversations.database.stream("SELECT 1 UNION SELECT 2")
    next(stream)
    stream.close()
    conversations.database.check()


# Passwords


def test_a_password_is_in_no_error(postgres: Postgres) -> None:
    right = postgres.address_by_port("postgres")
    fresh(right).check()
    module.pool_of(right).close()
    wrong = [
        postgres.address_by_port("postgres", "wr/ong pass"),
        postgres.address_by_port("nothing"),
        postgres.address_by_port("postgres") + "?sslmode=nonsense",
        postgres.address_by_port("postgres") + "?nonsense=1",
        f"postgresql://{USER}@127.0.0.1:1/postgres?password=wr%2Fong+pass",
    ]
    for address in wrong:
        assert is_database(address)
        with pytest.raises(DatabaseError) as error:
            fresh(address).check()
        said = f"{error.getrepr(chain=True)} {error.value.__cause__!r}"
        for password in ("wr/ong", "wr%2Fong", "wrong", PASSWORD, "hu%2Fsh", "hu/sh"):
            assert password not in str(error.value), said
        assert str(error.value).startswith(f"the database postgresql://{USER}@127.0.0.1:")
    assert "hush" not in repr(Settings(database="postgresql://me:hush@host/db"))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://rag@db.example/rag", None),
        ("postgres://rag:hush@db.example:5433/rag", "postgres://rag@db.example:5433/rag"),
        ("postgresql://rag:hush@a:1,b:2/rag?target_session_attrs=primary", None),
        ("postgresql://rag:h%2Fu%40sh@[::1]:5432/rag?sslmode=verify-full&sslrootcert=/etc/ca.pem", None),
        (
            "postgresql:///rag?host=/run/postgresql&user=rag&password=hush",
            "postgresql:///rag?host=/run/postgresql&user=rag",
        ),
        ("postgresql://rag@db/rag?sslpassword=hush&p%61ssword=hush", "postgresql://rag@db/rag"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str | None) -> None:
    assert is_database(address)
    found = without_password(address)
    assert found == (shown or re.sub(r":h[^@]*@", "@", address))
    kept = {name: value for name, value in conninfo_to_dict(address).items() if "password" not in name}
    assert conninfo_to_dict(found) == kept


@pytest.mark.parametrize(
    "address",
    [
        *("sqlite:///x", "postgresql:rag", "postgresql//rag@db/rag", "host=db password=hush", "db.example"),
        *("postgresql://rag:hu/sh@db/rag", "postgresql://rag:12/sh@db/rag", "postgresql://rag:hu@sh@db/rag"),
        *("postgresql://rag:hu#sh@db/rag", "postgresql://rag:hu?sh@db/rag", "postgresql://rag:hu:sh@db/rag"),
        *("postgresql://rag:hu sh@db/rag", "postgresql://rag:hush@db/rag?x", "postgresql://rag:hush@db/rag\n"),
        *("postgresql://rag:hu%zzsh@db/rag", "postgresql://rag:hush%80@db/rag", "postgresql://rag:hush%00@db/rag"),
    ],
)
def test_what_is_no_address_is_refused_without_it(address: str) -> None:
    with pytest.raises(SettingError, match="RAG_DATABASE is not an address such as") as error:
        Settings.of({"database": address})
    assert not re.search(r"hu.?sh", str(error.value))


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=40))
def test_whatever_is_taken_libpq_reads_the_same_password(middle: str) -> None:
    address = f"postgresql://rag:{middle}@db.example/rag"
    if not is_database(address):
        return
    try:
        read = conninfo_to_dict(address).get("password")
    except psycopg.Error:
        return
    assert read in (None, *passwords(address))
    assert conninfo_to_dict(without_password(address)) == {"user": "rag", "host": "db.example", "dbname": "rag"}


# Commands


def test_every_command_asks_the_database(address: str, tmp_path: Path) -> None:
    def run(*arguments: str, stdin: bytes = b"") -> str:
        done = rag(*arguments, cwd=tmp_path, stdin=stdin, RAG_DATABASE=address)
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / SEED.name).write_bytes(SEED.read_bytes())
    run("index", "docs", "--collection", "legal")
    run("index", "docs")
    run("user", "add", "ana", "--collection", "legal", stdin=b"long enough\n")
    run("token", "add", "ana")
    assert [user["name"] for user in json.loads(run("user", "list", "--json"))["users"]] == ["ana"]
    assert_one_line_error(
        rag("collection", "remove", "legal", "--yes", cwd=tmp_path, RAG_DATABASE=address), 1, "ana may ask legal"
    )
    settings = Settings(index=tmp_path / ".rag", database=address)
    legal = Settings(index=folder_of(settings.index, "legal"), database=address)
    shown = {"claims": [], "sources": [{"document": f"docs/{SEED.name}"}], "passages": []}
    for kept in map(Conversations.of, (settings, legal)):
        turn = kept.add("ana", kept.start("ana", "?"), "Who quotes it?", shown)
        kept.rate("ana", turn, "up", "fine")
    assert json.loads(run("feedback", "--json"))["feedback"][0]["comment"] == "fine"
    assert f"no conversations: they are in {address}" in run("backup", "b.ragindex")
    assert f"conversations stay as they are in {address}" in run("import", "b.ragindex", "--force")
    run("user", "remove", "ana")
    run("collection", "remove", "legal", "--yes")
    run("collection", "add", "legal")
    assert Conversations.of(legal).listed("ana") == []
    assert "1 answers in conversations quote them" in run("remove", "docs", "--yes")
    run("remove", f"docs/{SEED.name}", "--verify", "--conversations")
    assert Conversations.of(settings).quoting([f"docs/{SEED.name}"]) == []
    assert not [path for path in (tmp_path / ".rag").rglob("*.sqlite3") if path.name != "store.sqlite3"]


def test_a_command_says_in_a_line_that_there_is_no_server_and_what_the_setting_must_be(tmp_path: Path) -> None:
    gone = rag("user", "list", cwd=tmp_path, RAG_DATABASE="postgresql://rag:hush@127.0.0.1:1/rag")
    assert_one_line_error(gone, 1, "the database postgresql://rag@127.0.0.1:1/rag cannot be used: connection failed")
    assert "hush" not in gone.stderr
    assert_one_line_error(rag("user", "list", cwd=tmp_path, RAG_DATABASE="mysql://x"), 1, "RAG_DATABASE is not an")


def test_the_accounts_schema_is_that_of_no_collection(address: str) -> None:
    assert PostgresDatabase(address, PEOPLE, "legal").schema == "rag"
    assert Pool(address).shown == address
