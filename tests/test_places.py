"""A queue with an end; who reads slowly or goes away holds up nobody; stopping waits for answers."""

import threading
import time
from collections.abc import Iterator

import anyio.to_thread
import pytest
from starlette.testclient import TestClient

from ui.desk import Desk
from ui.places import THREADS, CrowdedError, Places

ASK = {"question": "When does the lease end?"}


class Gate:
    """Steps of an answer that wait until they are let through."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.at_work = 0
        self.most = 0
        self._lock = threading.Lock()

    def steps(self) -> Iterator[int]:
        with self._lock:
            self.at_work += 1
            self.most = max(self.most, self.at_work)
        self.open.wait(20)
        with self._lock:
            self.at_work -= 1
        yield 1
        yield 2


def until(holds: object) -> None:
    deadline = time.monotonic() + 20
    while not holds() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.01)
    assert holds()  # type: ignore[operator]


def test_so_many_at_once_so_many_wait_and_the_next_is_turned_away() -> None:
    places, gate = Places(at_once=2, waiting=3), Gate()
    done: list[list[int]] = []
    threads = [threading.Thread(target=lambda: done.append(list(places.in_turn(gate.steps())))) for _ in range(5)]
    for thread in threads:
        thread.start()
    until(lambda: places._free == 0)
    with pytest.raises(CrowdedError, match="ask again in a few seconds"):
        next(places.in_turn(iter([1])))
    gate.open.set()
    for thread in threads:
        thread.join(20)
    assert (done, gate.most) == ([[1, 2]] * 5, 2)
    assert list(places.in_turn(iter([1]))) == [1], "there is room again"


def in_line(places: Places, entries: dict[str, Iterator[int]]) -> list[threading.Thread]:
    """Have the first take the one place, and the others come after it, one by one."""
    threads = []
    for waiting, steps in enumerate(entries.values()):
        threads.append(threading.Thread(target=lambda steps=steps: list(places.in_turn(steps))))
        threads[-1].start()
        until(lambda waiting=waiting: places._work._free == 0 and len(places._work._line) == waiting)
    return threads


def test_who_came_first_is_next_though_an_answer_takes_many_steps() -> None:
    """Its place is free for a moment with every step: none of those that wait loses its turn by that."""
    places, gate, order = Places(at_once=1), Gate(), []

    def steps(name: str) -> Iterator[int]:
        if name == "first":
            gate.open.wait(20)
        for number in range(20):
            order.append(name)
            yield number

    threads = in_line(places, {name: steps(name) for name in ("first", "second", "third", "fourth")})
    gate.open.set()
    for thread in threads:
        thread.join(20)
    assert list(dict.fromkeys(order)) == ["first", "second", "third", "fourth"]
    assert len(order) == 80


def test_what_has_begun_comes_before_what_waits_to_begin() -> None:
    places, gate, order = Places(at_once=1), Gate(), []

    def steps(name: str) -> Iterator[int]:
        if name == "first":
            gate.open.wait(20)
        for number in range(2):
            order.append(name)
            yield number

    begun = places.in_turn(steps("begun"))
    next(begun)
    threads = in_line(places, {"first": steps("first"), "second": steps("second")})
    further = threading.Thread(target=lambda: list(begun))
    further.start()
    until(lambda: len(places._work._line) == 2)
    gate.open.set()
    for thread in (*threads, further):
        thread.join(20)
    assert order[:3] == ["begun", "first", "begun"]


def test_who_has_waited_too_long_is_told_so_and_leaves_the_line() -> None:
    places, gate = Places(at_once=1, patience=0.05), Gate()
    (thread,) = in_line(places, {"first": gate.steps()})
    with pytest.raises(CrowdedError, match="ask again in a few seconds"):
        next(places.in_turn(iter([1])))
    with pytest.raises(CrowdedError, match="ask again in a few seconds"), places.taken():
        pass
    assert places._work._line == []
    gate.open.set()
    thread.join(20)
    assert list(places.in_turn(iter([1]))) == [1]
    assert (places._free, places._work._free) == (61, 1), "nothing is lost"


def test_who_reads_slowly_or_goes_away_holds_no_place() -> None:
    places = Places(at_once=1, waiting=0)
    slow = [places.in_turn(iter([1, 2, 3])) for _ in range(10)]
    assert [next(steps) for steps in slow] == [1] * 10
    gone = places.in_turn(iter([1, 2]))
    next(gone)
    gone.close()
    assert list(places.in_turn(iter([7]))) == [7]
    assert [list(steps) for steps in slow] == [[2, 3]] * 10


def test_an_answer_that_fails_gives_its_place_back() -> None:
    def failing() -> Iterator[int]:
        raise ValueError("no")
        yield 1

    places = Places(at_once=1, waiting=0)
    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            next(places.in_turn(failing()))
    with places.taken(), pytest.raises(CrowdedError), places.taken():
        pass


def test_stopping_waits_for_what_is_being_answered_and_lets_nobody_in() -> None:
    places, gate = Places(at_once=1, waiting=1), Gate()
    done: list[list[int]] = []
    thread = threading.Thread(target=lambda: done.append(list(places.in_turn(gate.steps()))))
    thread.start()
    until(lambda: gate.at_work == 1)
    assert places.drain(0.1) is False
    with pytest.raises(CrowdedError, match="about to stop"):
        next(places.in_turn(iter([1])))
    gate.open.set()
    assert places.drain(20) is True
    thread.join(20)
    assert done == [[1, 2]]


def test_stopping_waits_for_the_whole_answer_not_for_a_step() -> None:
    places = Places()
    steps = places.in_turn(iter([1, 2]))
    next(steps)
    assert places.drain(0.1) is False
    steps.close()  # its client went away
    assert places.drain(0.1) is True


def test_stopping_does_not_wait_for_who_reads_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.places.SLOW_SECONDS", 0.2)
    places = Places()
    steps = places.in_turn(iter([1, 2]))
    next(steps)
    began = time.monotonic()
    assert places.drain(20) is True
    assert time.monotonic() - began < 10


def test_a_crowded_server_says_so_and_when_to_come_back(client: TestClient, desk: Desk) -> None:
    desk.warm.load()
    desk.chain()
    desk.places = Places(at_once=1, waiting=0)
    with desk.places.taken():
        for refused in (
            client.post("/api/ask", json=ASK),
            client.post("/api/ask", json={**ASK, "stream": True}),
            client.get("/api/search", params={"question": "lease"}),
            client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": ASK["question"]}]}),
        ):
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
            assert "too many questions" in refused.json()["detail"]
        assert client.get("/healthz").status_code == 200
    assert client.post("/api/ask", json=ASK).status_code == 200


def test_there_are_threads_for_all_who_wait(client: TestClient) -> None:
    async def tokens() -> float:
        return anyio.to_thread.current_default_thread_limiter().total_tokens

    assert client.portal is not None
    assert client.portal.call(tokens) == THREADS
