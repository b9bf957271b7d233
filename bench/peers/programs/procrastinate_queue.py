"""procrastinate on PostgreSQL, told of new jobs by LISTEN, as its guide has it. A job is done when its row says so."""

import os

from procrastinate import App, PsycopgConnector

from bench.peers.programs import task

ASYNCHRONOUS = True
app = App(connector=PsycopgConnector(conninfo=os.environ["PEER_SERVER"]))


@app.task
def run(job: str, preset: str) -> None:
    """The task, which procrastinate runs in a thread."""
    task.run(job, preset)


async def connect() -> None:
    """Open the pool."""
    await app.open_async()


async def enqueue(job: str, preset: str) -> None:
    """Enqueue."""
    await run.defer_async(job=job, preset=preset)
