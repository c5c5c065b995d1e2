"""`rag serve` as a process."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.conftest import assert_one_line_error, clean_environment, rag
from tests.serving import BROWSER


def test_rag_ui_refuses_what_is_not_safe_or_not_possible(tmp_path: Path) -> None:
    for given in (["--host", "0.0.0.0"], ["--url", "https://docs.example.org/rag"]):
        refused = rag("serve", *given, cwd=tmp_path)
        assert_one_line_error(refused, 1, "lets others in: make a user first (`rag user add NAME`)")
    assert_one_line_error(rag("serve", "--url", "docs.example.org", cwd=tmp_path), 1, "is no address of a site")
    assert_one_line_error(rag("serve", "--port", "70000", cwd=tmp_path), 1, "port is 70000")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = rag("ui", "--no-browser", "--port", port, cwd=tmp_path)
    assert_one_line_error(result, 1, f"cannot listen on 127.0.0.1, port {port}: address already in use", "--port")
    assert not (tmp_path / ".rag").exists()


def test_ctrl_c_stops_the_server_at_once_though_a_page_is_open(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); from rag.__main__ import main; import sys;"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{start} sys.argv[0] = 'rag'; main()", "ui", "--no-browser", "--port", str(port)],
        cwd=tmp_path,
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert f":{port}/" in process.stderr.readline()
    address = f"http://127.0.0.1:{port}/gradio_api"
    cookies = {"rag_browser": BROWSER}
    with httpx.stream("GET", f"{address}/heartbeat/one", timeout=60, cookies=cookies) as beating:
        assert beating.status_code == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert "Traceback" not in errors
    assert process.returncode in (0, 130, -signal.SIGINT)
