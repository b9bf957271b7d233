"""The facts that every holder of leases hears, in the past tense. Pure data."""

from typing import Any

import msgspec


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One of them; the kinds of holders have more."""


class Connected(Fact, frozen=True):
    """A connection to the broker stands, the first or another one."""


class Disconnected(Fact, frozen=True):
    """The connection broke, or a message could not be sent: sent messages may be lost."""


class Received(Fact, frozen=True):
    """The broker said `message` (one of jobs.wire.ToWorker)."""

    message: Any


class DrainRequested(Fact, frozen=True):
    """Whoever started this process wants it to finish what it holds and end."""


class LeaveRequested(Fact, frozen=True):
    """Whoever started this process wants it to give back what it holds and end at once."""
