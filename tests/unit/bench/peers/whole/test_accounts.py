"""bench/peers/whole/accounts.py: whose CPU time and memory count."""

import os

from bench.peers.whole import accounts
from bench.peers.whole.accounts import Process, cpu_ms, family, parsed, pss_mb

STAT = "42 (a (strange) name) S 7 42 42 0 -1 4194560 1 2 3 4 11 5 20 4 20 0 1 0 100 200 300"


def test_a_line_of_stat_counts_its_own_time_and_that_of_reaped_children() -> None:
    assert parsed(STAT) == Process(42, 7, "S", 11 + 5 + 20 + 4)


def test_a_family_is_the_roots_and_all_below_and_no_neighbour() -> None:
    processes = [
        Process(*one) for one in [(1, 0, "S", 1), (2, 1, "S", 2), (3, 2, "Z", 4), (4, 2, "S", 8), (9, 1, "S", 16)]
    ]
    assert {one.pid for one in family(processes, [2])} == {2, 3, 4}
    assert {one.pid for one in family(processes, [2, 3])} == {2, 3, 4}
    assert {one.pid for one in family(processes, [2, 77])} == {2, 3, 4}


def test_the_sum_is_in_milliseconds() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    assert cpu_ms([Process(1, 0, "S", ticks), Process(2, 1, "S", ticks // 2)]) == 1500


def test_memory_is_the_proportional_share() -> None:
    assert pss_mb("55d0-7fff ---p 0 00:00 0 [rollup]\nRss: 9000 kB\nPss:     1000 kB\nPss_Anon: 700 kB\n") == 1.024
    assert pss_mb("") == 0.0


def test_this_process_is_found() -> None:
    mine = next(one for one in accounts.look() if one.pid == os.getpid())
    assert mine.parent == os.getppid()
    assert accounts.memory_mb([os.getpid(), 0]) > 1
