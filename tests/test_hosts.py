"""The hosts that `make cluster-test` breaks reach each other until they are cut off or die."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from torture.hosts import Network, missing, wait_until

SERVER = [sys.executable, "-m", "http.server", "8000", "--bind"]


def test_hosts_reach_each_other_until_they_are_cut_off_or_die(tmp_path: Path) -> None:
    if why := missing():
        # Where there may be no namespaces, the command says so, and nothing is claimed.
        command = [sys.executable, "-m", "torture.cluster"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert (done.returncode, done.stderr) == (1, f"no cluster can be made here: {why}\n")
        return
    with Network(tmp_path) as network:
        one, two = network.add("one"), network.add("two")
        two.start([*SERVER, two.address], "http.log")
        ask = f"import urllib.request as u; print(u.urlopen('http://{two.address}:8000', timeout=2).status)"
        wait_until("a server", lambda: one.run([sys.executable, "-c", ask]) == "200\n", 30)
        two.cut()
        with pytest.raises(ChildProcessError, match=r"timed out|unreachable|No route"):
            one.run([sys.executable, "-c", ask])
        two.heal()
        assert one.run([sys.executable, "-c", ask]) == "200\n"
        assert two.pids()
        two.kill()
        assert not two.pids()
        with pytest.raises(ChildProcessError, match="refused"):
            one.run([sys.executable, "-c", ask])
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert not {"rag-one", "rag-two"} & set(left.split())
