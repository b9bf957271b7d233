"""What strace has counted is read as it writes it."""

from bench.causes.calls import parsed

SUMMARY = """\
syscall          calls
--------- ------------
futex              430
getpid             372
exit_group           1
--------- ------------
total              803
"""


def test_a_summary_is_read_without_its_total() -> None:
    assert parsed(SUMMARY) == {"futex": 430, "getpid": 372, "exit_group": 1}
