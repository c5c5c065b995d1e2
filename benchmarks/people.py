"""Many people at once: `rag serve` in a process of its own, asked over loopback for some minutes.

Each person asks a question, reads the answer for a while (exponential, `--reading` seconds on average), and asks the
next; one of them hangs up now and then, and some read their stream very slowly. Then more come at once than there is
room for, and at last the server is told to stop while it answers. Bounded in time and in number.
"""

import argparse
import asyncio
import json
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx

QUESTIONS = [json.loads(line)["question"] for line in Path("eval/questions.jsonl").read_text("utf-8").splitlines()]
PAGE_BYTES = 4096
HANG_UP = 0.02
SLOW_PEOPLE = 3
BURST = 200


class Figures:
    """What was seen."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.memory: list[tuple[int, int]] = []  # (questions so far, resident bytes)


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--reading", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        rag = [sys.executable, "-m", "rag"]
        index = Path(folder, ".rag")
        subprocess.run([*rag, "index", "seeds", "--index", index], check=True, capture_output=True)
        server = subprocess.Popen([*rag, "serve", "--index", index, "--port", str(port)], stderr=subprocess.PIPE)
        try:
            asyncio.run(everything(f"http://127.0.0.1:{port}", server, given))
        finally:
            server.kill()
            server.wait()


async def everything(address: str, server: "subprocess.Popen[bytes]", given: argparse.Namespace) -> None:
    """Wait for the server, then people, then a crowd, then the end."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits, trust_env=False) as client:
        while True:
            try:
                if (await client.get("/readyz")).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.5)
        figures, end = Figures(), time.monotonic() + 60 * given.minutes
        tasks = [person(client, n, end, given, figures, server.pid) for n in range(given.people)]
        tasks += [slow_person(address, end) for _ in range(SLOW_PEOPLE)]
        await asyncio.gather(*tasks)
        show(figures, given)
        await crowd(client)
    await stop(address, server)


async def person(
    client: httpx.AsyncClient, number: int, end: float, given: argparse.Namespace, figures: Figures, pid: int
) -> None:
    """Ask, read, ask, until the time is over."""
    draw = random.Random(f"{given.seed} {number}")
    await asyncio.sleep(draw.uniform(0, given.reading))
    while time.monotonic() < end:
        asked, began = {"question": draw.choice(QUESTIONS)}, time.monotonic()
        if draw.random() < HANG_UP:
            try:
                async with client.stream("POST", "/api/ask", json={**asked, "stream": True}):
                    figures.statuses["hung up"] += 1
            except httpx.TransportError as error:
                figures.statuses[type(error).__name__] += 1
        else:
            try:
                status = str((await client.post("/api/ask", json=asked)).status_code)
            except httpx.TransportError as error:
                status = type(error).__name__
            figures.statuses[status] += 1
            if status == "200":
                figures.seconds.append(time.monotonic() - began)
                figures.memory.append((len(figures.seconds), resident(pid)))
        await asyncio.sleep(draw.expovariate(1 / given.reading))


async def slow_person(address: str, end: float) -> None:
    """Ask for streams and read a few bytes a second."""
    host, port = address.removeprefix("http://").split(":")
    body = json.dumps({"question": QUESTIONS[0], "stream": True}).encode()
    head = f"POST /api/ask HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    while time.monotonic() < end:
        reader, writer = await asyncio.open_connection(host, int(port), limit=64)
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        for _ in range(20):
            if time.monotonic() > end or not await reader.read(16):
                break
            await asyncio.sleep(1)
        writer.close()


async def crowd(client: httpx.AsyncClient) -> None:
    """Ask more at once than there is room for: each is answered, or told that it is busy."""
    began = time.monotonic()
    responses = await asyncio.gather(*(client.post("/api/ask", json={"question": q}) for q in QUESTIONS[:1] * BURST))
    counts = Counter(response.status_code for response in responses)
    retry = {response.headers.get("retry-after") for response in responses if response.status_code == 503}
    print(f"{BURST} at once: {dict(counts)} in {time.monotonic() - began:.1f} s; busy says retry-after {retry}")
    alive = (await client.get("/healthz")).status_code
    again = (await client.post("/api/ask", json={"question": QUESTIONS[0]})).status_code
    print(f"then: /healthz {alive}, a question {again}")


async def stop(address: str, server: "subprocess.Popen[bytes]") -> None:
    """Tell the server to stop while it answers twenty: all of them are answered, then it ends."""
    # Questions that nobody has asked yet, so that none is answered from memory; and a client without the hundreds of
    # idle connections of the crowd, through all of which it would look for every request.
    new = [f"{question} ({number})" for number, question in enumerate(QUESTIONS[:20])]
    async with httpx.AsyncClient(base_url=address, timeout=120, trust_env=False) as client:
        asking = [asyncio.create_task(client.post("/api/ask", json={"question": question})) for question in new]
        await asyncio.sleep(2)
        began = time.monotonic()
        server.send_signal(signal.SIGTERM)
        responses = await asyncio.gather(*asking, return_exceptions=True)
    counts = Counter(getattr(response, "status_code", type(response).__name__) for response in responses)
    code = await asyncio.to_thread(server.wait, 60)
    print(f"stopped while answering 20: {dict(counts)}, ended with {code} after {time.monotonic() - began:.1f} s")


def show(figures: Figures, given: argparse.Namespace) -> None:
    """Print times, errors, and how the memory grows."""
    cuts = statistics.quantiles(figures.seconds, n=100)
    print(f"{given.people} people, {given.minutes:g} minutes, {given.reading:g} s of reading, seed {given.seed}")
    print(f"responses: {dict(figures.statuses)}")
    print(f"seconds: p50 {cuts[49]:.2f}, p95 {cuts[94]:.2f}, p99 {cuts[98]:.2f}, longest {max(figures.seconds):.2f}")
    later = figures.memory[len(figures.memory) // 4 :]
    slope = statistics.linear_regression([n for n, _ in later], [size for _, size in later]).slope
    print(f"memory: {later[-1][1] / 1e6:.0f} MB at the end, {1000 * slope / 1e6:+.1f} MB per 1,000 questions")


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * PAGE_BYTES


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    main()
