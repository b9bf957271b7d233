"""Enqueues no-ops so that a fixed number is under way: `python -m bench.peers.programs.producer IN_FLIGHT`.

Owns its own count. What has ended is the size of the file `ended`.
"""

import asyncio
import importlib
import os
import sys
import time

from bench.peers.programs import task

PAUSE_SECONDS = 0.002
queue = importlib.import_module(f"bench.peers.programs.{os.environ['PEER_QUEUE']}")


def ended() -> int:
    """How many no-ops have run."""
    try:
        return (task.FOLDER / "ended").stat().st_size
    except FileNotFoundError:
        return 0


def room(sent: int, in_flight: int) -> int:
    """How many may be enqueued now. It waits until there is room for one."""
    while (free := in_flight - sent + ended()) <= 0:
        time.sleep(PAUSE_SECONDS)
    return free


async def asynchronous(in_flight: int) -> None:
    """Enqueue by coroutines, all that there is room for at once."""
    await queue.connect()
    sent = 0
    while True:
        free = room(sent, in_flight)
        await asyncio.gather(*(queue.enqueue(str(sent + one), task.NO_OP) for one in range(free)))
        sent += free


def serial(in_flight: int) -> None:
    """Enqueue by calls, one after the other."""
    sent = 0
    while True:
        free = room(sent, in_flight)
        for one in range(free):
            queue.enqueue(str(sent + one), task.NO_OP)
        sent += free


if __name__ == "__main__":
    if queue.ASYNCHRONOUS:
        asyncio.run(asynchronous(int(sys.argv[1])))
    else:
        serial(int(sys.argv[1]))
