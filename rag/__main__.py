"""Where `rag` and `python -m rag` begin: set up the process, then load the command line.

Ctrl-C ends the process at once. That is safe at any moment, since the store is made for being killed: what was not
committed never was, and a view that was half written has no stamp. As an exception it would arrive in the middle of
some library, which may catch it.
"""

import os
import signal
import sys
from types import FrameType

from rag.garbage import collect_seldom

STOPPED = "rag: stopped; the index is whole, and what was finished is in it\n"


def main() -> None:
    """Run the command line."""
    # A caller that had Ctrl-C ignored (`nohup`, a shell's background job) meant it.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _stop)
    collect_seldom()
    from rag.cli import main as run

    run()


def _stop(number: int, frame: FrameType | None) -> None:
    started_line = "\n" if sys.stderr and sys.stderr.isatty() else ""  # behind ^C or a progress bar
    os.write(2, (started_line + STOPPED).encode())
    os._exit(128 + number)


if __name__ == "__main__":
    main()
