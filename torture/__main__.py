"""`python -m torture`: run the trials, print what came of them."""

import argparse
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

from torture.shim import restart_with_shim

WHAT = ("kills", "refusals", "powercuts", "damage", "crowd", "model", "fuzz", "requests")


def main() -> int:
    """Run the trials that are asked for; exit with 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m torture", description="Break the index on purpose, and count.")
    parser.add_argument("what", choices=WHAT, nargs="+")
    parser.add_argument("--trials", type=int, default=300, help="of each kind [300]")
    parser.add_argument("--kind", action="append", help="only this kind of change; repeatable")
    parser.add_argument("--cases", type=int, default=10_000, help="of fuzz and requests [10000]")
    parser.add_argument("--only", type=int, help="run this case of fuzz or requests alone")
    parser.add_argument("--documents", type=Path, help="a folder of files for fuzz to damage, beside our own")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="write the results to files there")
    given = parser.parse_args()
    restart_with_shim()
    return _run(given)


def _run(given: argparse.Namespace) -> int:
    # Only now, since a fork of this process should have everything loaded and nothing started.
    from torture.trials import Tally, show, write

    failed = False
    for what in given.what:
        tallies: list[Tally] = []
        for part in _parts(what, given):
            tallies += part()
            show(tallies[-1:] if what in ("kills", "refusals", "powercuts") else tallies)
        failed |= any(tally.failures for tally in tallies)
        if given.results is not None:
            write(tallies, given.seed, given.results / f"{what}.json")
    return int(failed)


def _parts(what: str, given: argparse.Namespace) -> list[Callable[[], list]]:  # type: ignore[type-arg]
    from torture.crowd import crowd
    from torture.damage import damage
    from torture.fuzz import fuzz
    from torture.kills import kill
    from torture.model import model
    from torture.powercut import cut_power
    from torture.refusals import refuse
    from torture.requests import requests
    from torture.worlds import KINDS

    by_kind = {"kills": kill, "refusals": refuse, "powercuts": cut_power}
    if what in by_kind:
        drawn = [(kind, random.Random(f"{given.seed} {what} {kind}")) for kind in given.kind or KINDS]
        return [partial(lambda k, r: [by_kind[what](KINDS[k], given.trials, r)], kind, draw) for kind, draw in drawn]
    whole: dict[str, Callable[[], list]] = {  # type: ignore[type-arg]
        "damage": lambda: damage(given.trials, random.Random(f"{given.seed} damage")),
        "crowd": lambda: crowd(given.trials, given.seed),
        "model": lambda: model(given.trials, given.seed),
        "fuzz": lambda: fuzz(given.cases, given.seed, given.documents, given.only),
        "requests": lambda: requests(given.cases, given.seed, given.only),
    }
    return [whole[what]]


if __name__ == "__main__":
    raise SystemExit(main())
