"""arq on Redis. It acknowledges after the task by itself. The image tasks run one at a time, in the worker's loop,
which does nothing else. It looks for new jobs every 10 ms, not every half second as by default: each job would wait
for that."""

import os
from typing import Any

from arq import create_pool
from arq.connections import ArqRedis, RedisSettings

from bench.peers.programs import task

ASYNCHRONOUS = True
_SETTINGS = RedisSettings.from_dsn(os.environ["PEER_SERVER"])
_pools: list[ArqRedis] = []


async def run(context: dict[str, Any], job: str, preset: str) -> None:
    """The task."""
    task.run(job, preset)


class WorkerSettings:
    """What `arq` reads."""

    functions = [run]
    redis_settings = _SETTINGS
    max_jobs = 10 if task.QUICK else 1
    poll_delay = 0.01
    keep_result = 0


async def connect() -> None:
    """Open the pool."""
    _pools.append(await create_pool(_SETTINGS))


async def enqueue(job: str, preset: str) -> None:
    """Enqueue."""
    await _pools[0].enqueue_job("run", job, preset)
