"""The CPU time and the memory of a contender: all processes that descend from its roots, with those that have ended.

The sums are pure; `look` and `memory_mb` read /proc. A process counts its own user and system time, and that of the
children that it has reaped. So a sum over a living family loses nothing while each child is reaped in it.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    """A line of /proc/PID/stat: ticks are user and system time, its own and that of its reaped children."""

    pid: int
    parent: int
    state: str
    ticks: int


def parsed(stat: str) -> Process:
    """Of the text of /proc/PID/stat, whose second field may hold anything in brackets."""
    before, _, rest = stat.rpartition(")")
    fields = rest.split()
    return Process(int(before.partition(" ")[0]), int(fields[1]), fields[0], sum(map(int, fields[11:15])))


def family(processes: Iterable[Process], roots: Iterable[int]) -> list[Process]:
    """The roots and all that descend from them, zombies too, in no order."""
    by_parent: dict[int, list[Process]] = {}
    by_pid = {}
    for process in processes:
        by_parent.setdefault(process.parent, []).append(process)
        by_pid[process.pid] = process
    found, next_ones = {}, [by_pid[pid] for pid in roots if pid in by_pid]
    while next_ones:
        process = next_ones.pop()
        if process.pid not in found:
            found[process.pid] = process
            next_ones += by_parent.get(process.pid, [])
    return [*found.values()]


def cpu_ms(processes: Iterable[Process]) -> float:
    """Milliseconds of CPU of these processes."""
    return sum(process.ticks for process in processes) * 1000 / _TICKS


def pss_mb(rollup: str) -> float:
    """The proportional set size in MB (10^6 bytes), of the text of /proc/PID/smaps_rollup: a page that n processes
    share counts one n-th for each of them. 0 without that line."""
    lines = [line.split() for line in rollup.splitlines() if line.startswith("Pss:")]
    return int(lines[0][1]) * 1024 / 1e6 if lines else 0.0


def look() -> list[Process]:
    """All processes of this machine."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                found.append(parsed(Path(f"/proc/{entry}/stat").read_text()))
    return found


def memory_mb(pids: Iterable[int]) -> float:
    """Megabytes that these processes hold now."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += pss_mb(Path(f"/proc/{pid}/smaps_rollup").read_text())
    return total
