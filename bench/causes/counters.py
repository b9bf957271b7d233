"""What the kernel has counted for the processes of one role. Reads /proc; knows no cluster."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bench.parts.processes import cpu_ms

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


class Counted(NamedTuple):
    """Sums over the processes of a role: CPU milliseconds, the system's part of them (to 10 ms each), how often a
    thread waited for something (`waits`) and lost its core (`losses`), and bytes of read() and write(), which do not
    count those of sockets' own calls."""

    cpu_ms: float = 0.0
    system_ms: float = 0.0
    waits: float = 0.0
    losses: float = 0.0
    bytes_read: float = 0.0
    bytes_written: float = 0.0

    def less(self, before: "Counted", jobs: int) -> "Counted":
        """What came since `before`, for each of so many jobs."""
        return Counted(*((now - then) / jobs for now, then in zip(self, before, strict=True)))


def counted(pids: Iterable[int]) -> Counted:
    """The counters of these processes now. One that is gone counts nothing."""
    return Counted(*map(sum, zip(*(_of(pid) for pid in pids), strict=True))) if (pids := [*pids]) else Counted()


def _of(pid: int) -> Counted:
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        switches = [_fields(task / "status") for task in Path(f"/proc/{pid}/task").iterdir()]
        moved = _fields(Path(f"/proc/{pid}/io"))
        return Counted(
            cpu_ms(pid),
            int(stat[12]) * _TICK_MS,
            sum(each["voluntary_ctxt_switches"] for each in switches),
            sum(each["nonvoluntary_ctxt_switches"] for each in switches),
            moved["rchar"],
            moved["wchar"],
        )
    return Counted()


def _fields(path: Path) -> dict[str, int]:
    """The whole numbers of a file of lines `name: value`."""
    pairs = (line.partition(":")[::2] for line in path.read_text().splitlines())
    return {name: int(value) for name, value in pairs if value.strip().isdigit()}
