"""Put questions to a running server from several clients at once: how long an answer takes, and how many a second.

    rag serve --index INDEX --port 8000
    python benchmarks/load.py DATA http://127.0.0.1:8000 -c 1 10 50

A client asks the next question as soon as it has its answer (`POST /api/ask`). Every question of DATA is asked once in
a run, so that nothing is remembered of it. "first sentence" is when the first claim of a streamed answer is there.
Where the server says that it is busy, a client waits a second and asks again; its seconds go on.
"""

import argparse
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from itertools import islice
from pathlib import Path

import numpy as np
from cold_start import machine
from corpus import read_questions

TIMEOUT = 600
BUSY = 503


def ask(address: str, question: str) -> tuple[float, float]:
    """Return the seconds until the first sentence and until the whole answer."""
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("RAG_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    body = json.dumps({"question": question, "stream": True}).encode()
    request = urllib.request.Request(f"{address}/api/ask", body, headers)
    started, first = time.perf_counter(), None
    with answered(request) as response:
        for line in response:
            if first is None and line.startswith((b"event: claim", b"event: answer")):
                first = time.perf_counter() - started
    if first is None:
        raise SystemExit(f"no answer to {question!r}")
    return first, time.perf_counter() - started


def answered(request: urllib.request.Request) -> HTTPResponse:
    """Return the response when there is room for the question."""
    while True:
        try:
            response: HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)
            return response
        except urllib.error.HTTPError as error:
            if error.code != BUSY:
                raise
            error.close()
            time.sleep(1)


def load(address: str, questions: Sequence[str], clients: int) -> str:
    """Return a row: so many clients share the questions."""
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        taken = list(pool.map(lambda question: ask(address, question), questions))
    whole = time.perf_counter() - started
    first, last = (np.percentile(column, [50, 95]) for column in zip(*taken, strict=True))
    cells = (f"{first[0]:.2f} / {first[1]:.2f}", f"{last[0]:.2f} / {last[1]:.2f}", f"{len(questions) / whole:.2f}")
    return f"{clients:>8}" + "".join(f"{cell:>18}" for cell in cells)


def main() -> None:
    """Print a row for each number of clients."""
    parser = argparse.ArgumentParser(description="Load a running server with questions.")
    parser.add_argument("data", type=Path)
    parser.add_argument("address")
    parser.add_argument("-c", "--clients", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("-n", "--questions", type=int, default=100, help="in each run [%(default)s]")
    arguments = parser.parse_args()
    print(machine())
    fresh = iter(read_questions(arguments.data))
    ask(arguments.address, next(fresh))
    print(f"{'clients':>8}{'first sentence, s':>18}{'answer, s':>18}{'answers a second':>18}   (p50 / p95)")
    for clients in arguments.clients:
        print(load(arguments.address, list(islice(fresh, arguments.questions)), clients), flush=True)


if __name__ == "__main__":
    main()
