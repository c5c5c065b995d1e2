"""Hosts that are network namespaces of this machine, on one bridge: each has an address, and can die or be cut off.

Needs root and iproute2. What runs on a host is started by `Host.start`; when a host is killed, everything on it is
killed at once and nothing is told. `Network` leaves no namespace, bridge or process behind.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

NETWORK = "10.77.0"
RAY_FOLDER = "/tmp/ray"  # where Ray keeps its sockets; each host has its own there
DESK = f"{NETWORK}.254"  # this machine's own address among the hosts


def missing() -> str:
    """Say why hosts cannot be made here; "" if they can."""
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    if os.geteuid() != 0:
        return "network namespaces need root"
    made = _ip("netns", "add", "rag-try", check=False)
    if made.returncode == 0:
        _ip("netns", "delete", "rag-try")
    return made.stderr.strip()


@dataclass
class Host:
    """One namespace. `folder` is its disk: what another host has in its own is not to be read there."""

    name: str
    address: str
    folder: Path
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(
        self, command: Sequence[object], log: str, user: int | None = None, **environment: str
    ) -> "subprocess.Popen[bytes]":
        """Start a program on it; what it says goes into the file `log` of its folder."""
        with (self.folder / log).open("ab") as output:
            process = subprocess.Popen(
                self._on_it(command),
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                env=_environment(environment),
                user=user,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def run(self, command: Sequence[object], seconds: float = 60, **environment: str) -> str:
        """Run a program on it to its end, and return what it said. Raises ChildProcessError, TimeoutExpired."""
        done = subprocess.run(
            self._on_it(command),
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=_environment(environment),
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            raise ChildProcessError(f"{command} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def _on_it(self, command: Sequence[object]) -> list[str]:
        """Return the command that runs another on this host, with the host's own folder for Ray's sockets."""
        mounted = f'mount --bind "{self.folder}/ray" {RAY_FOLDER} && exec "$@"'
        return ["ip", "netns", "exec", self.name, "sh", "-c", mounted, "sh", *map(str, command)]

    def kill(self) -> None:
        """Lose power: every process on it ends at once."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        for process in self.started:
            process.wait()
        self.started.clear()

    def pids(self) -> list[str]:
        """Return the processes on it."""
        return _ip("netns", "pids", self.name).stdout.split()

    def cut(self) -> None:
        """Lose the network: what is sent to it or from it is gone, and nobody is told."""
        _ip("link", "set", _outside(self.name), "down")

    def heal(self) -> None:
        """Have the network again."""
        _ip("link", "set", _outside(self.name), "up")


class Network:
    """The bridge and its hosts, which are numbered as they come; all of it goes at the end of the block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bridge = "rag-bridge"
        self.hosts: dict[str, Host] = {}

    def __enter__(self) -> "Network":
        Path(RAY_FOLDER).mkdir(exist_ok=True)
        _ip("link", "add", self.bridge, "type", "bridge")
        _ip("address", "add", f"{DESK}/24", "dev", self.bridge)
        _ip("link", "set", self.bridge, "up")
        return self

    def add(self, name: str) -> Host:
        """Return a new host that all others reach."""
        space, inside, outside = f"rag-{name}", f"in-{name}", _outside(f"rag-{name}")
        host = Host(space, f"{NETWORK}.{len(self.hosts) + 1}", self.folder / name)
        (host.folder / "ray").mkdir(parents=True)
        _ip("netns", "add", space)
        self.hosts[name] = host
        _ip("link", "add", outside, "type", "veth", "peer", "name", inside)
        _ip("link", "set", inside, "netns", space)
        _ip("link", "set", outside, "master", self.bridge, "up")
        _ip("-n", space, "address", "add", f"{host.address}/24", "dev", inside)
        _ip("-n", space, "link", "set", inside, "up")
        _ip("-n", space, "link", "set", "lo", "up")
        return host

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self.hosts.values():
            host.kill()
            _ip("netns", "delete", host.name, check=False)
            _ip("link", "delete", _outside(host.name), check=False)
        _ip("link", "delete", self.bridge, check=False)


def _outside(name: str) -> str:
    return f"to-{name}"


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAG_", "AWS_", "RAY_"))}
    return {**kept, **more}


def _ip(*words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


def wait_until(what: str, is_so: Callable[[], object], seconds: float, pause: float = 0.2) -> float:
    """Wait until something is so, and look every `pause` seconds; return the seconds that it took.

    Raises TimeoutError that names it.
    """
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        with suppress(OSError):
            if is_so():
                return time.monotonic() - began
        time.sleep(pause)
    raise TimeoutError(f"{what} did not happen within {seconds:g} s")
