"""`python -m torture`: run the trials, print what came of them."""

import argparse
import random
from pathlib import Path

from torture.shim import restart_with_shim


def main() -> int:
    """Run the trials that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m torture", description="Break the index on purpose, and count.")
    parser.add_argument(
        "what", choices=["kills", "refusals", "powercuts", "damage", "crowd", "model", "fuzz"], nargs="+"
    )
    parser.add_argument("--trials", type=int, default=300, help="of each kind [300]")
    parser.add_argument("--kind", action="append", help="only this kind of change; repeatable")
    parser.add_argument("--cases", type=int, default=10_000, help="of fuzz [10000]")
    parser.add_argument("--only", type=int, help="run this case of fuzz alone")
    parser.add_argument("--documents", type=Path, help="a folder of files for fuzz to damage, beside our own")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the results to this file")
    given = parser.parse_args()
    restart_with_shim()
    return _run(given)


def _run(given: argparse.Namespace) -> int:
    from torture.crowd import crowd
    from torture.damage import damage
    from torture.fuzz import fuzz
    from torture.kills import kill
    from torture.model import model
    from torture.powercut import cut_power
    from torture.refusals import refuse
    from torture.trials import report
    from torture.worlds import KINDS

    trials = {"kills": kill, "refusals": refuse, "powercuts": cut_power}
    kinds = [KINDS[name] for name in given.kind or KINDS]
    tallies = [
        trials[what](kind, given.trials, random.Random(f"{given.seed} {what} {kind.name}"))
        for what in given.what
        if what in trials
        for kind in kinds
    ]
    if "damage" in given.what:
        tallies += damage(given.trials, random.Random(f"{given.seed} damage"))
    if "crowd" in given.what:
        tallies += crowd(given.trials, given.seed)
    if "model" in given.what:
        tallies += model(given.trials, given.seed)
    if "fuzz" in given.what:
        tallies += fuzz(given.cases, given.seed, given.documents, given.only)
    return report(tallies, given.seed, given.json)


if __name__ == "__main__":
    raise SystemExit(main())
