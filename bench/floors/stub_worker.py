"""A worker that answers each job at once with an empty manifest: the real session, no decoder, no files. Cost and times
are told as those of a decoder are.

python -m bench.floors.stub_worker RUN CAPACITY NAME
"""

import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import zmq

from host.files.folders import endpoint
from jobs import wire
from jobs.job import Cost
from worker.core import events
from worker.core.session import Session

COST = Cost(0.1, 1 << 20)
TIMES = wire.Times("png", [0.0001, 0.0002, 0.0005, 0.0008, 0.002])


def answer(session: Session, now: float, frames: list[bytes]) -> list[Any]:
    """Feed the broker's frames to the session, end all jobs, and return the messages to send."""
    for frame in frames:
        session.handle(events.Received(wire.to_worker.decode(frame)), now)
    session.tick(now)
    effects = session.drain()
    sends = effects.sends
    while effects.begin:
        for assignment in effects.begin:
            job, lease = assignment.job, assignment.lease
            session.handle(events.DecoderBegan(job, lease, time.time()), now)
            session.handle(events.DecoderFinished(job, lease, [], COST, times=TIMES), now)
            session.handle(events.DecoderIdle(), now)
        effects = session.drain()
        sends += effects.sends
    return sends


def main(run: str, capacity: int, name: str) -> None:
    """Serve until killed."""
    dealer: Any = zmq.Context().socket(zmq.DEALER)
    dealer.linger = 0
    dealer.connect(endpoint(Path(run), "workers"))
    now = time.monotonic()
    session = Session(secrets.token_hex(8), name, os.getpid(), capacity, "stub", 30.0, 60.0, now)
    session.handle(events.Connected(), now)
    for _ in range(capacity):
        session.handle(events.DecoderIdle(), now)
    frames: list[bytes] = []
    while True:
        for message in answer(session, time.monotonic(), frames):
            dealer.send(wire.encode(message))
        dealer.poll(max(0, int((session.deadline - time.monotonic()) * 1000) + 1))
        frames = []
        while dealer.poll(0):
            frames.append(dealer.recv())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
