"""taskiq on streams of Redis, the broker of taskiq-redis that acknowledges. An image worker reads one message at a
time; by default it would take up to a hundred away from the others."""

import os

from taskiq_redis import RedisStreamBroker

from bench.peers.programs import task

ASYNCHRONOUS = True
broker = RedisStreamBroker(os.environ["PEER_SERVER"], consumer_id="0", xread_count=100 if task.QUICK else 1)


@broker.task
async def run(job: str, preset: str) -> None:
    """The task. It computes in the worker's loop, which does nothing else."""
    task.run(job, preset)


async def connect() -> None:
    """Open the pool."""
    await broker.startup()


async def enqueue(job: str, preset: str) -> None:
    """Enqueue."""
    await run.kiq(job, preset)
