"""The generator's process: `python -m bench.peers.load`. A plan as one JSON line comes in.

It prints `begin` and `end` on a line each around the measured window, and then its figures as one JSON line. Each
request has a connection of its own, as uploads of many people have; no two uploads are equal. Times of an open loop run
from the planned moment. Owns the clients of a closed and of an open loop.
"""

import asyncio
import contextlib
import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench.peers.load import arrivals
from bench.peers.load.watch import Watch

PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 0.05
LOOK_SECONDS = 0.005
UNIQUE_BYTES = 16


class Upload(NamedTuple):
    """One accepted upload: when it was sent and accepted (monotonic seconds), and its job."""

    sent: float
    accepted: float
    job: str


class Target:
    """Where requests go, and the bytes of an upload."""

    def __init__(self, plan: dict[str, Any]) -> None:
        address = urlsplit(plan["url"])
        self._host, self._port = address.hostname or "", address.port or 80
        photo = Path(plan["photo"]).read_bytes()[:-UNIQUE_BYTES]
        before, self._after = arrivals.form_ends(plan["preset"])
        length = len(before) + len(photo) + UNIQUE_BYTES + len(self._after)
        self._before = arrivals.upload_head(address.netloc, length) + before + photo
        self._live = arrivals.live_head(address.netloc)

    async def upload(self, sent: float) -> Upload | None:
        """Upload once; None if it was not accepted."""
        status, body = await self._asked(self._before, os.urandom(UNIQUE_BYTES), self._after)
        return Upload(sent, time.monotonic(), json.loads(body)["id"]) if status == 202 else None

    async def live(self) -> bool:
        """GET /health/live."""
        return (await self._asked(self._live))[0] == 200

    async def _asked(self, *parts: bytes) -> tuple[int, bytes]:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(self._host, self._port)
            with contextlib.closing(writer):
                writer.writelines(parts)
                return arrivals.answered(await reader.read())
        return 0, b""


class Window:
    """The measured window: from `begin` to `end`, with the CPU that we use in it."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self.begin = self.end = 0.0
        self.cpu_share = 0.0

    async def run(self, before: float) -> None:
        """Wait `before` seconds, then measure for the plan's `seconds`."""
        await asyncio.sleep(before)
        print("begin", flush=True)
        self.begin, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(self._plan["seconds"])
        self.end = time.monotonic()
        self.cpu_share = (time.process_time() - cpu) / (self.end - self.begin)
        print("end", flush=True)


async def closed(plan: dict[str, Any]) -> dict[str, Any]:
    """Clients that each upload, wait for the result, and begin again."""
    target, watch, window = (
        Target(plan),
        Watch([Path(one) for one in plan["folders"]], plan["renditions"]),
        Window(plan),
    )
    found: list[tuple[Upload, float | None]] = []
    refused = 0

    async def client() -> None:
        nonlocal refused
        while not window.end:
            upload = await target.upload(time.monotonic())
            if upload is None:
                refused += 1
                await asyncio.sleep(RETRY_SECONDS)
            else:
                found.append((upload, await watch.result(upload.job, PATIENCE_SECONDS)))

    await asyncio.gather(window.run(plan["warm_seconds"]), *(client() for _ in range(plan["clients"])))
    return {**_figures(found, window, 0.0), "refused": refused}


async def opened(plan: dict[str, Any]) -> dict[str, Any]:
    """Uploads at their planned moments, whatever the answers are."""
    target, watch, window = (
        Target(plan),
        Watch([Path(one) for one in plan["folders"]], plan["renditions"]),
        Window(plan),
    )
    found: list[tuple[Upload, float | None]] = []
    refused = 0

    async def one(at: float) -> None:
        nonlocal refused
        upload = await target.upload(at)
        if upload is None:
            refused += 1
        else:
            found.append((upload, await watch.result(upload.job, PATIENCE_SECONDS)))

    begin = time.monotonic() + 0.1
    async with asyncio.TaskGroup() as group:
        group.create_task(window.run(plan["warm_seconds"]))
        for after in arrivals.arrivals(plan["rate"], plan["warm_seconds"] + plan["seconds"], plan["seed"]):
            await asyncio.sleep(begin + after - time.monotonic())
            group.create_task(one(begin + after))
    return {**_figures(found, window, plan["rate"]), "refused": refused}


def _figures(found: list[tuple[Upload, float | None]], window: Window, rate: float) -> dict[str, Any]:
    """Times of the uploads that were sent in the window. Jobs: whose results appeared in it."""
    mine = [(upload, at) for upload, at in found if window.begin <= upload.sent < window.end]
    return {
        "seconds": window.end - window.begin,
        "jobs": sum(at is not None and window.begin <= at < window.end for _, at in found),
        "accept_ms": [(upload.accepted - upload.sent) * 1000 for upload, _ in mine],
        "result_ms": [(at - upload.sent) * 1000 for upload, at in mine if at is not None],
        "unanswered": sum(at is None for _, at in found),
        "cpu_share": window.cpu_share,
        "rate": rate,
    }


async def mixed(plan: dict[str, Any]) -> dict[str, Any]:
    """GET /health/live and uploads in an open loop, without their results: the milliseconds of each kind."""
    target, window = Target(plan), Window(plan)
    times: dict[str, list[float]] = {"live": [], "upload": []}
    refused = 0

    async def one(kind: str, at: float) -> None:
        nonlocal refused
        accepted = await target.live() if kind == "live" else await target.upload(at)
        if accepted:
            times[kind].append((time.monotonic() - at) * 1000)
        else:
            refused += 1

    begin = time.monotonic() + 0.1
    moments = sorted(
        (after, kind)
        for number, kind in enumerate(times)
        for after in arrivals.arrivals(plan[f"{kind}_rate"], plan["seconds"], plan["seed"] + number)
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(window.run(0.0))
        for after, kind in moments:
            await asyncio.sleep(begin + after - time.monotonic())
            group.create_task(one(kind, begin + after))
    return {"times": times, "refused": refused, "cpu_share": window.cpu_share}


async def batch(plan: dict[str, Any]) -> dict[str, Any]:
    """So many uploads by the clients, as fast as they are accepted. One that is not is tried again. Then their results,
    until for `patience_seconds` neither an upload was accepted nor a result came. It prints a line `ended N` when that
    number grows."""
    target, watch = Target(plan), Watch([Path(one) for one in plan["folders"]], plan["renditions"])
    uploads: list[Upload] = []
    left = plan["uploads"]

    async def client() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            while (upload := await target.upload(time.monotonic())) is None:
                await asyncio.sleep(RETRY_SECONDS)
            uploads.append(upload)

    sending = asyncio.gather(*(client() for _ in range(plan["clients"])))
    ended, accepted, changed = 0, 0, time.monotonic()
    while time.monotonic() < changed + plan["patience_seconds"] and not (sending.done() and ended == len(uploads)):
        await asyncio.sleep(LOOK_SECONDS)
        now = sum(upload.job in watch.appearances.ended for upload in uploads)
        if now != ended:
            print(f"ended {now}", flush=True)
        if (now, len(uploads)) != (ended, accepted):
            ended, accepted, changed = now, len(uploads), time.monotonic()
    sending.cancel()
    lost = [upload.job for upload in uploads if upload.job not in watch.appearances.ended]
    return {"accepted": [upload.job for upload in uploads], "lost": lost}


KINDS = {"closed": closed, "open": opened, "mixed": mixed, "batch": batch}

if __name__ == "__main__":
    asked = json.loads(sys.stdin.readline())
    gc.freeze()
    print(json.dumps(asyncio.run(KINDS[asked["kind"]](asked))), flush=True)
