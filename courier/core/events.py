"""The fact that only a courier hears, and its effects: the data between core and loop. Pure data."""

from typing import Any

import msgspec

from jobs.session.events import Connected, Disconnected, DrainRequested, Fact, LeaveRequested, Received
from jobs.wire import Attempted, Delivery, Failure, LeaseRef, Source, SourceFetched

__all__ = ["CallEnded", "Connected", "Disconnected", "DrainRequested", "Effects", "LeaveRequested", "Received"]
CallResult = Attempted | SourceFetched | Failure


class CallEnded(Fact, frozen=True):
    """A call ended, in this way."""

    result: CallResult


class Effects(msgspec.Struct):
    """What the session wants done, in this order of fields.

    `kill`: end these calls, and hand in no result. `sends`: at most one message of each type. `begin`: begin these
    calls. `reconnect`: open fresh sockets. `leave`: end the process, sending first.
    """

    kill: list[LeaseRef]
    sends: list[Any]
    begin: list[Delivery | Source]
    reconnect: bool
    leave: bool
