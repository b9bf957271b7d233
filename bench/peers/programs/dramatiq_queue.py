"""Dramatiq on Redis, as its guide has it. It acknowledges after the task by itself. The image tasks have one thread a
process, because they compute."""

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.peers.programs import task

ASYNCHRONOUS = False
dramatiq.set_broker(RedisBroker(url=os.environ["PEER_SERVER"]))


@dramatiq.actor
def run(job: str, preset: str) -> None:
    """The task."""
    task.run(job, preset)


def enqueue(job: str, preset: str) -> None:
    """Enqueue."""
    run.send(job, preset)
