"""A real S3 server on loopback (SeaweedFS), ended with the tests that use it, and one that only says an error."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

WEED = Path(sys.executable).with_name("weed")
START_SECONDS = 60
PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
USERS = {"writer": ["Admin", "Read", "Write", "List"], "reader": ["Read", "List"]}


@dataclass
class ObjectStorage:
    """A running server with one bucket, "docs"."""

    process: subprocess.Popen[bytes]
    endpoint: str

    def environment(self, user: str = "writer") -> dict[str, str]:
        """Return the variables by which a user of the server is known."""
        return {
            "AWS_ACCESS_KEY_ID": user,
            "AWS_SECRET_ACCESS_KEY": f"{user}-secret",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
        }

    def stop(self) -> None:
        """Take the server away, as a power cut does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def object_storage(folder: Path) -> Iterator[ObjectStorage]:
    """Run a server on the data of a folder. Fails the test, with what the server said, if it does not start."""
    identities = [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}], "actions": actions}
        for name, actions in USERS.items()
    ]
    config, log = folder / "users.json", folder / "log"
    config.write_text(json.dumps({"identities": identities}))
    ports = dict(zip((*PORTS, "s3.port", "s3.port.grpc"), free_ports(len(PORTS) + 2), strict=True))
    (folder / "data").mkdir(exist_ok=True)
    command = [
        *(str(WEED), "-logtostderr", "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *(
            "-filer",
            "-s3",
            f"-s3.config={config}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.localSocket={folder / 's3.sock'}",
        ),
        *("-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=20"),
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True, cwd=folder)
    server = ObjectStorage(process, f"http://127.0.0.1:{ports['s3.port']}")
    try:
        _await(server, log)
        master = f"127.0.0.1:{ports['master.port']}.{ports['master.port.grpc']}"
        shell = [str(WEED), "shell", f"-master={master}"]
        made = subprocess.run(
            shell, input=b"s3.bucket.create -name docs\n", capture_output=True, cwd=folder, timeout=60, check=False
        )
        if not re.search(rb"created bucket|exist", made.stdout + made.stderr):
            pytest.fail(f"no bucket on the S3 server: {made.stdout.decode()} {made.stderr.decode()}")
        yield server
    finally:
        server.stop()


def _await(server: ObjectStorage, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            urllib.request.urlopen(f"{server.endpoint}/status", timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the S3 server did not start:\n{log.read_text(errors='replace')[-3000:]}")


def refusal(status: int, code: str) -> type[BaseHTTPRequestHandler]:
    """Return a server's handler that answers every request as S3 says an error."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>no</Message></Error>'.encode()
            self.send_response(status)
            self.send_header("content-type", "application/xml")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler
