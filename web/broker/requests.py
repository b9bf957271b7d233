"""Requests to the broker that have no acknowledgement yet, and how long to wait for one. The proof of a Submit
is its committed row; an acknowledgement only wakes the waiting request.

Knows no socket: web/broker/link.py carries the frames in both directions.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jobs import wire
from jobs.errors import PixmillError
from jobs.limits import UNACKNOWLEDGED_MAX
from jobs.wire import Ack, FromWeb

Look = Callable[[], Awaitable[Ack | None]]
LOOK_SECONDS = 1.0
"""A request that waits for an acknowledgement looks into the ledger this often: the message itself may be lost."""


class NotPromised(PixmillError):
    """Not promised (503), which does not mean not done: `members` name the jobs that may still be accepted.
    `retry_seconds`: the time after which a retry may succeed, if that is known."""

    code = "broker_silent"

    def __init__(self, detail: str, *, code: str | None = None, **members: object) -> None:
        super().__init__(detail, code=code)
        self.members = members
        self.retry_seconds: int | None = None


class Answer(NamedTuple):
    """`repeated`: the request was sent more than once; another copy may still arrive and be decided differently."""

    ack: Ack
    repeated: bool


@dataclass(slots=True)
class Requests:
    """Each request is sent until its acknowledgement is received or its caller gives up; the broker makes repeats
    harmless.

    `send` takes a frame, or returns False where it cannot now: it is then offered again by `flush`.
    """

    send: Callable[[bytes], bool] = lambda _frame: False
    _frames: dict[str, bytes] = field(default_factory=dict)
    _acks: dict[str, asyncio.Future[Ack]] = field(default_factory=dict)
    _unsent: dict[str, None] = field(default_factory=dict)
    _repeated: set[str] = field(default_factory=set)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _epoch: int = 0

    def name(self) -> str:
        """A fresh request id, unique in this web process."""
        return str(next(self._numbers))

    @property
    def full(self) -> bool:
        """Whether there are as many unacknowledged requests as are allowed."""
        return len(self._frames) >= UNACKNOWLEDGED_MAX

    async def settle(self, message: FromWeb, look: Look, seconds: float) -> Answer:
        """Send `message` and wait for its acknowledgement. Each LOOK_SECONDS, `look` may find one in the ledger
        instead.

        Raises NotPromised `queue_full` (nothing was sent) or, after `seconds`, `broker_silent`.
        """
        if self.full:
            raise NotPromised(f"{UNACKNOWLEDGED_MAX} requests wait for the broker already", code="queue_full")
        loop = asyncio.get_running_loop()
        ack = loop.create_future()
        self._frames[message.request] = wire.encode(message)
        self._acks[message.request] = ack
        self._unsent[message.request] = None
        try:
            self.flush()
            left = seconds
            while left > 0:
                await asyncio.wait([ack], timeout=min(left, LOOK_SECONDS))
                looked_at = loop.time()
                if answer := ack.result() if ack.done() else await _first_of(ack, look):
                    return Answer(answer, message.request in self._repeated)
                left -= LOOK_SECONDS + loop.time() - looked_at
        finally:
            self._forget(message.request)
            self._repeated.discard(message.request)
        raise NotPromised(f"the broker has not answered for {seconds:g} s")

    def flush(self) -> None:
        """Send unsent requests, as many as the socket takes."""
        while self._unsent:
            request = next(iter(self._unsent))
            if not self.send(self._frames[request]):
                return
            del self._unsent[request]

    def received_hello(self, epoch: int) -> None:
        """The broker is there, and its acknowledgements reach us from now on: send all open requests again."""
        self._epoch = epoch
        self._repeated.update(self._frames.keys() - self._unsent.keys())
        self._unsent = dict.fromkeys(self._frames)
        self.flush()

    def received_acks(self, epoch: int, acks: list[Ack]) -> None:
        """Acknowledgements came. If they are from a new epoch, whose Hello did not come yet, send the other requests
        again."""
        for ack in acks:
            if waiting := self._acks.get(ack.request):
                waiting.set_result(ack)
            self._forget(ack.request)
        if epoch > self._epoch:
            self.received_hello(epoch)

    def _forget(self, request: str) -> None:
        self._frames.pop(request, None)
        self._acks.pop(request, None)
        self._unsent.pop(request, None)


async def nowhere() -> None:
    """A `look` for requests of which the ledger tells nothing."""


async def _first_of(ack: "asyncio.Future[Ack]", look: Look) -> Ack | None:
    """What `look` finds; or the acknowledgement, if that comes while it looks."""
    looking: asyncio.Future[Ack | None] = asyncio.ensure_future(look())
    both: set[asyncio.Future[Any]] = {ack, looking}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        return ack.result() if ack.done() else looking.result()
    finally:
        looking.cancel()
