"""FastAPI in front of a queue: POST /upload stores the file, enqueues its job and answers 202; GET /health/live.

PEER_QUEUE names the module of the queue. Its `enqueue` is a function, which runs in FastAPI's threads, or a coroutine.
"""

import importlib
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Form, UploadFile
from fastapi.concurrency import run_in_threadpool

from bench.peers.programs import task

queue = importlib.import_module(f"bench.peers.programs.{os.environ['PEER_QUEUE']}")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connect the queue, if it is asynchronous."""
    if queue.ASYNCHRONOUS:
        await queue.connect()
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/health/live")
async def live() -> dict[str, str]:
    """As pixmill's."""
    return {"status": "ok"}


if queue.ASYNCHRONOUS:

    @app.post("/upload", status_code=202)
    async def upload_in_loop(image: UploadFile, preset: Annotated[str, Form()]) -> dict[str, str]:
        """Keep the file in a thread, and enqueue in the loop."""
        job = uuid.uuid4().hex
        await run_in_threadpool(task.keep, job, image.file)
        await queue.enqueue(job, preset)
        return {"id": job}

else:

    @app.post("/upload", status_code=202)
    def upload_in_thread(image: UploadFile, preset: Annotated[str, Form()]) -> dict[str, str]:
        """Keep and enqueue in a thread of FastAPI."""
        job = uuid.uuid4().hex
        task.keep(job, image.file)
        queue.enqueue(job, preset)
        return {"id": job}
