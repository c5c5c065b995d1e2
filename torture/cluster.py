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
from pathlib import Path

from index.lance import LanceStore
from torture.company import Company
from torture.hosts import Network, missing, wait_until
from torture.trials import Tally, show, write

DOCUMENTS = 240
INDEX_SECONDS = 400


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
        tallies = [ingest(company)]
    show(tallies)
    if given.results:
        write(tallies, 0, given.results / "cluster.json")
    return int(any(tally.failures for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
