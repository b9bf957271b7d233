"""Plays a web process towards a broker: submits no-op jobs so that a fixed number is under way.

A job has the spec of a 1x1 PNG, and is one POST. Owns the three sockets of a web process. Knows no HTTP.
"""

import os
import secrets
import time
from pathlib import Path
from typing import Any

import zmq

from host.files.folders import endpoint
from jobs import ids, wire
from jobs.job import Original, Spec, encode

RECIPE = '{"renditions":[{"format":"png","height":1,"name":"thumb","width":1}]}'
HELLO_SECONDS = 30


class Client:
    """Submits jobs so that `in_flight` are under way, and counts those that end. With `keyed`, each job has an
    Idempotency-Key, as pixmill's own client sends one."""

    def __init__(self, run: Path, in_flight: int = 512, keyed: bool = False) -> None:
        self.context = zmq.Context()
        self.web = secrets.token_hex(8)
        self.in_flight = in_flight
        self._keyed = keyed
        self.push: Any = self.context.socket(zmq.PUSH)
        self.acks: Any = self.context.socket(zmq.SUB)
        self.changes: Any = self.context.socket(zmq.SUB)
        self.acks.subscribe(wire.acks_topic(self.web))
        self.changes.subscribe(wire.CHANGES_TOPIC)
        for sock, name in ((self.push, "jobs"), (self.acks, "receipts"), (self.changes, "changes")):
            sock.linger = 0
            sock.rcvhwm = 100_000
            sock.connect(endpoint(run, name))
        assert self.acks.poll(HELLO_SECONDS * 1000), f"no Hello within {HELLO_SECONDS} s"
        self.done = 0
        self.submitted = 0
        self.turns = 0
        """The broker's turns that changed something: each sends one message of changes."""

    def submit(self) -> None:
        """One POST of one job."""
        at = time.time()
        job = ids.mint(at, os.urandom(ids.RANDOM_BYTES))
        original = Original(ids.original_name(job), "png", 1, 1, 70, "0" * 64)
        spec = encode(Spec("pixel.png", None, None, None, RECIPE, original, ""))
        key = (secrets.token_bytes(32), secrets.token_bytes(32)) if self._keyed else (None, None)
        new = wire.NewJob(job, "", 1, 1, None, None, None, secrets.token_bytes(16), spec, *key)
        self.push.send(wire.encode(wire.Submit(self.web, job, at, [new])))
        self.submitted += 1

    def pump(self) -> None:
        """Count ended jobs, and submit as many new ones."""
        while self.submitted - self.done < self.in_flight:
            self.submit()
        self.changes.poll(100)
        while self.changes.poll(0):
            message = wire.to_web.decode(self.changes.recv_multipart()[1])
            self.turns += 1
            self.done += sum(change.state == "done" for change in message.changes)
        while self.acks.poll(0):
            self.acks.recv_multipart()

    def drain(self) -> None:
        """Submit nothing more, and wait until all that was submitted is done."""
        in_flight, self.in_flight = self.in_flight, 0
        self.pump_for(0.0, at_least=self.submitted)
        self.in_flight = in_flight

    def pump_for(self, seconds: float, at_least: int = 0) -> None:
        """Pump so long, and until `at_least` jobs have ended in all."""
        until, limit = time.monotonic() + seconds, time.monotonic() + seconds + 20
        while time.monotonic() < until or self.done < at_least:
            assert time.monotonic() < limit, f"only {self.done} jobs done"
            self.pump()
