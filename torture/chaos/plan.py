"""The plan of faults: which process is hit, how, and after which pause. A pure function of a seed. And the pace of jobs
and faults.

Knows no process and no clock.
"""

import random
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """How a process is hit."""

    KILL = "SIGKILL"
    STOP_SHORT = "SIGSTOP, shorter than silence"
    STOP_LONG = "SIGSTOP, longer than silence"
    TERM = "SIGTERM"
    RESTART = "supervisor restart"


SUPERVISOR, BROKER, WEB, KEEPER, NURSERY, DECODER = "supervisor", "broker", "web", "keeper", "nursery", "decoder"

KILLED = {DECODER: 30, KEEPER: 25, BROKER: 15, WEB: 15, NURSERY: 13, SUPERVISOR: 2}
"""Shares of the SIGKILLs, in percent. Each target gets at least one."""
OTHERWISE = [
    (Kind.STOP_SHORT, BROKER, 2), (Kind.STOP_LONG, BROKER, 1), (Kind.STOP_SHORT, WEB, 2), (Kind.STOP_LONG, WEB, 2),
    (Kind.STOP_SHORT, KEEPER, 2), (Kind.STOP_LONG, KEEPER, 4), (Kind.STOP_SHORT, NURSERY, 1),
    (Kind.STOP_LONG, DECODER, 2), (Kind.STOP_SHORT, SUPERVISOR, 1), (Kind.TERM, BROKER, 2), (Kind.TERM, WEB, 3),
    (Kind.TERM, KEEPER, 4), (Kind.TERM, SUPERVISOR, 1), (Kind.RESTART, SUPERVISOR, 1),
]  # fmt: skip
"""The other faults, with their weights. There is one of these for every two SIGKILLs."""
OTHERWISE_SHARE = 0.5
LAST = (NURSERY, DECODER, KEEPER)
"""These are killed last. If the loss of one strands a job, a later restart of the broker would rescue it, and hide the
bug."""
GAP_SECONDS = (0.05, 1.0)
"""Pauses between faults. Short ones hit the recovery from the last fault, most let the cluster work."""
SHORT, LONG = (0.05, 0.8), (1.2, 2.5)
"""The length of a stop, in multiples of SILENCE_SECONDS."""


class Fault(NamedTuple):
    """One fault. `pick` (0 to 1) chooses among several processes. `stop_seconds`: for a stop, else 0."""

    gap_seconds: float
    kind: Kind
    target: str
    pick: float
    stop_seconds: float


def plan(seed: int, kills: int, silence_seconds: float) -> list[Fault]:
    """`kills` SIGKILLs and half as many other faults, in an order that the seed draws."""
    drawn = random.Random(seed)
    targets = [target for target, share in KILLED.items() for _ in range(max(1, kills * share // 100))]
    targets = (targets[::-1] + [DECODER] * kills)[:kills]
    faults = [(Kind.KILL, target) for target in targets]
    weights = [weight for *_, weight in OTHERWISE]
    chosen = drawn.choices(OTHERWISE, weights, k=int(kills * OTHERWISE_SHARE))
    faults += [(kind, target) for kind, target, _ in chosen]
    drawn.shuffle(faults)
    faults = _with_last(faults, [(Kind.KILL, target) for target in LAST])
    return [
        Fault(drawn.uniform(*GAP_SECONDS), kind, target, drawn.random(), _length(drawn, kind) * silence_seconds)
        for kind, target in faults
    ]


def _with_last(faults: list[tuple[Kind, str]], last: list[tuple[Kind, str]]) -> list[tuple[Kind, str]]:
    for fault in last:
        faults.remove(fault)
    return faults + last


def _length(drawn: random.Random, kind: Kind) -> float:
    if kind is Kind.STOP_SHORT:
        return drawn.uniform(*SHORT)
    return drawn.uniform(*LONG) if kind is Kind.STOP_LONG else 0.0


class Pace:
    """Keeps jobs and faults at the same pace, so that neither ends long before the other, and bounds the backlog.

    `sent`, `ended` and `injected` count what has happened. Others set them.
    """

    AHEAD = 10
    """How far one side may be ahead of the other, in faults."""
    BACKLOG = 4000
    """Limit of jobs that have not ended. It is above the broker's window, so that lanes are refilled."""

    def __init__(self, jobs: int, faults: int) -> None:
        self.jobs, self.faults = jobs, faults
        self.sent = self.ended = self.injected = 0

    def may_send(self) -> bool:
        """Whether the next upload may go."""
        even = self.jobs * (self.injected + self.AHEAD) >= self.sent * self.faults
        return (even or self.injected >= self.faults) and self.sent - self.ended < self.BACKLOG

    def may_inject(self) -> bool:
        """Whether enough has ended for the next fault."""
        return self.ended * self.faults >= self.jobs * (self.injected - self.AHEAD)
