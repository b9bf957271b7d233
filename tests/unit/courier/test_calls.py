"""courier/calls.py: calls in threads, their results, and calls that are ended."""

import logging
import select
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from courier.calls import Calls, Do, error_of, in_trace, ref_of, trace_of
from host.egress.gate import Stop
from jobs.trace import headers_of
from jobs.wire import Attempted, Delivery, Failure, LeaseRef, Source, SourceFetched
from tests.support.patience import stretched

LOG = logging.getLogger("courier")


def delivery(name: str, attempt: int = 1) -> Delivery:
    return Delivery(name, attempt, "https://app.example/", {}, b"")


@contextmanager
def calls(do: Do, count: int = 4) -> Iterator[Calls]:
    made = Calls(count, do, LOG)
    with closing(made):
        yield made


def results(made: Calls, count: int) -> list[Any]:
    """The next results, as soon as they come."""
    found: list[Any] = []
    while len(found) < count:
        assert select.select([made.descriptor], [], [], stretched(20.0))[0], f"only {found}"
        found += made.ended()
    return found


def done(work: Any, stop: Stop) -> tuple[Attempted, str]:
    return Attempted(work.id, work.attempt, 200, 0.0), ""


def test_each_result_comes_once() -> None:
    with calls(done, count=2) as made:
        for number in range(20):
            made.begin(delivery(f"d{number}"))
        assert {result.id for result in results(made, 20)} == {f"d{number}" for number in range(20)}
        assert list(made.ended()) == []


def test_a_call_that_was_ended_has_no_result() -> None:
    stopped, go = threading.Event(), threading.Event()

    def do(work: Any, stop: Stop) -> tuple[Attempted, str]:
        if work.id == "slow":
            go.wait()
            assert stop.is_set
            stopped.set()
        return done(work, stop)

    with calls(do) as made:
        made.begin(delivery("slow"))
        made.kill(LeaseRef("slow", 1))
        made.kill(LeaseRef("slow", 1))
        made.begin(delivery("quick"))
        go.set()
        assert [result.id for result in results(made, 1)] == ["quick"]
        assert stopped.wait(stretched(20.0))
        assert list(made.ended()) == []


def test_no_more_than_so_many_at_once() -> None:
    lock, go = threading.Lock(), threading.Event()
    under_way: list[int] = [0, 0]

    def do(work: Any, stop: Stop) -> tuple[Attempted, str]:
        with lock:
            under_way[0] += 1
            under_way[1] = max(under_way)
            if under_way[0] == 3:
                go.set()
        go.wait()
        with lock:
            under_way[0] -= 1
        return done(work, stop)

    with calls(do, count=3) as made:
        for number in range(9):
            made.begin(delivery(f"d{number}"))
        results(made, 9)
    assert under_way[1] == 3


def test_a_call_has_the_trace_of_its_job() -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01 vendor=1"
    told = Delivery("d", 1, "https://a.example/", {"webhook-id": "m", **headers_of(trace)}, b"")
    assert trace_of(told) == trace
    assert trace_of(Source("j", 3, "https://a.example/", 1.0, 1, trace)) == trace
    assert trace_of(delivery("d")) is None


def test_the_log_tells_the_trace(caplog: pytest.LogCaptureFixture) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    with calls(lambda work, stop: (Failure("j", 3, "x", ""), "why"), count=1) as made:
        made.begin(Source("j", 3, "https://a.example/", 1.0, 1, trace))
        results(made, 1)
    (line,) = [vars(record) for record in caplog.records if record.message == "call_failed"]
    assert (line["job"], line["trace"]) == ("j", "a" * 32)


def test_a_lease_has_the_name_and_number_of_its_work() -> None:
    assert ref_of(delivery("d", 7)) == LeaseRef("d", 7)
    assert ref_of(Source("j", 3, "https://a.example/", 1.0, 1)) == LeaseRef("j", 3)


def test_a_call_that_breaks_has_a_result_and_its_thread_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def do(work: Any, stop: Stop) -> tuple[Attempted, str]:
        if isinstance(work, Source) or work.id == "bad":
            raise AttributeError("'NoneType' object has no attribute 'read'")
        return done(work, stop)

    with calls(do, count=1) as made:
        made.begin(delivery("bad", 2))
        made.begin(Source("j", 3, "https://a.example/", 1.0, 1))
        made.begin(delivery("good"))
        bad, fetch, good = results(made, 3)
    assert bad == Attempted("bad", 2, 0, 0.0, error="it gave no answer")
    assert fetch == Failure("j", 3, "source_unreachable", "this address did not give its original")
    assert good.id == "good"
    assert [record.message for record in caplog.records].count("call_broke") == 2
    assert "NoneType" in caplog.text


def test_where_the_system_gives_no_thread_more_those_that_are_there_take_the_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go = threading.Event()
    start = threading.Thread.start

    def do(work: Any, stop: Stop) -> tuple[Attempted, str]:
        go.wait()
        return done(work, stop)

    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with calls(do) as made:
        made.begin(delivery("first"))
        monkeypatch.setattr(threading.Thread, "start", refused)
        made.begin(delivery("second"))
        monkeypatch.setattr(threading.Thread, "start", start)
        go.set()
        assert [result.id for result in results(made, 2)] == ["first", "second"]


def test_a_call_that_was_ended_but_goes_on_holds_nobody_up() -> None:
    go = threading.Event()

    def do(work: Any, stop: Stop) -> tuple[Attempted, str]:
        if work.id == "slow":
            go.wait()
        return done(work, stop)

    with calls(do, count=2) as made:
        made.begin(delivery("slow"))
        made.kill(LeaseRef("slow", 1))
        made.begin(delivery("quick"))
        try:
            assert [result.id for result in results(made, 1)] == ["quick"]
        finally:
            go.set()


def test_a_delivery_gets_the_headers_of_the_span_in_place_of_its_jobs() -> None:
    trace, other = f"00-{'a' * 32}-{'b' * 16}-01 vendor=1", f"00-{'a' * 32}-{'c' * 16}-01"
    told = Delivery("d", 1, "https://a.example/", {"webhook-id": "m", **headers_of(trace)}, b"")
    assert in_trace(told, trace) is told
    assert in_trace(told, other).headers == {"webhook-id": "m", "traceparent": other}
    assert in_trace(told, None).headers == {"webhook-id": "m"}


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (Attempted("d", 1, 204, 0.1), None),
        (Attempted("d", 1, 302, 0.1), "302"),
        (Attempted("d", 1, 500, 0.1), "500"),
        (Attempted("d", 1, 0, 0.1, error="it gave no answer"), "no_answer"),
        (Failure("j", 1, "source_refused", ""), "source_refused"),
        (SourceFetched("j", 1, "png", 1, 1, 1, "d" * 64), None),
    ],
)
def test_a_span_tells_the_code_of_a_call_that_failed(result: Any, error: str | None) -> None:
    assert error_of(result) == error
