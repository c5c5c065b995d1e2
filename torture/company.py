"""What a company runs, on hosts that are network namespaces: object storage on three of them, and Ray.

The storage keeps every byte on two hosts (SeaweedFS, replication 001); its master, its list of names and its S3 gateway
are on a host of their own, which stands for the storage's provider.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pyarrow.fs import S3FileSystem

from torture.hosts import Host, Network, wait_until

BIN = Path(sys.executable).parent
HOSTS = ("one", "two", "three")
KEY, SECRET = "writer", "writer-secret"
MASTER, FILER, GATEWAY, VOLUME, RAY = 9333, 8888, 8333, 8080, 6379
CORES = 2  # that Ray believes a host to have
START_SECONDS = 90
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "the-token-of-this-cluster-and-of-no-other"}  # who may use Ray


class Company:
    """The hosts and what runs on them. `documents` and `index` are places on the storage."""

    documents = "s3://docs/in"
    index = "s3://docs/index"

    def __init__(self, network: Network) -> None:
        self.network = network
        self.storage = network.add("storage")
        self.hosts = {name: network.add(name) for name in HOSTS}
        self.gateway: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Return how the storage and Ray are reached."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": f"http://{self.storage.address}:{GATEWAY}",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            **TOKEN,
        }

    def start_storage(self) -> None:
        """Start the object storage, with one bucket."""
        at = self.storage.address
        identity = {"name": KEY, "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
        (self.storage.folder / "users.json").write_text(json.dumps({"identities": [identity]}))
        weed = [BIN / "weed", "-logtostderr"]
        options = ["-volumeSizeLimitMB=64", "-defaultReplication=001", "-telemetry=false", "-mdir=."]
        self.storage.start([*weed, "master", f"-ip={at}", f"-port={MASTER}", *options], "master.log")
        for host in self.hosts.values():
            self.start_volume(host)
        self.storage.start([*weed, "filer", f"-ip={at}", f"-master={at}:{MASTER}", f"-port={FILER}"], "filer.log")
        self.start_gateway()
        shell = [BIN / "weed", "shell", f"-master={at}:{MASTER}", f"-filer={at}:{FILER}"]

        def has_bucket() -> bool:
            made = self.storage.run(["sh", "-c", f"echo s3.bucket.create -name docs | {' '.join(map(str, shell))}"])
            return "created bucket" in made or "exist" in made

        wait_until("a bucket", has_bucket, START_SECONDS)

    def start_volume(self, host: Host) -> None:
        """Start a host's part of the storage."""
        (host.folder / "volume").mkdir(exist_ok=True)
        place = [f"-ip={host.address}", f"-port={VOLUME}", f"-mserver={self.storage.address}:{MASTER}"]
        command = [BIN / "weed", "-logtostderr", "volume", *place, "-dir=volume", "-max=60"]
        host.start(command, "volume.log")

    def start_gateway(self) -> None:
        """Start what speaks S3."""
        at = self.storage.address
        command = [BIN / "weed", "-logtostderr", "s3", f"-filer={at}:{FILER}", f"-port={GATEWAY}"]
        self.gateway = self.storage.start([*command, "-config=users.json", f"-ip.bind={at}"], "s3.log")

    def kill_gateway(self) -> None:
        """Kill what speaks S3, and nothing else."""
        assert self.gateway is not None
        os.killpg(self.gateway.pid, signal.SIGKILL)
        self.gateway.wait()

    def put(self, texts: dict[str, str]) -> None:
        """Write documents, by their names below `documents`."""
        endpoint = f"{self.storage.address}:{GATEWAY}"
        storage = S3FileSystem(
            access_key=KEY, secret_key=SECRET, endpoint_override=endpoint, scheme="http", region="us-east-1"
        )
        for name, text in texts.items():
            with storage.open_output_stream(f"{self.documents.removeprefix('s3://')}/{name}") as file:
                file.write(text.encode())

    def start_ray(self) -> None:
        """Start Ray on all hosts; the first is its head."""
        first, *others = self.hosts.values()
        self.start_ray_on(first, is_head=True)
        wait_until(
            "Ray's head", lambda: socket.create_connection((first.address, RAY), 1).close() is None, START_SECONDS
        )
        for host in others:
            self.start_ray_on(host)
        wait_until("Ray on three hosts", lambda: self.ray_nodes() == len(self.hosts), START_SECONDS, pause=5)

    def start_ray_on(self, host: Host, *, is_head: bool = False) -> None:
        """Start Ray on one host."""
        head = f"{self.hosts[HOSTS[0]].address}:{RAY}"
        role = ["--head", f"--port={RAY}", "--include-dashboard=false"] if is_head else [f"--address={head}"]
        common = [f"--node-ip-address={host.address}", f"--num-cpus={CORES}", "--object-store-memory=200000000"]
        command = [BIN / "ray", "start", *role, *common, "--disable-usage-stats", "--block"]
        host.start(command, "ray.log", PATH=f"{BIN}:{os.environ['PATH']}", **self.environment)

    def stop_ray(self) -> None:
        """Kill Ray on all hosts, and nothing else."""
        for host in self.hosts.values():
            for pid in host.pids():
                if "/ray/" in title(pid) or title(pid).startswith("ray::") or "bin/ray" in title(pid):
                    with suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)

    def ray_nodes(self) -> int:
        """Return how many hosts Ray has."""
        first = self.hosts[HOSTS[0]]
        code = (
            f"import ray; ray.init('{first.address}:{RAY}', log_to_driver=False, logging_level=50);"
            " print(sum(node['Alive'] for node in ray.nodes()))"
        )
        try:
            return int(
                first.run([sys.executable, "-W", "ignore", "-c", code], RAY_USAGE_STATS_ENABLED="0", **TOKEN).split()[
                    -1
                ]
            )
        except (OSError, subprocess.TimeoutExpired, IndexError):
            return 0

    def workers_on(self, host: Host) -> bool:
        """Say whether a host loads files at the moment."""
        return any("MapWorker" in title(pid) for pid in host.pids())

    def start_index(self) -> "subprocess.Popen[bytes]":
        """Start to index the documents with Ray."""
        first = self.hosts[HOSTS[0]]
        command = [sys.executable, "-m", "rag", "index", self.documents, "--to", self.index, "--ray"]
        self.report = first.folder / "index.log"
        self.report.unlink(missing_ok=True)
        place = {**self.environment, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
        return first.start([*command, f"{first.address}:{RAY}"], "index.log", **place)


def title(pid: str) -> str:
    """Return the command of a process, as it shows it; nothing if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
