"""One web process without sockets or threads: memory stores, the real dispatcher that answers at once, ASGI."""

import asyncio
import logging
import struct
import time
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import msgspec

from broker.config import policy_of
from host.files.tenants import read_tenants
from host.process.threads import T, Threads, tried
from host.settings.settings import Settings
from jobs import wire
from jobs.access import keys
from jobs.access.grants import UploadGrant, sign
from jobs.job import Rendition
from jobs.recipes.presets import Recipes, load_presets
from jobs.tenants import running_max_of
from jobs.wire import FromWeb
from stores.blobs.memory import MemoryBlobs
from stores.ledger import LedgerReader
from stores.ledger.memory import MemoryLedger
from tests.support.api.http import judge_answer
from tests.support.harnesses.web_broker import WebBroker, rendition_of
from tests.support.patience import stretched
from web.access.parts import Web
from web.app import build
from web.broker.changes import ChangeFeed
from web.broker.reads import InThreads, OnLoop, Reads
from web.broker.requests import Requests
from web.metrics.counts import Counts
from web.metrics.families import layout
from web.routes import TITLES
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


def reads_of(ledger: LedgerReader, lists: LedgerReader | None = None) -> Reads:
    """Reads of a ledger as web has those of the embedded one; long ones from `lists`, if given."""
    long = InThreads(lambda: lists or ledger, Inline(), "lists", logging.getLogger("web"))
    return Reads(OnLoop(ledger), long, long)


class WebHarness:
    """A web process and the broker's core. Both have `settings`, and one clock: `now` stands still, but for what a test
    adds and a thousandth of a second for each turn of the broker.

    The broker does nothing wrong by itself. A test turns off `takes`, `works`, `answers` or `tells` where it wants a
    fault between the two.
    """

    def __init__(self, **settings: Any) -> None:
        given = Settings(**{"accept_seconds": 0.2, "disk_free_bytes_min": 0} | settings)
        self.ledger, self.blobs, self.hub = MemoryLedger(), MemoryBlobs(), Hub()
        self.takes = True
        """Off: web's socket takes nothing."""
        self.works = True
        """Off: the broker reads nothing, and never will."""
        self.answers = True
        """Off: acknowledgements are lost."""
        self.tells = True
        """Off: changes and beats are lost."""
        self._instead: dict[str, Any] = {}
        limits = read_tenants(given.tenants)
        self.broker = WebBroker(policy_of(given, limits), self.ledger, time.time(), self._received)
        self.feed = ChangeFeed(self.hub, lambda: self.now, running_max_of(limits))
        self.sent: list[FromWeb] = []
        self.requests = Requests(self._send)
        self.web = Web(
            settings=given,
            id="w1",
            recipes=Recipes(load_presets(PRESETS), {}),
            keys=keys.parse(str(settings.get("api_keys", ""))),
            key_secret=b"k" * 32,
            session_secret=b"s" * 32,
            grant_secrets=(b"g" * 32, b"h" * 32),
            receipt_secrets=(b"r" * 32,),
            blobs=self.blobs,
            reads=reads_of(self.ledger),
            requests=self.requests,
            feed=self.feed,
            hub=self.hub,
            log=logging.getLogger("web"),
            blob_threads=Inline(),
            write_threads=Inline(),
            limits=limits,
        )
        if given.metrics:
            laid = layout(TITLES)
            cells = [0] * laid.size
            self.web.counts = Counts(laid, cells, lambda: [(cells, True)])
        self.app = build(self.web)
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app), base_url=BASE, event_hooks={"response": [_is_told]}
        )

    @property
    def now(self) -> float:
        """Monotonic seconds, as broker and web have them."""
        return self.broker.now

    @now.setter
    def now(self, now: float) -> None:
        self.broker.now = now

    def _send(self, frame: bytes) -> bool:
        if self.takes:
            self.sent.append(wire.from_web.decode(frame))
            if self.works:
                self.broker.handle(frame)
        return self.takes

    def _received(self, topic: bytes, frame: bytes) -> None:
        """What the broker publishes, as far as this process subscribes to it."""
        message = wire.to_web.decode(frame)
        if topic == wire.acks_topic(self.web.id):
            if self.answers:
                asyncio.get_running_loop().call_soon(self.requests.received_acks, message.epoch, message.acks)
        elif self.tells and topic == wire.CHANGES_TOPIC:
            self.feed.received_changes(message)
        elif self.tells and topic == wire.BEAT_TOPIC:
            self.feed.received_beat(msgspec.structs.replace(message, **self._instead))

    def restart_broker(self) -> None:
        """Another broker starts on the ledger, and says Hello."""
        self.broker.restart()
        self.requests.received_hello(self.broker.epoch)

    def beat(self, **instead: Any) -> None:
        """The broker's next beat is heard. `instead`: fields that it says in place of the broker's, where no small
        set-up could make them."""
        self._instead = instead
        self.broker.beat()
        self._instead = {}

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

    def publish(self, job: str, data: bytes = b"pixels", name: str = "thumb") -> Rendition:
        """A rendition of these bytes lands, and `job` runs on."""
        rendition = rendition_of(job, name, data)
        self.blobs.put(rendition.blob, data)
        self.broker.publish(job, rendition)
        return rendition

    def finish(self, job: str, data: bytes = b"pixels", name: str = "thumb") -> Rendition:
        """End `job` well, with one rendition of these bytes."""
        rendition = self.publish(job, data, name)
        self.broker.finish(job, [rendition])
        return rendition


async def _is_told(response: httpx2.Response) -> None:
    """Every answer is one that /openapi.json tells of."""
    kind = response.headers.get("content-type", "")
    body = await response.aread() if "json" in kind else b""
    asked = response.request
    judge_answer(asked.method, asked.url.path, response.status_code, response.headers, body)


def serve(scenario: Callable[[WebHarness], Awaitable[None]], **settings: Any) -> None:
    """Run one scenario on a harness of its own, within 10 s of an idle machine."""
    seconds = stretched(10.0)

    async def whole() -> None:
        harness = WebHarness(**settings)
        async with asyncio.timeout(seconds), harness.client:
            await scenario(harness)

    asyncio.run(whole())


async def turns(count: int = 5) -> None:
    """Let everything run that is ready to."""
    for _ in range(count):
        await asyncio.sleep(0)


def granted(harness: WebHarness, **fields: Any) -> dict[str, str]:
    """The header of a grant of acme's: five PNGs of 1,000 bytes by `default`."""
    given = {"id": "u" * 16, "tenant": "acme", "preset": "default", "bytes_max": 1000, "count": 5}
    grant = UploadGrant(**given | {"expires_at": int(time.time()) + 60} | fields)  # type: ignore[arg-type]
    return {"Authorization": f"Bearer {sign(harness.web.grant_secrets[0], grant)}"}
