"""Sends a hundred thousand mutated requests to a real web process. It must answer no 5xx except 503, log no error, and
serve as before afterwards.

Each request is a mutant of a valid request to one of the routes, and has its own connection.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.parts.report import close, table
from tests.support.clusters.cluster import Cluster
from tests.support.harnesses.web_harness import png
from torture.mutants import Mutator
from web.routes import ROUTES

REQUESTS = 100_000
SEED = 1
AT_ONCE = 48
PATIENCE_SECONDS = 0.5
"""How long to wait for an answer. None comes to a request that was cut, or that asks to wait."""
BOUNDARY = "f00d"
NAMES = ("a.png", "../../etc/passwd", "\u202egnp.exe", "x" * 10_240, "a\\b", 'a"b', "a%0d%0aX: y", "\ufffd\u0301", "")
HEADERS = (
    "Idempotency-Key: k", "Content-Digest: sha-256=:AAAA:", "Prefer: wait=0", "Range: bytes=0-3", "Last-Event-ID: 3",
    "If-None-Match: *", "Origin: http://localhost", "Expect: 100-continue", "Transfer-Encoding: chunked",
    "Content-Length: 3", "Connection: upgrade", "Upgrade: h2c", "Authorization: Bearer x", "Cookie: a=b",
    "Accept-Encoding: gzip", "X-Forwarded-For: 1.2.3.4", "Host: localhost",
)  # fmt: skip
VALUES = (
    "", "1", "-1", "99999999999999999999", "nan", "inf", "queued", "undecodable", "default", "true", "%00", "%ff", "*",
    "../..", '{"renditions":[{"name":"a","width":8}]}', "[[[[[[[[[[", "{}", "\u202e", "x" * 3000,
)  # fmt: skip


class Requests:
    """Makes requests to each route, with odd parts now and then, mutated or not."""

    def __init__(self, seed: int, jobs: list[str]) -> None:
        self._random, self._jobs = random.Random(seed), jobs

    def next(self) -> bytes:
        """One."""
        request = self._good()
        if self._random.random() < 0.4:
            return request
        return Mutator(self._random.getrandbits(64), [request], framed=False).next()

    def _good(self) -> bytes:
        choose = self._random.choice
        route = choose(ROUTES)
        path = route.path.replace("{job}", choose([*self._jobs, "x"])).replace("{batch}", choose(self._jobs))
        path = path.replace("{name}", choose(["thumb", *NAMES])).replace("{incarnation}", "0" * 16)
        names = ("wait", "limit", "after", "state", "preset", "recipe", "purge", "reference", "metadata", "dry_run")
        query = "&".join(f"{choose(names)}={choose(VALUES)}" for _ in range(choose((0, 0, 1, 1, 2))))
        head = [f"{choose(sorted(route.methods or ()))} {path}{query and '?' + query} HTTP/1.1", "Host: localhost"]
        body = self._body(head) if head[0].startswith("POST") else b""
        if body:
            head.append(f"Content-Length: {len(body)}")
        head += self._random.sample(HEADERS, choose((0, 0, 1, 1, 2, 3)))
        return "\r\n".join([*head, "", ""]).encode() + body

    def _body(self, head: list[str]) -> bytes:
        choose = self._random.choice
        kind = self._random.randrange(4)
        if kind == 0:
            head.append("Content-Type: image/png")
            return png(filler=self._random.randbytes(choose((0, 9, 2000))))
        if kind == 1:
            original, value = choose(self._jobs), choose(VALUES)
            return f'{{"original": "{original}", "recipe": {value or 0}, "reference": "{value}"}}'.encode()
        if kind == 2:
            return f'["{choose(VALUES)}", {choose(VALUES) or 0}]'.encode()
        head.append(f"Content-Type: multipart/form-data; boundary={BOUNDARY}")
        return b"".join(self._parts()) + f"--{BOUNDARY}--\r\n".encode()

    def _parts(self) -> Iterator[bytes]:
        choose = self._random.choice
        for _ in range(choose((1, 1, 2, 5))):
            yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="'.encode()
            if self._random.random() < 0.7:
                yield f'image"; filename="{choose(NAMES)}"\r\n\r\n'.encode() + png() + b"\r\n"
            else:
                names = ("preset", "recipe", "reference", "metadata", "priority", "other")
                yield f'{choose(names)}"\r\n\r\n{choose(VALUES)}\r\n'.encode()


class Storm:
    """Sends requests, AT_ONCE at a time, and counts the answers by status. `faults`: the forbidden results."""

    def __init__(self, port: int, requests: Requests, patience_seconds: float) -> None:
        self._port, self._requests, self._patience_seconds = port, requests, patience_seconds
        self.answers: Counter[str] = Counter()
        self.faults: list[tuple[str, bytes]] = []

    def run(self, count: int) -> None:
        """Send `count` of them."""
        asyncio.run(self._run(count))

    async def _run(self, count: int) -> None:
        left = iter(range(count))

        async def one_after_the_other() -> None:
            for _ in left:
                await self._send(self._requests.next())

        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))

    async def _send(self, request: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        answer = b""
        with contextlib.suppress(TimeoutError, OSError):
            writer.write(request)
            async with asyncio.timeout(self._patience_seconds):
                answer = await reader.read(4096)
                while answer.startswith(b"HTTP/1.1 100"):
                    answer = answer.partition(b"\r\n\r\n")[2] or await reader.read(4096)
        writer.transport.abort()
        status = answer[9:12].decode(errors="replace") or "none"
        self.answers[status] += 1
        if (status[0] == "5" and status != "503") or not (status.isdigit() or status == "none"):
            self.faults.append((status, request))


def run(folder: Path, count: int, seed: int, patience_seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
    """Send `count` mutants to a web process of its own. Returns the counts of its answers."""
    cluster = Cluster(folder, workers=0, cache_url="none", log_format="json", disk_free_bytes_min=0, queued_max=10**9)
    try:
        cluster.start()
        jobs = [cluster.upload(png(filler=bytes([number])))["id"] for number in range(5)]
        before = cluster.pids("web")
        storm = Storm(int(cluster.url.rpartition(":")[2]), Requests(seed, jobs), patience_seconds)
        began = time.monotonic()
        storm.run(count)
        seconds = time.monotonic() - began
        served = cluster.upload(png(filler=b"after"))["state"] == "queued" and len(cluster.get("/jobs")["jobs"]) > 0
        errors = [str(line) for line in cluster.lines() if line["level"] in ("error", "critical")]
        errors += [line for line in cluster.log().splitlines() if "Traceback" in line]
        return {
            "requests": count, "seconds": round(seconds, 1), "answers": dict(sorted(storm.answers.items())),
            "same_process": cluster.pids("web") == before, "served_at_the_end": served,
            "faults": storm.faults, "errors": errors,
        }  # fmt: skip
    finally:
        cluster.stop()


def main() -> int:
    """Run, print; 1 if there was a fault."""
    parser = argparse.ArgumentParser(prog="python -m torture.requests", description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        found = run(Path(folder), asked.requests, asked.seed)
    table((f"mutated requests, seed {asked.seed}", ""), [(name, str(value)[:3000]) for name, value in found.items()])
    broken = bool(found["faults"] or found["errors"]) or not (found["same_process"] and found["served_at_the_end"])
    close("requests", {**found, "faults": len(found["faults"]), "errors": len(found["errors"])})
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
