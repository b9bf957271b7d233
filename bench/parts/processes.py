"""CPU time and memory of a cluster's processes.

/proc/PID/stat counts in hundredths of a second. The kernel's CPU clock of a process (clock_getcpuclockid(3)) counts
nanoseconds of all its threads, also of ended ones. Reaped children are only in their parent's stat.
"""

import contextlib
import os
import time
from pathlib import Path

import psutil

from tests.support.clusters.cluster import Cluster

_TICKS = os.sysconf("SC_CLK_TCK")
ROLES = ("web", "broker", "keeper", "nursery", "decoder", "supervisor")


def cpu_ms(pid: int) -> float:
    """User and system milliseconds of a process and of its reaped children; 0 of one that is gone."""
    with contextlib.suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        reaped = (int(stat[13]) + int(stat[14])) / _TICKS
        return (time.clock_gettime(~pid << 3 | 2) + reaped) * 1000
    return 0.0


def servers_cpu_ms() -> float:
    """The same of all PostgreSQL servers that this process started; 0 if there are none."""
    servers = [child for child in psutil.Process().children() if child.name() == "postgres"]
    return sum(cpu_ms(one.pid) for server in servers for one in (server, *server.children()))


def memory_mb(pid: int, name: str) -> float:
    """A field of /proc/PID/status (VmRSS, VmHWM) in MB (10^6 bytes)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":")) * 1024 / 1e6


def family(cluster: Cluster) -> dict[str, list[int]]:
    """The cluster's processes by role."""
    assert cluster.supervisor is not None
    keepers = cluster.pids("worker")
    return {
        "web": cluster.pids("web"),
        "broker": cluster.pids("broker"),
        "keeper": keepers,
        "nursery": [nursery for keeper in keepers for nursery in cluster.nurseries(keeper)],
        "decoder": [decoder for keeper in keepers for decoder in cluster.decoders(keeper)],
        "supervisor": [cluster.supervisor.pid],
    }


def cpu_by_role(cluster: Cluster) -> dict[str, float]:
    """CPU milliseconds of each role's processes. A replaced decoder counts for its nursery."""
    return {role: sum(map(cpu_ms, pids)) for role, pids in family(cluster).items()}
