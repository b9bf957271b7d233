"""The filter of system calls, run here as the kernel would run it, for both architectures."""

import struct

import pytest

from worker.boundary import syscalls
from worker.boundary.syscalls import ALLOW, ARCHITECTURES, KILL, NUMBERS_END, TRAP

PID = 4242
ENOSYS = 0x0005_0000 | 38
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
BOTH = pytest.mark.parametrize("machine", ARCHITECTURES)


def verdict(program: bytes, audit: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """What the filter returns: a classic BPF machine of the four instructions that it uses."""
    data = struct.pack("<IIQ6Q", number, audit, 0, *(arguments + (0,) * 6)[:6])
    instructions = list(struct.iter_unpack("=HBBI", program))
    at = register = 0
    while True:
        code, if_true, if_false, value = instructions[at]
        at += 1
        if code == RETURN:
            return int(value)
        if code == LOAD:
            (register,) = struct.unpack_from("<I", data, value)
        else:
            holds = {EQUAL: register == value, AT_LEAST: register >= value}[code]
            at += if_true if holds else if_false


def asked(machine: str, name: str, *arguments: int, threads: bool = False) -> int:
    """The verdict on a call of the table."""
    program = syscalls.program(ARCHITECTURES[machine], PID, threads)
    return verdict(program, ARCHITECTURES[machine].audit, number_of(machine, name), arguments)


def number_of(machine: str, name: str) -> int:
    (call,) = (call for call in syscalls.allowed(PID, True) if call.name == name)
    return int(getattr(call, machine))


@BOTH
@pytest.mark.parametrize("threads", [False, True])
def test_every_other_number_is_trapped(machine: str, threads: bool) -> None:
    program, audit = syscalls.program(ARCHITECTURES[machine], PID, threads), ARCHITECTURES[machine].audit
    unchecked = {getattr(call, machine): call.answer for call in syscalls.allowed(PID, threads) if not call.checks}
    unsure = {getattr(call, machine) for call in syscalls.allowed(PID, threads) if call.checks}
    for number in set(range(600)) - unsure:
        assert verdict(program, audit, number, (PID, 7, 7)) == unchecked.get(number, TRAP)


@BOTH
def test_another_architecture_and_numbers_of_none_are_killed(machine: str) -> None:
    program, audit = syscalls.program(ARCHITECTURES[machine], PID, False), ARCHITECTURES[machine].audit
    i386 = 0x4000_0003
    assert verdict(program, i386, 0) == KILL
    for number in (NUMBERS_END, NUMBERS_END | 39, 0x7FFF_0000, 0xFFFF_FFFF):
        assert verdict(program, audit, number) == KILL


@BOTH
@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("mmap", (0, 4096, 3, 0x22), ALLOW),
        ("mmap", (0, 4096, 7, 0x22), TRAP),
        ("mmap", (0, 4096, 3 | 8, 0x22), TRAP),
        ("mmap", (0, 4096, 3 | 0x0100_0000, 0x22), TRAP),
        ("mprotect", (0, 4096, 1), ALLOW),
        ("mprotect", (0, 4096, 1 | 0x0200_0000), TRAP),
        ("mprotect", (0, 4096, 5), TRAP),
        ("prlimit64", (0, 9), ALLOW),
        ("prlimit64", (0, 7), TRAP),
        ("prlimit64", (1, 9), TRAP),
        ("sendto", (3, 99, 1, 0, 0, 0), ALLOW),
        ("sendto", (3, 99, 1, 1, 0, 0), TRAP),
        ("sendto", (3, 99, 1, 0x4000, 0, 0), TRAP),
        ("recvmsg", (3, 99, 0), ALLOW),
        ("recvmsg", (3, 99, 1), TRAP),
        ("recvmsg", (3, 99, 2), TRAP),
        ("recvfrom", (3, 99, 1, 0), ALLOW),
        ("recvfrom", (3, 99, 1, 1), TRAP),
        ("recvfrom", (3, 99, 1, 2), TRAP),
        ("sendto", (3, 99, 1, 0, 0xFFFF_0000, 16), TRAP),
        ("sendto", (3, 99, 1, 0, 0xFFFF_0000_0000, 16), TRAP),
        ("futex", (99, 0 | 128), ALLOW),
        ("futex", (99, 1), ALLOW),
        ("futex", (99, 9 | 128 | 256), ALLOW),
        ("futex", (99, 9 | 256), ALLOW),
        ("futex", (99, 8), TRAP),
        ("futex", (99, 8 | 128), TRAP),
        ("futex", (99, 1 | 256), TRAP),
        ("futex", (99, 9 | 512), TRAP),
        ("futex", (99, 4), TRAP),
        ("futex", (99, 12 | 128), TRAP),
        ("tgkill", (PID, PID, 6), ALLOW),
        ("tgkill", (PID, PID, 9), TRAP),
        ("tgkill", (PID + 1, PID, 6), TRAP),
        ("clone", (0x003D_0F00,), TRAP),
        ("clone3", (), TRAP),
        ("exit", (), TRAP),
    ],
)
def test_arguments_are_looked_at(machine: str, name: str, arguments: tuple[int, ...], answer: int) -> None:
    assert asked(machine, name, *arguments) == answer


@BOTH
def test_threads_are_threads_only(machine: str) -> None:
    assert asked(machine, "clone", 0x003D_0F00, threads=True) == ALLOW
    assert asked(machine, "clone", 17, threads=True) == TRAP
    assert asked(machine, "clone", 0x003D_0F00 | 0x1000_0000, threads=True) == TRAP
    assert asked(machine, "clone3", threads=True) == ENOSYS


@BOTH
def test_of_each_argument_that_is_looked_at_just_the_listed_values_pass(machine: str) -> None:
    """Every bit alone and beside every listed value: what is not on the list is trapped."""
    for call in syscalls.allowed(PID, True):
        good = [0] * 6
        for check in call.checks:
            good[check.which] |= check.values[0] << 32 * check.high
        for check in call.checks:
            low = [check.values[0], *check.values]
            for value in {base ^ 1 << bit for base in low for bit in range(32)} | set(low):
                tried = list(good)
                tried[check.which] = (good[check.which] & ~(0xFFFF_FFFF << 32 * check.high)) | value << 32 * check.high
                expected = call.answer if value in check.values else TRAP
                assert asked(machine, call.name, *tried, threads=True) == expected, (call.name, tried)


def test_every_call_has_its_reason_once() -> None:
    calls = syscalls.allowed(PID, True)
    assert len({call.name for call in calls}) == len(calls)
    assert all(call.reason for call in calls)
    for machine in ARCHITECTURES:
        assert len({getattr(call, machine) for call in calls}) == len(calls)


def test_no_call_on_the_list_opens_connects_starts_or_signals() -> None:
    never = {"open", "openat", "openat2", "stat", "newfstatat", "statx", "socket", "connect", "bind", "sendmsg",
             "execve", "execveat", "fork", "vfork", "ptrace", "kill", "prctl", "ioctl", "io_uring_setup", "bpf",
             "memfd_create", "rt_sigaction", "rt_sigreturn", "seccomp"}  # fmt: skip
    assert never & {call.name for call in syscalls.allowed(PID, False)} == set()
    assert never & {call.name for call in syscalls.allowed(PID, True)} == {"prctl"}


@BOTH
def test_a_thread_may_be_named_and_nothing_else_be_set(machine: str) -> None:
    assert asked(machine, "prctl", 15, threads=True) == ALLOW
    assert asked(machine, "prctl", 15) == TRAP
    assert {asked(machine, "prctl", option, threads=True) for option in (1, 4, 22, 38, 15 | 1 << 32)} == {TRAP}


def test_a_call_has_a_name_for_people() -> None:
    assert syscalls.name(257, "x86_64") == "openat (257)"
    assert syscalls.name(56, "aarch64") == "openat (56)"
    assert syscalls.name(9, "x86_64") == "mmap (9)"
    assert syscalls.name(165, "x86_64") == "system call 165"
    assert syscalls.name(1, "riscv64") == "system call 1"
