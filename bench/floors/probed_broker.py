"""The real broker with a clock around its core: `python -m bench.floors.probed_broker FILE` writes the
CPU seconds spent in the core (handle, tick, drain) to FILE when it stops, less what its clock costs."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from broker import __main__ as broker
from broker.core.dispatcher import Dispatcher

spent = 0.0
calls = 0


def _timed(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        global spent, calls
        calls += 1
        begin = time.thread_time()
        try:
            return method(*arguments)
        finally:
            spent += time.thread_time() - begin

    return call


def clock_cost() -> float:
    """CPU seconds that the clock itself adds to each timed call."""
    global spent
    before, nothing = spent, _timed(lambda: None)
    for _ in range(10_000):
        nothing()
    cost, spent = (spent - before) / 10_000, before
    return cost


if __name__ == "__main__":
    for name in ("handle", "tick", "drain"):
        setattr(Dispatcher, name, _timed(getattr(Dispatcher, name)))
    status = broker.main()
    timed = calls
    Path(sys.argv[1]).write_text(str(spent - timed * clock_cost()))
    sys.exit(status)
