"""`python -m torture.cluster`: hosts die, are cut off and come back while a company indexes and people ask.

`make cluster-test`; needs root and iproute2, takes ten minutes, and leaves nothing behind.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from index.lance import LanceStore
from torture.company import Company
from torture.hosts import Host, Network, missing, wait_until
from torture.serving import People, Servers
from torture.trials import Tally, show, write

DOCUMENTS = 240
INDEX_SECONDS = 400
CALM_SECONDS = 10


def texts(version: int, count: int = DOCUMENTS) -> dict[str, str]:
    """Return the documents in a version, by name: each has a word of its own."""
    return {
        f"{n % 10}/kilo{n:04}.txt": f"Flat kilo{n:04}\n\nThe flat kilo{n:04} is let until {n % 28 + 1} May 2031."
        f" This is version {version} of its lease, and the rent is {900 + n} euros.\n"
        for n in range(count)
    }


def ingest(company: Company) -> Tally:
    """Index while hosts and processes die: each time exactly the right rows must be there."""
    tally, began = Tally("cluster: indexing"), time.monotonic()
    company.put(texts(1))
    run = company.start_index()
    victim = company.hosts["three"]
    wait_until("work on the third host", lambda: company.workers_on(victim), INDEX_SECONDS)
    assert run.poll() is None, "the command is in the middle of it"
    victim.kill()
    tally.add("a host was killed", _ended(company, run) or _differs(company, 1))
    company.start_volume(victim)
    company.start_ray_on(victim)
    company.put(texts(2))
    run = company.start_index()
    wait_until("work on the second host", lambda: company.workers_on(company.hosts["two"]), INDEX_SECONDS)
    run.kill()
    run.wait()
    tally.add("the command was killed", _differs(company, 1, 2))
    tally.add("it was run again", _ended(company, company.start_index()) or _differs(company, 2))
    tally.add("and again", _ended(company, company.start_index(), f"{DOCUMENTS} unchanged") or _differs(company, 2))
    tally.seconds = time.monotonic() - began
    return tally


def _ended(company: Company, run: "subprocess.Popen[bytes]", expected: str = "") -> str:
    """Wait for the command; return what is wrong with its end."""
    code = run.wait(INDEX_SECONDS)
    said = company.report.read_text(errors="replace")
    return "" if code == 0 and expected in said else f"`rag index` ended with {code}: {said[-1000:]}"


def _differs(company: Company, *versions: int) -> str:
    """Return what is wrong with the rows of the index, whose documents may be of these versions."""
    os.environ |= company.environment
    with LanceStore(company.index, Path("/nowhere/.rag")).snapshot() as snapshot:
        found = [(document.name, document.parsed.text) for document in snapshot.whole_documents()]
    wanted = [{f"{company.documents}/{name}": text.strip() for name, text in texts(v).items()} for v in versions]
    wrong = [name for name, text in found if all(text.strip() != each.get(name) for each in wanted)]
    count = len(found) - len({name for name, _ in found}), DOCUMENTS - len(found)
    return "" if not wrong and count == (0, 0) else f"{count} double and missing, {len(wrong)} wrong: {wrong[:3]}"


def serve(company: Company) -> list[Tally]:
    """Let people ask while hosts die, come, and are cut off, the storage goes, and a new version is rolled out."""
    asked, began = Tally("cluster: questions"), time.monotonic()
    events = Tally("cluster: recovery")
    servers = Servers(company)
    servers.start_database()
    servers.start(list(company.hosts.values()))
    two, three = company.hosts["two"], company.hosts["three"]
    with People(servers, [texts(2), texts(3)]) as people:
        time.sleep(CALM_SECONDS)

        def happens(what: str, event: Callable[[], object]) -> None:
            started = time.monotonic()
            event()
            took = people.seconds_of_trouble(started)
            events.add(f"{what}: nobody had to ask again after {took:.1f} s")

        happens("a host died", two.kill)
        company.start_volume(two)
        happens("the host came back", lambda: _back(servers, two))
        four = company.network.add("four")
        happens("a fourth host was added", lambda: servers.add(four))
        happens("a host was cut off", three.cut)
        happens("its network healed", three.heal)
        happens("the S3 gateway died", company.kill_gateway)
        happens("the gateway came back", company.start_gateway)
        company.stop_ray()
        company.start_ray()
        company.put(texts(3))
        run = company.start_index()
        events.add("Ray began anew, and indexed a new version", _ended(company, run) or _differs(company, 3))
        since = time.monotonic()
        wait_until("the new version on every host", lambda: all(_has(servers, h, 3) for h in servers.hosts), 120)
        events.add(f"the new version was on every host {time.monotonic() - since:.1f} s after")
        time.sleep(CALM_SECONDS)
    asked.trials = people.counts["asked"]
    asked.outcomes = dict(people.counts)
    asked.failures = people.wrong
    asked.seconds = events.seconds = time.monotonic() - began
    return [asked, events]


def _back(servers: Servers, host: Host) -> None:
    servers.start_on(host)
    wait_until("the host that came back", lambda: servers.is_ready(host), 120)


def _has(servers: Servers, host: Host, version: int) -> bool:
    return any(f"version {version}" in hit["text"] for hit in servers.ask(host, "kilo0007"))


def main() -> int:
    """Run it, print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m torture.cluster", description=__doc__)
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="write the results to a file there")
    parser.add_argument("--folder", type=Path, help="keep the hosts' folders there, with what the programs said")
    given = parser.parse_args()
    if why := missing():
        print(f"no cluster can be made here: {why}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which leaves nothing behind either
    with tempfile.TemporaryDirectory() as scratch, Network(given.folder or Path(scratch)) as network:
        company = Company(network)
        company.start_storage()
        company.start_ray()
        tallies = [ingest(company), *serve(company)]
    show(tallies)
    if given.results:
        write(tallies, 0, given.results / "cluster.json")
    return int(any(tally.failures for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
