"""The system refuses: an input/output error at a step, a disk that is full or read-only from a step on, no memory.

The program may fail, with an error that a person can act on, and must not have lost or mixed anything.
"""

import errno
import os
import random
import resource
import signal
import time
from functools import partial
from pathlib import Path
from sqlite3 import OperationalError

from index.errors import RagError
from torture.kills import made, measured, spread
from torture.oracle import check
from torture.shim import Fault, arm
from torture.trials import Tally, in_child, scratch
from torture.worlds import Kind, World

REFUSALS = {
    "input/output error": (Fault.FAIL_ONCE, errno.EIO),
    "disk full": (Fault.FAIL_FROM, errno.ENOSPC),
    "read-only": (Fault.FAIL_FROM, errno.EROFS),
    "no memory": (Fault.NOTHING, errno.ENOMEM),
}
FAILED_WELL, NO_MEMORY = 3, 4
MAX_SPARE_MEMORY = 120_000_000


def refuse(kind: Kind, trials: int, random_: random.Random) -> Tally:
    """Refuse so many times, each way as often as the others."""
    tally, began = Tally(f"refused: {kind.name}"), time.monotonic()
    with scratch() as name:
        folder = Path(name)
        before = made(kind, folder)
        count, _ = measured(kind, before, folder / "measured")
        for number, step in enumerate(spread(count, trials, random_)):
            refusal = list(REFUSALS)[number % len(REFUSALS)]
            spare = random_.randrange(MAX_SPARE_MEMORY)
            world = before.clone(folder / str(number))
            end = in_child(partial(_refused, kind, world, step, refusal, spare))
            how = f"{refusal}, {spare} bytes to spare" if refusal == "no memory" else f"{refusal} at step {step}"
            outcome = {0: "went on", FAILED_WELL: "said so", NO_MEMORY: "out of memory"}.get(end.code, "crashed")
            is_fine = outcome != "crashed" or (
                refusal == "no memory" and end.code in (-signal.SIGABRT, -signal.SIGSEGV)
            )
            found = in_child(partial(check, world, kind))
            broken = "" if is_fine else f"{how}: ended with {end.code}: {end.said}"
            if found.code:
                broken += f"{how} ({outcome}): {found.said.strip().splitlines()[-1] if found.said else found.code}"
            tally.add(f"{refusal}: {outcome}", broken)
            world.remove()
    tally.seconds = time.monotonic() - began
    return tally


def _refused(kind: Kind, world: World, step: int, refusal: str, spare: int) -> None:
    """Do it while the system refuses; exit with `FAILED_WELL` if it failed as a person should see it."""
    fault, error = REFUSALS[refusal]
    if refusal == "no memory":
        limit = _address_space() + spare
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    else:
        arm(world.folder, step, fault, error)
    try:
        kind.do(world)
    except (RagError, OperationalError) as failure:
        print(failure, flush=True)
        os._exit(FAILED_WELL)
    except BaseException:
        if refusal == "no memory":
            os._exit(NO_MEMORY)
        raise


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * resource.getpagesize()
