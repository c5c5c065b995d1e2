"""Kill a process at every step that it makes on the disk, in the middle of every write, and at any moment.

The first run counts the steps. Then each trial starts from the same world: the process is killed (SIGKILL) at a step,
or its write is torn in two first, or it is killed after a random time. Another process then checks all promises.
"""

import os
import random
import signal
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from torture.oracle import check
from torture.shim import Fault, arm, steps
from torture.trials import End, Tally, in_child, scratch, start_child
from torture.worlds import Kind, World


def kill(kind: Kind, trials: int, random_: random.Random) -> Tally:
    """Kill so many times: half of them at steps, as evenly as they come, and half after a random time."""
    tally, began = Tally(f"killed: {kind.name}"), time.monotonic()
    with scratch() as name:
        folder = Path(name)
        before = made(kind, folder)
        count, seconds = measured(kind, before, folder / "measured")
        at_steps = spread(count, trials - trials // 2, random_)
        for number in range(trials):
            world = before.clone(folder / str(number))
            if number < len(at_steps):
                step, fault = at_steps[number], random_.choice([Fault.KILL, Fault.TEAR])
                end = in_child(partial(_armed, kind, world, step, fault))
                how = f"{fault.name} at step {step} of {count}"
            else:
                moment = random_.uniform(0, 1.1 * seconds)
                end = _killed_after(kind, world, moment)
                how = f"killed after {moment * 1000:.1f} ms"
            outcome = "killed" if end.code == -signal.SIGKILL else "had finished" if end.code == 0 else "ended"
            tally.add(outcome, _broken(world, kind, how, end))
            world.remove()
    tally.seconds = time.monotonic() - began
    return tally


def made(kind: Kind, folder: Path) -> World:
    """Make the world of a kind as it is before, in another process."""
    end = in_child(lambda: kind.prepare(folder / "before"))
    assert end.code == 0, end.said
    return World(folder / "before")


def measured(kind: Kind, before: World, folder: Path) -> tuple[int, float]:
    """Return how many steps the thing makes, and how many seconds it takes."""
    world = before.clone(folder)

    def work() -> None:
        arm(world.folder, 0, Fault.NOTHING)
        began = time.monotonic()
        kind.do(world)
        print(steps(), time.monotonic() - began)

    end = in_child(work)
    assert end.code == 0, end.said
    world.remove()
    count, seconds = end.said.split()
    return int(count), float(seconds)


def spread(count: int, trials: int, random_: random.Random) -> list[int]:
    """Return steps to stop at: every one as often as the others, in a random order."""
    rounds = -(-trials // count)
    return [step for _ in range(rounds) for step in random_.sample(range(1, count + 1), count)][:trials]


def _armed(kind: Kind, world: World, step: int, fault: Fault) -> None:
    arm(world.folder, step, fault)
    kind.do(world)


def _killed_after(kind: Kind, world: World, seconds: float) -> End:
    pid = start_child(partial(kind.do, world))
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return End(os.waitstatus_to_exitcode(status), "")


def _broken(world: World, kind: Kind, how: str, end: End) -> str:
    """Return what does not hold, or ""."""
    if end.code not in (0, -signal.SIGKILL):
        return f"{how}: ended with {end.code}: {end.said}"
    found = in_child(partial(check, world, kind))
    return "" if found.code == 0 else f"{how}: {found.said.strip().splitlines()[-1] if found.said else found.code}"
