"""Build shim.c, run this program again with it loaded, and arm it."""

import ctypes
import os
import subprocess
import sys
import tempfile
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
VARIABLE = "TORTURE_SHIM"


class Fault(IntEnum):
    """What happens at the chosen step; the numbers are those of shim.c."""

    NOTHING = 0
    KILL = 1
    TEAR = 2
    FAIL_ONCE = 3
    FAIL_FROM = 4


def restart_with_shim() -> None:
    """Replace this process by one that has the shim loaded, unless it has. Needs a C compiler (`cc`)."""
    if VARIABLE in os.environ:
        return
    library = Path(tempfile.mkdtemp(prefix="torture-")) / "shim.so"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    environment = {**os.environ, VARIABLE: str(library), "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"}
    os.execve(sys.executable, [sys.executable, "-m", "torture", *sys.argv[1:]], environment)


def arm(folder: Path, at: int, fault: Fault, error: int = 0, journal: Path | None = None) -> None:
    """Watch this process from now on; do `fault` at step `at` (counted from 1)."""
    _library().torture_arm(os.fsencode(folder), os.fsencode(journal or ""), ctypes.c_long(at), int(fault), error)


def steps() -> int:
    """Return the steps that were counted since `arm`."""
    count = _library().torture_steps
    count.restype = ctypes.c_long
    return int(count())


def mark(name: str) -> None:
    """Write a mark into the journal."""
    _library().torture_mark(name.encode())


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(os.environ[VARIABLE])
