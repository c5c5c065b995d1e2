"""Where `rag` and `python -m rag` begin: Ctrl-C is one line even while the command line itself is loaded."""

import os
import sys


def main() -> None:
    """Load the command line and run it."""
    try:
        from rag.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("rag: stopped\n")
        os._exit(130)


if __name__ == "__main__":
    main()
