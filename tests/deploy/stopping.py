"""The longest time that a stop takes: every process works until it is killed."""

from signal import SIGKILL

from host.settings.settings import Settings
from supervisor.core.fleet import Done, Fleet, Signal

STOP_SECONDS = 45.0
"""Seconds from the stop signal to the kill, in every manifest."""


def longest_stop(drain_seconds: float = Settings().drain_seconds) -> float:
    """Seconds from SIGTERM to the end of a supervisor whose processes all need to be killed."""
    fleet = Fleet(2, 2, 2, drain_seconds, hang_seconds=20.0)
    fleet.settle(0.0)
    for child in fleet.children():
        fleet.became_ready(child.number, 0.0)
    fleet.stop_requested(0.0)
    now = 0.0
    while Done("stop", complete=True) not in (effects := fleet.settle(now)):
        killed = [effect.child for effect in effects if isinstance(effect, Signal) and effect.signal == SIGKILL]
        for number in killed:
            fleet.exited(number, -SIGKILL, now)
        now = now if killed else fleet.deadline(now)
    return now
