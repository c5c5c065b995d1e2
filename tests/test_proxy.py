"""Behind Debian's nginx, with TLS and a path prefix, as docs/deployment.md sets it up; a missing nginx fails."""

import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from server.accounts import FILE, Accounts
from tests.conftest import BOOT, ROOT, SEED, clean_environment, rag
from ui.visitor import Role

PAGE = ROOT / "docs" / "deployment.md"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@dataclass(frozen=True)
class Site:
    """The address that people use, the certificate that they trust, and a token."""

    url: str
    certificate: Path
    token: str

    def client(self, **headers: str) -> httpx.Client:
        trusted = ssl.create_default_context(cafile=str(self.certificate))
        return httpx.Client(base_url=self.url, verify=trusted, headers=headers, timeout=60)


def nginx_configuration(folder: Path, port: int, behind: int) -> str:
    """Return the server block of the page, with this test's ports and files."""
    block = re.search(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert block is not None
    text = block[1]
    for given, ours in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/certs/docs.example.org.pem", f"{folder}/site.pem"),
        ("/etc/ssl/private/docs.example.org.key", f"{folder}/site.key"),
        ("127.0.0.1:7860", f"127.0.0.1:{behind}"),
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
    assert rag("index", str(SEED), cwd=folder).returncode == 0
    accounts = Accounts(folder / ".rag" / FILE)
    accounts.add("ana", "long enough", Role.READER)
    port, behind = free_port(), free_port()
    url = f"https://localhost:{port}/rag"
    (folder / "nginx.conf").write_text(nginx_configuration(folder, port, behind))
    server = subprocess.Popen(
        [sys.executable, "-c", BOOT, "serve", "--port", str(behind), "--url", url],
        cwd=folder, env=clean_environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    proxy = subprocess.Popen(["/usr/sbin/nginx", "-c", folder / "nginx.conf"], stderr=subprocess.PIPE)
    site = Site(url, folder / "site.pem", accounts.make_token("ana")[1])
    try:
        assert server.stderr.readline() == f"Open {url} (Ctrl-C stops)\n"
        with site.client() as client:
            for _ in range(600):
                if client.get("/readyz").status_code == 200:
                    break
                time.sleep(0.1)
        yield site
    finally:
        for process in (proxy, server):
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
