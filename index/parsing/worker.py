"""The process that parses files: `python -m index.parsing.worker MEMORY`, one request after another over its pipes.

A request has the file's name, encoding and bytes; an answer the document, or the reason why there is none. The end of
the input is the end of the process. It may use so much memory, write no file, and neither open a connection nor start a
program.
"""

import json
import os
import resource
import sys
from typing import BinaryIO

from index.errors import UnreadableDocumentError
from index.parsing.formats import parse
from index.parsing.frames import LENGTHS, Header, pack, write_frame

FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.system", "os.fork", "pty.spawn")


def main() -> None:
    """Answer requests until the input ends, or the memory does."""
    memory = int(sys.argv[1])
    answers = os.fdopen(os.dup(1), "wb")
    # What a library prints goes nowhere, least of all between the frames.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for limit, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (value, value))
    sys.addaudithook(_refuse)
    write_frame(answers, {"ready": True}, b"")
    while start := sys.stdin.buffer.read(LENGTHS.size):
        head, size = LENGTHS.unpack(start)
        header = json.loads(sys.stdin.buffer.read(head))
        header, body = _answer(header["name"], header["encoding"], sys.stdin.buffer, size)
        write_frame(answers, header, body)
        if "memory" in header:
            return


def _answer(name: str, encoding: str | None, file: BinaryIO, size: int) -> tuple[Header, bytes]:
    try:
        return pack(parse(name, file.read(size), encoding))
    except UnreadableDocumentError as error:
        return {"reason": str(error)}, b""
    except RecursionError:
        return {"reason": "nested too deeply"}, b""
    except MemoryError:
        return {"memory": True}, b""
    except Exception as error:  # a library's surprise at a broken file must not end the run
        return {"reason": f"damaged, or not understood ({type(error).__name__})"}, b""


def _refuse(event: str, arguments: object) -> None:
    """End what a document has no business to do (audit events, PEP 578)."""
    if event.startswith(FORBIDDEN):
        raise PermissionError(f"{event} is not for parsers")


if __name__ == "__main__":
    main()
