"""The kernel's counters of processes are read, and divided by jobs."""

import os
import subprocess
import sys

from bench.causes.counters import Counted, counted


def test_the_counters_of_a_process_grow_with_what_it_does() -> None:
    before = counted([os.getpid()])
    subprocess.run([sys.executable, "-c", ""], check=True)  # to wait for it
    with open("/proc/self/maps", "rb") as file:
        size = len(file.read())
    more = counted([os.getpid()]).less(before, 1)
    assert more.waits >= 1
    assert more.bytes_read >= size > 0
    assert more.cpu_ms > 0


def test_they_are_summed_over_processes_and_divided_by_jobs() -> None:
    assert counted([]) == Counted()
    gone = 2**22 + 1
    assert counted([gone]) == Counted()
    assert Counted(10, 4, 6, 2, 100, 50).less(Counted(2, 0, 2, 0, 20, 10), 4) == Counted(2, 1, 1, 0.5, 20, 10)
