"""Two processes of one index behind Debian's nginx, with TLS and a path prefix, as docs/deployment.md sets it up.

A missing nginx fails these tests, it does not skip them.
"""

import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from index.build import Builder
from index.encoders import question_encoder
from index.store import Store
from rag.assemble import index_meta
from rag.settings import Settings
from server.accounts import Accounts
from tests.conftest import BOOT, ROOT, SEED, clean_environment
from ui.visitor import Role

PAGE = ROOT / "docs" / "deployment.md"


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        listening = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in listening]


@dataclass(frozen=True)
class Site:
    """The address that people use, the certificate that they trust, a token; and the processes behind it."""

    url: str
    certificate: Path
    token: str
    accounts: Accounts
    settings: Settings
    ports: tuple[int, int]

    def client(self, **headers: str) -> httpx.Client:
        trusted = ssl.create_default_context(cafile=str(self.certificate))
        return httpx.Client(base_url=self.url, verify=trusted, headers=headers, timeout=60)


def nginx_configuration(folder: Path, port: int, behind: tuple[int, int]) -> str:
    """Return the server block of the page, with this test's ports and files."""
    block = re.search(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert block is not None
    text = block[1]
    for given, ours in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/certs/docs.example.org.pem", f"{folder}/site.pem"),
        ("/etc/ssl/private/docs.example.org.key", f"{folder}/site.key"),
        ("127.0.0.1:7860", f"127.0.0.1:{behind[0]}"),
        ("127.0.0.1:7861", f"127.0.0.1:{behind[1]}"),
        ("docs.example.org", "localhost"),
    ):
        assert given in text
        text = text.replace(given, ours)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;"
        f" events {{}} http {{ access_log off; {temporary} {text} }}"
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("proxy")
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {folder}/site.key -out {folder}/site.pem -days 2"
        " -subj /CN=localhost -addext subjectAltName=DNS:localhost".split(),
        check=True,
        capture_output=True,
    )
    settings = Settings(index=folder / ".rag")
    Builder(Store(settings.index), index_meta(settings), question_encoder).build(SEED.parent)
    accounts = Accounts.of(settings)
    accounts.add("ana", "long enough", Role.READER)
    port, *behind = free_ports(3)
    url, ports = f"https://localhost:{port}/rag", (behind[0], behind[1])
    (folder / "nginx.conf").write_text(nginx_configuration(folder, port, ports))
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", BOOT, "serve", "--port", str(one), "--url", url],
            cwd=folder, env=clean_environment(), stderr=subprocess.PIPE, text=True,
        )
        for one in ports
    ]  # fmt: skip
    proxy = subprocess.Popen(["/usr/sbin/nginx", "-c", folder / "nginx.conf"], stderr=subprocess.PIPE)
    try:
        for server, one in zip(servers, ports, strict=True):
            assert server.stderr.readline() == f"Open {url} (Ctrl-C stops)\n"
            for _ in range(600):
                if httpx.get(f"http://127.0.0.1:{one}/readyz").status_code == 200:
                    break
                time.sleep(0.1)
        yield Site(url, folder / "site.pem", accounts.make_token("ana")[1], accounts, settings, ports)
    finally:
        for process in (proxy, *servers):
            process.terminate()
            process.wait(20)


def test_the_api_answers_below_the_prefix_and_asks_who_it_is(site: Site) -> None:
    with site.client() as client:
        assert client.get("/api/documents").status_code == 401
        assert httpx.get(site.url.replace("https", "http"), verify=False).status_code == 400, "TLS only"
    with site.client(authorization=f"Bearer {site.token}") as client:
        listed = client.get("/api/documents")
        assert [document["name"] for document in listed.json()["documents"]] == [str(SEED)]
        assert "Path=/rag/; " in listed.headers["set-cookie"]
        assert listed.headers["set-cookie"].endswith("; Secure")
        origin = site.url.removesuffix("/rag")
        for sent, status in ((origin, 200), ("https://evil.example", 403)):
            asked = client.post("/api/ask", json={"question": "What is CECOT?"}, headers={"origin": sent})
            assert asked.status_code == status


def test_events_pass_through_and_addresses_are_public_ones(site: Site) -> None:
    with site.client(authorization=f"Bearer {site.token}") as client:
        question = {"question": "Why wasn't Ábrego García returned?", "stream": True}
        with client.stream("POST", "/api/ask", json=question) as events:
            names = [line for line in events.iter_lines() if line.startswith("event: ")]
        assert names[:2] == ["event: searched", "event: passages"]
        assert names[-1] == "event: answer"
        messages = [{"role": "user", "content": question["question"]}]
        reply = client.post("/v1/chat/completions", json={"messages": messages}).json()["choices"][0]["message"]
        cited = reply["annotations"][0]["url_citation"]["url"]
        assert cited.startswith(f"{site.url}/api/documents/")
        assert client.get(cited).json()["text"] in SEED.read_text("utf-8")


def test_the_page_works_below_the_prefix(site: Site) -> None:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--ignore-certificate-errors"]
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        page = browser.new_page(
            ignore_https_errors=True, http_credentials={"username": "ana", "password": "long enough"}
        )
        page.goto(f"{site.url}/")
        page.get_by_label("Your question").fill("Why wasn't Ábrego García returned?")
        page.get_by_role("button", name="Ask", exact=True).click()
        page.get_by_role("button", name=re.compile(r"^Source 1|^\[?1\]?")).first.click(timeout=60_000)
        expect(page.locator("#marked")).to_contain_text("Supreme Court")
        browser.close()


def test_a_configuration_file_of_the_page_is_one_that_nginx_takes(site: Site) -> None:
    configuration = site.certificate.with_name("nginx.conf")
    checked = subprocess.run(["/usr/sbin/nginx", "-t", "-c", configuration], capture_output=True, check=False)
    assert b"syntax is ok" in checked.stderr
    assert os.access(configuration, os.R_OK)


def test_two_processes_answer_from_one_index_while_it_changes(site: Site, tmp_path: Path) -> None:
    """Every answer is of one whole generation, and both processes have the new one as soon as it is committed."""
    question = {"question": "Where do the otters of Lake Brume sleep?"}
    headers = {"authorization": f"Bearer {site.token}"}
    (tmp_path / "otters.txt").write_text("The otters of Lake Brume sleep in the old boathouse.\n")
    texts = {str(SEED): SEED.read_text("utf-8"), str(tmp_path / "otters.txt"): (tmp_path / "otters.txt").read_text()}
    changed = threading.Event()

    def answers(port: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
            while not changed.is_set() or found[-1]["generation"] == found[0]["generation"]:
                response = client.post("/api/ask", json=question)
                assert response.status_code == 200, response.text
                found.append(response.json())
                assert len(found) < 500, "the new generation was never seen"
        return found

    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(answers, port) for port in site.ports]
        try:
            Builder(Store(site.settings.index), index_meta(site.settings), question_encoder).build(tmp_path)
        finally:
            changed.set()
        for one in asking:
            found = one.result()
            assert [claim["text"] for claim in found[-1]["claims"]] == [
                "The otters of Lake Brume sleep in the old boathouse."
            ]
            for answer in found:
                assert answer["verdict"] == "answered" or answer["generation"] == found[0]["generation"]
                for source in answer["sources"]:
                    assert texts[source["document"]][source["start"] : source["end"]] == source["quote"]


def test_what_one_process_keeps_the_other_knows(site: Site) -> None:
    id_, token = site.accounts.make_token("ana")
    one, other = (
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {token}"}, timeout=60)
        for port in site.ports
    )
    conversation = one.post("/api/conversations", json={"title": "Otters"}).json()["id"]
    assert other.get(f"/api/conversations/{conversation}").json() == []
    assert other.patch(f"/api/conversations/{conversation}", json={"title": "Boats"}).status_code == 200
    assert [c["title"] for c in one.get("/api/conversations").json() if c["id"] == conversation] == ["Boats"]
    site.accounts.revoke(id_)
    assert [client.get("/api/conversations").status_code for client in (one, other)] == [401, 401]
