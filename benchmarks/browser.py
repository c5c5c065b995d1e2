"""Time the page in a real browser: what a person waits for before there is something to see.

    python benchmarks/browser.py --chromium /usr/bin/chromium

Each round starts `rag ui` in a new process and opens the page in a new browser context (nothing cached), then asks
different questions. "page" is from the start of the command until the browser paints (first contentful paint), "ready"
until the models are loaded. "again" is the page opened once more while the server runs. A first sentence is counted
from pressing Enter until it can be seen, and the whole answer until its buttons are there. Seconds.
"""

import argparse
import json
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from cold_start import HERE, RAG, SEEDS, clean_environment, machine
from playwright.sync_api import Browser, Page, sync_playwright

QUESTIONS = [json.loads(line) for line in (HERE.parent / "eval" / "questions.jsonl").read_text("utf-8").splitlines()]
PAINT = """() => new Promise(done => new PerformanceObserver(list => done(
    performance.timeOrigin + list.getEntriesByName('first-contentful-paint')[0].startTime
)).observe({type: 'paint', buffered: true}))"""
# The first sentence is there for a moment only before the whole answer is, so the page itself looks at the clock.
WATCH = """() => {
    const seen = window.seen = {asked: Date.now()};
    const turns = document.querySelectorAll('.turn:not(.live)').length;
    const look = () => {
        const turn = document.querySelectorAll('.turn')[turns];
        if (turn?.querySelector('.sentence, .refusal')) seen.first ??= Date.now();
        if (document.querySelectorAll('.turn:not(.live)').length > turns) seen.all ??= Date.now();
        if (!seen.all) requestAnimationFrame(look);
    };
    look();
}"""
Times = dict[str, list[float]]


@contextmanager
def running(index: Path, environment: dict[str, str]) -> Iterator[tuple[str, float]]:
    """Start `rag ui`; yield its address and when that was."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [*RAG, "ui", "--index", str(index), "--no-browser", "--port", str(port)]
    started = time.time()
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if server.poll() is not None:
                    raise SystemExit("rag ui ended") from None
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/", started
    finally:
        server.terminate()
        server.wait(20)


def ready(page: Page) -> None:
    """Wait until the page says that the models are there."""
    page.locator("#status").get_by_text("Ready").wait_for(timeout=60_000)


def one_round(browser: Browser, index: Path, environment: dict[str, str], questions: list[str], times: Times) -> None:
    """Start the server, open the page twice and ask."""
    with (
        running(index, environment) as (address, started),
        browser.new_context() as first,
        browser.new_context() as new,
    ):
        page = first.new_page()
        page.goto(address)
        times["page"].append(page.evaluate(PAINT) / 1000 - started)
        ready(page)
        times["ready"].append(time.time() - started)
        page = new.new_page()
        opened = time.time()
        page.goto(address)
        times["again"].append(page.evaluate(PAINT) / 1000 - opened)
        ready(page)
        for number, question in enumerate(questions):
            page.fill("#question textarea", question)
            page.evaluate(WATCH)
            page.press("#question textarea", "Enter")
            page.wait_for_function("window.seen.all", timeout=60_000)
            seen = page.evaluate("window.seen")
            if number > 0:  # the first one is not warm
                times["first sentence"].append((seen["first"] - seen["asked"]) / 1000)
                times["answer"].append((seen["all"] - seen["asked"]) / 1000)


def main() -> None:
    """Print a row for everything that a person waits for."""
    parser = argparse.ArgumentParser(description="Time the page in a real browser.")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="[%(default)s]")
    parser.add_argument("-n", "--rounds", type=int, default=5, help="[%(default)s]")
    parser.add_argument("-q", "--questions", type=int, default=8, help="asked in each round [%(default)s]")
    arguments = parser.parse_args()
    print(machine())
    times: Times = {name: [] for name in ("page", "ready", "again", "first sentence", "answer")}
    alone = [row["question"] for row in QUESTIONS if not row.get("history")]
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        environment = clean_environment(Path(folder, "bytecode"))
        index = Path(folder, ".rag")
        subprocess.run([*RAG, "index", SEEDS, "--index", index], env=environment, check=True, capture_output=True)
        with running(index, environment):
            pass  # compiles what the rounds import
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        for number in range(arguments.rounds):
            first = number * arguments.questions
            one_round(browser, index, environment, alone[first : first + arguments.questions], times)
        browser.close()
    print(f"{'':<16}{'min':>8}{'median':>8}{'max':>8}{'n':>6}")
    for name, taken in times.items():
        print(f"{name:<16}{min(taken):>8.2f}{statistics.median(taken):>8.2f}{max(taken):>8.2f}{len(taken):>6}")


if __name__ == "__main__":
    main()
