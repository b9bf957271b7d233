"""What a loop hands over: done beside it, by no more threads than needed, and told."""

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from host.process.threads import Threads
from tests.support.garbage import no_look_for_garbage


def begun(name: str) -> int:
    """How many threads of this name there are."""
    return sum(thread.name.startswith(f"{name}-") for thread in threading.enumerate())


def waits(*barriers: threading.Event) -> Callable[[], None]:
    """Work that waits for these."""

    def work() -> None:
        for barrier in barriers:
            assert barrier.wait(5)

    return work


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run it within 5 s, and let nothing go wrong in the loop that nobody awaits."""

    async def whole() -> None:
        faults = list[dict[str, Any]]()
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context))
        async with asyncio.timeout(5):
            await scenario()
        assert faults == []

    asyncio.run(whole())


def test_it_tells_what_is_returned_and_raised() -> None:
    async def scenario() -> None:
        threads = Threads(2, "tells")
        assert await threads.do(lambda: threading.current_thread().name) == "tells-1"
        with pytest.raises(ZeroDivisionError):
            await threads.do(lambda: 1 // 0)
        with pytest.raises(SystemExit):
            await threads.do(lambda: exec("raise SystemExit"))
        assert await threads.do(lambda: 3) == 3

    run(scenario)


def test_no_thread_is_begun_before_it_is_needed_nor_more_than_allowed() -> None:
    async def scenario() -> None:
        threads, go = Threads(2, "needed"), threading.Event()
        assert begun("needed") == 0
        for _ in range(3):
            await threads.do(int)
        assert begun("needed") == 1
        held = [threads.do(waits(go)) for _ in range(4)]
        assert begun("needed") == 2
        go.set()
        await asyncio.gather(*held)
        assert begun("needed") == 2

    run(scenario)


def test_work_that_is_held_holds_neither_the_loop_nor_the_other_threads() -> None:
    async def scenario() -> None:
        threads, go = Threads(2, "held"), threading.Event()
        held = threads.do(waits(go))
        assert await asyncio.wait_for(threads.do(lambda: 1), 5) == 1
        assert not held.done()
        go.set()
        await held

    run(scenario)


def test_what_was_cancelled_before_its_turn_is_not_done_and_what_comes_after_is() -> None:
    async def scenario() -> None:
        threads, go, done = Threads(1, "cancelled"), threading.Event(), list[str]()
        taken = threading.Event()

        def work() -> None:
            taken.set()
            waits(go)()

        running = threads.do(work)
        assert await asyncio.to_thread(taken.wait, 5)
        waiting = threads.do(lambda: done.append("cancelled"))
        running.cancel()
        waiting.cancel()
        go.set()
        await threads.do(lambda: done.append("after"))
        assert done == ["after"]
        assert begun("cancelled") == 1

    run(scenario)


def test_what_was_cancelled_needs_no_thread_any_more() -> None:
    async def scenario() -> None:
        threads = Threads(100, "over")
        for _ in range(50):
            threads.do(int).cancel()
            await threads.do(int)
        assert begun("over") < 10, "two are under way at the same time"

    run(scenario)


def refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system allows no more threads."""

    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)


def test_a_thread_that_cannot_begin_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        threads, done = Threads(1, "again"), list[str]()
        with monkeypatch.context() as full:
            refuse(full)
            for _ in range(2):
                with pytest.raises(RuntimeError, match="start new thread"):
                    threads.do(lambda: done.append("refused"))
        await threads.do(lambda: done.append("after"))
        assert done == ["after"]

    run(scenario)


def test_the_threads_that_there_are_do_the_work_if_no_more_can_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        threads, go = Threads(2, "fewer"), threading.Event()
        held = threads.do(waits(go))
        with monkeypatch.context() as full:
            refuse(full)
            waiting = threads.do(lambda: 1)
        assert not held.done()
        more = threads.do(lambda: 2)
        assert await asyncio.wait_for(more, 5) == 2
        assert await asyncio.wait_for(waiting, 5) == 1
        assert begun("fewer") == 2
        go.set()
        await held

    run(scenario)


def test_what_was_done_is_let_go_before_more_comes() -> None:
    """Work holds the bytes of an upload: a thread that waits for more must not."""

    class Bytes:
        def read(self) -> int:
            return 1

    async def scenario() -> None:
        threads, held = Threads(1, "lets"), Bytes()
        gone = weakref.ref(held)
        work = held.read
        del held
        assert await threads.do(work) == 1
        del work
        while gone():
            await asyncio.sleep(0)

    run(scenario)


def test_what_went_wrong_is_let_go_without_a_look_for_garbage() -> None:
    """web seldom looks at all objects (host/process/garbage.py), and failed work holds the bytes of an upload."""

    class Bytes:
        def read(self) -> int:
            raise ZeroDivisionError

    async def scenario() -> None:
        threads, held = Threads(1, "wrong"), Bytes()
        gone = weakref.ref(held)
        work = held.read
        del held
        with pytest.raises(ZeroDivisionError):
            await threads.do(work)
        del work
        while gone():
            await asyncio.sleep(0)

    with no_look_for_garbage():
        run(scenario)


def test_a_process_that_ends_waits_for_no_thread() -> None:
    async def scenario() -> None:
        await Threads(1, "ends").do(int)
        assert all(thread.daemon for thread in threading.enumerate() if thread.name == "ends-1")

    run(scenario)


def test_a_closed_loop_ends_no_thread() -> None:
    threads, go, taken = Threads(1, "closed"), threading.Event(), threading.Event()

    async def leaves() -> None:
        threads.do(taken.set)
        threads.do(waits(go))
        assert await asyncio.to_thread(taken.wait, 5)

    asyncio.run(leaves())
    go.set()

    async def comes() -> str:
        return await asyncio.wait_for(threads.do(lambda: threading.current_thread().name), 5)

    assert asyncio.run(comes()) == "closed-1"
