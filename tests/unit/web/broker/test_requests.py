"""Requests to the broker: each is sent until its acknowledgement is heard, or its caller gives up. No socket."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from jobs import wire
from jobs.limits import UNACKNOWLEDGED_MAX
from jobs.wire import COMMITTED, Ack, Pause
from tests.support.harnesses.web_harness import turns
from web.broker import requests as module
from web.broker.requests import Answer, NotPromised, Requests


class Line:
    """Requests over a socket that `takes` so many frames more; `sent` are their names, in order."""

    def __init__(self) -> None:
        self.takes, self.offered = 1000, 0
        self.sent: list[str] = []
        self.looks = 0
        self.found: Ack | None = None
        self.requests = Requests(self._send)

    def _send(self, frame: bytes) -> bool:
        self.offered += 1
        if self.takes:
            self.takes -= 1
            self.sent.append(wire.from_web.decode(frame).request)
            return True
        return False

    async def _look(self) -> Ack | None:
        self.looks += 1
        return self.found

    def ask(self, name: str, seconds: float = 5) -> asyncio.Future[Answer]:
        """The answer to a request of this name."""
        return asyncio.ensure_future(self.requests.settle(Pause("w", name), self._look, seconds))

    async def asked(self, *names: str) -> list[asyncio.Future[Answer]]:
        """The answers to requests of these names, which were offered to the socket."""
        answers = [self.ask(name) for name in names]
        await turns()
        return answers

    def receive(self, epoch: int, *names: str) -> None:
        """The broker says that these are committed."""
        self.requests.received_acks(epoch, [Ack(name, COMMITTED) for name in names])


def run(scenario: Callable[[Line], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(5):
            await scenario(Line())

    asyncio.run(whole())


def test_each_request_has_a_name_of_its_own() -> None:
    requests = Requests()
    assert len({requests.name() for _ in range(100)}) == 100


def test_requests_are_sent_once_and_in_order() -> None:
    async def scenario(line: Line) -> None:
        answers = await line.asked("a", "b", "c")
        assert line.sent == ["a", "b", "c"]
        line.receive(0, "a", "b", "c")
        assert [(await each).ack.request for each in answers] == ["a", "b", "c"]
        line.requests.flush()
        assert line.sent == ["a", "b", "c"]
        assert line.looks == 0, "an acknowledgement that was heard needs no look at the ledger"

    run(scenario)


def test_a_full_socket_keeps_the_order_and_loses_nothing() -> None:
    async def scenario(line: Line) -> None:
        line.takes = 1
        answers = await line.asked("a", "b", "c")
        assert line.sent == ["a"]
        line.takes, line.offered = 0, 0
        line.requests.flush()
        assert line.offered == 1, "what comes behind a frame that is not taken is not offered"
        line.takes = 2
        line.requests.flush()
        assert line.sent == ["a", "b", "c"]
        line.receive(0, "a", "b", "c")
        assert [(await each).repeated for each in answers] == [False] * 3

    run(scenario)


def test_a_hello_sends_what_has_no_answer_again_and_nothing_else() -> None:
    async def scenario(line: Line) -> None:
        heard, waiting = await line.asked("a", "b")
        line.takes = 0
        (unsent,) = await line.asked("c")
        line.receive(0, "a")
        line.takes = 100
        line.requests.received_hello(1)
        assert line.sent == ["a", "b", "b", "c"]
        line.receive(1, "b", "c")
        assert [(await each).repeated for each in (heard, waiting, unsent)] == [False, True, False]

    run(scenario)


def test_what_was_sent_twice_stays_a_repeat_though_the_third_time_is_still_to_come() -> None:
    async def scenario(line: Line) -> None:
        (answer,) = await line.asked("a")
        line.requests.received_hello(1)
        line.takes = 0
        line.requests.received_hello(2)
        line.requests.received_hello(3)
        line.receive(3, "a")
        assert (await answer).repeated

    run(scenario)


def test_answers_of_a_later_epoch_are_heard_before_the_rest_is_sent_again() -> None:
    async def scenario(line: Line) -> None:
        await line.asked("a", "b")
        line.receive(1, "a")
        assert line.sent == ["a", "b", "b"]
        line.receive(1)
        line.receive(0)
        assert line.sent == ["a", "b", "b"]
        line.receive(1, "b", "b", "unknown")

    run(scenario)


def test_who_gives_up_is_forgotten() -> None:
    async def scenario(line: Line) -> None:
        line.takes = 0
        with pytest.raises(NotPromised) as fault:
            await line.ask("a", seconds=0.01)
        assert fault.value.code == "broker_silent"
        assert line.looks == 1, "the row is looked for once more before the end"
        line.takes = 100
        line.requests.flush()
        line.requests.received_hello(1)
        assert line.sent == []
        line.receive(1, "a")

    run(scenario)


def test_a_name_that_was_repeated_and_forgotten_is_a_fresh_one() -> None:
    async def scenario(line: Line) -> None:
        (first,) = await line.asked("a")
        line.requests.received_hello(1)
        line.receive(1, "a")
        assert (await first).repeated
        (second,) = await line.asked("a")
        line.receive(1, "a")
        assert not (await second).repeated

    run(scenario)


def test_a_row_answers_for_a_lost_answer_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)

    async def scenario(line: Line) -> None:
        (answer,) = await line.asked("a")
        while line.looks < 3:
            await asyncio.sleep(0)
        assert not answer.done()
        line.found = Ack("a", COMMITTED)
        assert (await answer).ack is line.found
        assert not line.requests.full

    run(scenario)


def test_an_answer_that_comes_during_a_slow_look_waits_for_no_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    given_up = list[bool]()

    async def stuck() -> Ack | None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            given_up.append(True)
            raise
        return None

    async def scenario(line: Line) -> None:
        answer = asyncio.ensure_future(line.requests.settle(Pause("w", "a"), stuck, 5))
        await turns()
        line.receive(1, "a")
        assert (await answer).ack.request == "a"
        await turns()
        assert given_up

    run(scenario)


def test_the_time_of_slow_looks_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.001)
    looks = list[int]()

    async def slow() -> None:
        looks.append(1)
        await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.02)

    async def scenario(line: Line) -> None:
        with pytest.raises(NotPromised):
            await line.requests.settle(Pause("w", "a"), slow, 0.05)
        assert len(looks) in (2, 3)

    run(scenario)


def test_a_wait_ends_after_its_seconds_and_no_later() -> None:
    async def scenario(line: Line) -> None:
        began = asyncio.get_running_loop().time()
        with pytest.raises(NotPromised):
            await line.ask("a", seconds=0.02)
        assert asyncio.get_running_loop().time() - began < module.LOOK_SECONDS / 2

    run(scenario)


def test_what_was_sent_counts_as_waiting_until_its_answer() -> None:
    async def scenario(line: Line) -> None:
        line.takes = 2 * UNACKNOWLEDGED_MAX
        answers = await line.asked(*map(str, range(UNACKNOWLEDGED_MAX)))
        assert line.requests.full
        with pytest.raises(NotPromised) as refused:
            await line.ask("more")
        assert (refused.value.code, len(line.sent)) == ("queue_full", UNACKNOWLEDGED_MAX)
        line.receive(0, "0")
        assert not line.requests.full
        for each in answers:
            each.cancel()
        await asyncio.gather(*answers, return_exceptions=True)

    run(scenario)
