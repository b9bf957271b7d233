"""How much each worker's connection, and each machine's key, may send: what is over that is not even decoded.

Owns the budgets, and who is over them. Pure: knows no socket, no message and no clock.

A frame costs its sender time, like a call by the minute. Time passes for everybody alike, so a sender of less than its
rate owes nothing. Who owes more than a burst is over the budget, until all is paid back. Frames that come meanwhile
cost too, up to a bound: so who goes on sending is heard no more, and who stops is heard again after a while.
"""

from enum import Enum, auto

FRAMES_PER_SECOND = 4000
"""Of one worker. A worker whose jobs end within 2 ms each, and share no message, sends 500: it is one process, and one
decoder works at a time. Stub workers that do nothing at all sent 565 a second here, with CAPACITY 1, when the broker
made 935 jobs a second (bench.dispatch on a loaded machine); 7,000 jobs a second were 2,500 frames each."""
BYTES_PER_SECOND = 2 * 1024 * 1024
"""Of one worker, beside the frames. A Finish with 16 renditions has 5 KB, and these take the disk 10 ms: 0.5 MB a
second. Stub workers sent 0.24 MB a second, with CAPACITY 64."""
KEY_RATE = 4
"""All workers of a key may send as much as this number of them in full: 16,000 frames or 8 MiB a second. A broker
makes at most 38,000 jobs a second, of all machines, and a worker with many short jobs tells the ends of several in one
frame."""
BURST_SECONDS = 5.0
"""So much may come at once: 20,000 frames or 10 MiB. It is more than what a worker with 4,000 leases answers after a
pause, and than two of the longest frames."""
DEBT_SECONDS = 2.0
"""Who is over the budget owes at most this much more."""
SENDERS_MAX = 20_000
"""Senders whose debts are known. All others share one budget: so many connections are of no worker of ours."""
SWEEP_SECONDS = 1.0
"""Between two looks for senders that owe nothing any more."""
OTHERS = b""


class Verdict(Enum):
    """What to do with a frame."""

    READ = auto()
    PART = auto()
    """Leave it unread, and give its sender up: it is the first one over the budget."""
    DROP = auto()
    """Leave it unread: its sender was given up before."""


class Budget:
    """What a kind of senders may send: `rate` times that of one worker. `over`: those who owe more than a burst, until
    they owe nothing."""

    def __init__(self, rate: float) -> None:
        self._frame, self._byte = 1 / (rate * FRAMES_PER_SECOND), 1 / (rate * BYTES_PER_SECOND)
        self._paid_at: dict[bytes, float] = {}
        """When (monotonic seconds) each sender owes nothing, if it sends nothing more."""
        self._swept_at = 0.0
        self.over: set[bytes] = set()

    def spend(self, sender: bytes, size: int, now: float) -> bool:
        """Take the cost of a frame of `size` bytes. Returns whether its sender is within the budget."""
        paid_at = self._paid_at.get(sender)
        if paid_at is None and len(self._paid_at) >= SENDERS_MAX:
            sender = self._place(sender, now)
            paid_at = self._paid_at.get(sender)
        if paid_at is None or paid_at <= now:
            paid_at = now
            self.over.discard(sender)
        paid_at += self._frame + size * self._byte
        if paid_at > now + BURST_SECONDS:
            self.over.add(sender)
        self._paid_at[sender] = min(paid_at, now + BURST_SECONDS + DEBT_SECONDS)
        return sender not in self.over

    def _place(self, sender: bytes, now: float) -> bytes:
        """Make room for one more sender; OTHERS if there is none."""
        if now >= self._swept_at + SWEEP_SECONDS:
            self._swept_at = now
            self._paid_at = {each: paid_at for each, paid_at in self._paid_at.items() if paid_at > now}
            self.over &= self._paid_at.keys()
        return sender if len(self._paid_at) < SENDERS_MAX else OTHERS


class Budgets:
    """The budgets of all workers' connections, and of the keys that authenticated them."""

    def __init__(self) -> None:
        self._peers, self._keys = Budget(1.0), Budget(KEY_RATE)
        self._parted: set[bytes] = set()

    def judge(self, peer: bytes, key: bytes | None, size: int, now: float) -> Verdict:
        """What to do with a frame of `size` bytes from `peer`, that came at monotonic time `now`."""
        within = self._peers.spend(peer, size, now)
        if key is not None:
            within = self._keys.spend(key, size, now) and within
        if within:
            self._parted.discard(peer)
            return Verdict.READ
        if peer in self._parted:
            return Verdict.DROP
        if len(self._parted) < SENDERS_MAX:
            self._parted.add(peer)
        return Verdict.PART
