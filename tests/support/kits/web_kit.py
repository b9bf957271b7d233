"""One web process without sockets or threads: memory stores, a toy broker that answers at once, ASGI."""

import asyncio
import hashlib
import logging
import struct
import time
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

from host.process.threads import T, Threads, tried
from host.settings.settings import Settings
from jobs import wire
from jobs.access import keys
from jobs.access.grants import UploadGrant, sign
from jobs.job import Rendition, State
from jobs.recipes.presets import Recipes, load_presets
from jobs.wire import Ack, FromWeb
from stores.blobs.memory import MemoryBlobs
from stores.ledger.memory import MemoryLedger
from tests.support.kits.toy_broker import ToyBroker
from web.access.parts import Web
from web.app import build
from web.broker.changes import Results
from web.broker.requests import Requests
from web.streams.hub import Hub

BASE = "http://localhost:3000"
PRESETS = """
[[presets.default.renditions]]
name = "thumb"
width = 32
format = "jpeg"
[[presets.other.renditions]]
name = "large"
width = 64
"""


def png(width: int = 4, height: int = 3, filler: bytes = b"") -> bytes:
    """The first bytes of a PNG of these sides: as much of an image as web ever looks at."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + filler


class Inline(Threads):
    """Does what it is given at once."""

    def __init__(self) -> None:
        super().__init__(0, "")

    def do(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        loop.call_soon(self._done, future, tried(future, work))
        return future


class Kit:
    """`answers` off: the broker commits but its acknowledgements are lost. `takes` off: the socket takes nothing."""

    def __init__(self, **settings: Any) -> None:
        self.ledger, self.blobs, self.hub = MemoryLedger(), MemoryBlobs(), Hub()
        self.now = 1000.0
        self.results = Results(self.hub, lambda: self.now)
        self.toy = ToyBroker(self.ledger, self.results.heard_changes)
        self.answers = self.takes = self.works = True
        self.sent: list[FromWeb] = []
        self.requests = Requests(self._send)
        self.web = Web(
            settings=Settings(**{"accept_seconds": 0.2, "disk_free_bytes_min": 0} | settings),
            id="w1",
            recipes=Recipes(load_presets(PRESETS), {}),
            keys=keys.parse(str(settings.get("api_keys", ""))),
            key_secret=b"k" * 32,
            session_secret=b"s" * 32,
            grant_secrets=(b"g" * 32, b"h" * 32),
            receipt_secrets=(b"r" * 32,),
            blobs=self.blobs,
            reader=self.ledger,
            lists=self.ledger,
            requests=self.requests,
            results=self.results,
            hub=self.hub,
            log=logging.getLogger("web"),
            blob_threads=Inline(),
            write_threads=Inline(),
            list_thread=Inline(),
        )
        self.app = build(self.web)
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url=BASE)

    def _send(self, frame: bytes) -> bool:
        if self.takes:
            message = wire.from_web.decode(frame)
            self.sent.append(message)
            if self.works:
                ack: Ack = self.toy.handle(message)
                if self.answers:
                    asyncio.get_running_loop().call_soon(self.requests.received, self.toy.epoch, [ack])
        return self.takes

    async def upload(self, *images: bytes, headers: dict[str, str] | None = None, **fields: str) -> httpx2.Response:
        """POST /upload of these images (one PNG, if none is given), named 0.png and on."""
        files = [("image", (f"{index}.png", image)) for index, image in enumerate(images or (png(),))]
        return await self.client.post("/upload", files=files, data=fields, headers=headers)

    async def accepted(self, *images: bytes, **fields: str) -> str:
        """The id of the (first) job of an accepted upload."""
        response = await self.upload(*images, headers=None, **fields)
        assert response.status_code == 202, response.text
        job: str = response.json()["jobs"][0]["id"]
        return job

    def finish(self, job: str, data: bytes = b"pixels", name: str = "thumb") -> Rendition:
        """End `job` well, with one rendition of these bytes."""
        blob = f"processed/{job[-2:]}/{job}.{name}.00000000.jpg"
        self.blobs.put(blob, data)
        rendition = Rendition(name, blob, "jpeg", 32, 24, len(data), digest(data), None, ("delays",))
        self.toy.update(job, State.DONE, renditions=[rendition])
        return rendition


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def serve(scenario: Callable[[Kit], Awaitable[None]], **settings: Any) -> None:
    """Run one scenario on a kit of its own, within 10 s."""

    async def whole() -> None:
        kit = Kit(**settings)
        async with asyncio.timeout(10), kit.client:
            await scenario(kit)

    asyncio.run(whole())


async def turns(count: int = 5) -> None:
    """Let everything run that is ready to."""
    for _ in range(count):
        await asyncio.sleep(0)


def granted(kit: Kit, **fields: Any) -> dict[str, str]:
    """The header of a grant of acme's: five PNGs of 1,000 bytes by `default`."""
    given = {"id": "u" * 16, "tenant": "acme", "preset": "default", "bytes_max": 1000, "count": 5}
    grant = UploadGrant(**given | {"expires_at": int(time.time()) + 60} | fields)  # type: ignore[arg-type]
    return {"Authorization": f"Bearer {sign(kit.web.grant_secrets[0], grant)}"}
