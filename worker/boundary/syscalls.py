"""The system calls that a sealed decoder may make, each with its reason, as a seccomp filter.

Owns the allow-list, its numbers on each architecture and their translation to BPF. Pure: builds
bytes; worker/boundary/sandbox.py gives them to the kernel.
"""

import struct
from typing import NamedTuple

ALLOW, KILL, TRAP, _ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0003_0000, 0x0005_0000
"""The kernel's SECCOMP_RET_ALLOW, KILL_PROCESS, TRAP and ERRNO (seccomp(2))."""
NUMBERS_END = 0x4000_0000
"""No allowed call has a number from here on: on x86-64 these are x32's, and would bypass any list of numbers."""

_READ_WRITE = (3, 0, 1, 2)
"""The allowed protections of memory: none of mmap's other bits (PROT_EXEC is one)."""
_RLIMIT_AS = 9
_FUTEX_PRIVATE, _FUTEX_REALTIME = 128, 256
_FUTEX_WAIT, _FUTEX_WAKE, _FUTEX_WAIT_BITSET = 0, 1, 9
_FUTEX_OPERATIONS = tuple(
    operation | private
    for private in (_FUTEX_PRIVATE, 0)
    for operation in (_FUTEX_WAIT, _FUTEX_WAKE, _FUTEX_WAIT_BITSET, _FUTEX_WAIT_BITSET | _FUTEX_REALTIME)
)
"""Allowed by value, not by mask: two harmless values together have the bits of a third (8 is FUTEX_TRYLOCK_PI)."""
_THREAD_FLAGS = 0x003D_0F00
"""The flags with which pthread_create calls clone: shared memory, files and signal handlers, and CLONE_THREAD."""
_PR_SET_NAME = 15
_ENOSYS = 38
_SIGABRT = 6


class Check(NamedTuple):
    """32 bits of argument `which` (the low ones; `high`: the high ones) must be one of `values`, the commonest first.
    Never a mask: harmless bits can mean another thing together, and new kernels bring new bits."""

    which: int
    values: tuple[int, ...]
    high: bool = False


class Call(NamedTuple):
    """A call by its numbers on the architectures, and why it is needed. All `checks` must hold.

    `answer` is ALLOW, or what the kernel answers in the call's place.
    """

    name: str
    x86_64: int
    aarch64: int
    reason: str
    checks: tuple[Check, ...] = ()
    answer: int = ALLOW


class Architecture(NamedTuple):
    """`audit` is what the kernel calls it in a filter's data."""

    name: str
    audit: int


ARCHITECTURES = {
    "x86_64": Architecture("x86_64", 0xC000_003E),
    "aarch64": Architecture("aarch64", 0xC000_00B7),
}
_NOT_EXECUTABLE = (Check(2, _READ_WRITE),)
_PLAIN = (0,)
"""The only flags of a message: none out of band, none looked at and left there."""
_PLAINLY_TO_NOBODY = (Check(3, _PLAIN), Check(4, (0,)), Check(4, (0,), high=True))
_ALWAYS = (
    Call("read", 0, 63, "the original, and its own /proc files, opened before"),
    Call("lseek", 8, 62, "the same"),
    Call("sendto", 44, 206, "answers to the keeper, on a connected socket", _PLAINLY_TO_NOBODY),
    Call("recvmsg", 47, 212, "tasks, each with its original's descriptor", (Check(2, _PLAIN),)),
    Call("recvfrom", 45, 207, "the rest of a task that came in pieces", (Check(3, _PLAIN),)),
    Call("mmap", 9, 222, "malloc of large blocks", _NOT_EXECUTABLE),
    Call("munmap", 11, 215, "their free"),
    Call("mremap", 25, 216, "their realloc"),
    Call("brk", 12, 214, "malloc of small ones"),
    Call("mprotect", 10, 226, "malloc when memory is short: it tries a second arena", _NOT_EXECUTABLE),
    Call("madvise", 28, 233, "free, which gives pages back"),
    Call("close", 3, 57, "the original, after the task"),
    Call("write", 1, 64, "clear_refs: the peak of memory begins anew"),
    Call("getrusage", 98, 165, "the task's processor time"),
    Call("prlimit64", 302, 261, "its own limit on memory, for each task", (Check(0, (0,)), Check(1, (_RLIMIT_AS,)))),
    Call("clock_gettime", 228, 113, "where the kernel's clock source is not in the vDSO"),
    Call("futex", 202, 98, "wait and wake only: Python's and the codecs' locks",
         (Check(1, _FUTEX_OPERATIONS),)),
    Call("restart_syscall", 219, 128, "the kernel's own, after a stopped process is continued"),
    Call("getcwd", 79, 17, "Pillow's save asks where it is; the folder is /"),
    Call("rt_sigprocmask", 14, 135, "abort(), which must end as SIGABRT"),
    Call("getpid", 39, 172, "the same"),
    Call("gettid", 186, 178, "the same"),
    Call("exit_group", 231, 94, "its end"),
)  # fmt: skip
_THREADS = (
    Call(
        "clone",
        56,
        220,
        "libvips starts one thread to write a PNG; libde265 one where it could not be kept from it",
        (Check(0, (_THREAD_FLAGS,)),),
    ),
    Call("clone3", 435, 435, "has its flags where no filter sees them: clone is called next", answer=_ERRNO | _ENOSYS),
    Call("set_robust_list", 273, 99, "a thread's start"),
    Call("rseq", 334, 293, "the same"),
    Call("prctl", 157, 167, "glib names its threads", (Check(0, (_PR_SET_NAME,)), Check(0, (0,), high=True))),
    Call("exit", 60, 93, "a thread's end"),
)


def allowed(pid: int, threads: bool) -> tuple[Call, ...]:
    """The system calls that the decoder `pid` may make, the most common first. `threads`: it may start threads."""
    return _ALWAYS + _own(pid) + (_THREADS if threads else ())


def _own(pid: int) -> tuple[Call, ...]:
    to_itself = (Check(0, (pid,)), Check(2, (_SIGABRT,)))
    return (Call("tgkill", 234, 131, "abort() again; no other process, no other signal", to_itself),)


_LIKELY = {
    "x86_64": {2: "open", 4: "stat", 5: "fstat", 16: "ioctl", 41: "socket", 42: "connect", 56: "clone", 57: "fork",
               59: "execve", 62: "kill", 204: "sched_getaffinity", 257: "openat", 262: "newfstatat", 318: "getrandom",
               435: "clone3"},
    "aarch64": {29: "ioctl", 56: "openat", 79: "newfstatat", 80: "fstat", 123: "sched_getaffinity", 129: "kill",
                198: "socket", 203: "connect", 220: "clone", 221: "execve", 278: "getrandom", 435: "clone3"},
}  # fmt: skip
"""Names of refused calls for messages: those that a changed library would probably make first."""


def name(number: int, machine: str) -> str:
    """The call in a message: `openat (257)`, or `system call 165` if its name is unknown."""
    found = _LIKELY.get(machine, {}).get(number)
    known = {getattr(call, machine): call.name for call in allowed(0, True)} if machine in ARCHITECTURES else {}
    label = found or known.get(number)
    return f"{label} ({number})" if label else f"system call {number}"


_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
"""Offsets in struct seccomp_data; arguments are 64 bits wide, the low half first on both architectures."""
_INSTRUCTION = struct.Struct("=HBBI")


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return _INSTRUCTION.pack(code, if_true, if_false, value)


def program(architecture: Architecture, pid: int, threads: bool) -> bytes:
    """The BPF filter of the decoder `pid`: ALLOW for what is listed, KILL for another architecture and
    for numbers of none, TRAP for the rest: SIGSYS, which nothing in the decoder can block or ignore."""
    head = [
        _op(_LOAD, _ARCHITECTURE_AT),
        _op(_JUMP_EQUAL, architecture.audit, if_true=1),
        _op(_RETURN, KILL),
        _op(_LOAD, _NUMBER_AT),
        _op(_JUMP_AT_LEAST, NUMBERS_END, if_false=1),
        _op(_RETURN, KILL),
    ]
    calls = [_call(getattr(call, architecture.name), call) for call in allowed(pid, threads)]
    return b"".join([*head, *calls, _op(_RETURN, TRAP)])


def _call(number: int, call: Call) -> bytes:
    """If this is the call and its checks hold, its answer; else on to the next, with the number loaded again."""
    ops = [_op(_RETURN, call.answer), *([_op(_LOAD, _NUMBER_AT)] if call.checks else [])]
    to_end = 1
    for check in reversed(call.checks):
        *others, last = check.values
        jumps = [_op(_JUMP_EQUAL, value, if_true=len(others) - at) for at, value in enumerate(others)]
        load = _op(_LOAD, _ARGUMENTS_AT + 8 * check.which + 4 * check.high)
        ops = [load, *jumps, _op(_JUMP_EQUAL, last, if_false=to_end), *ops]
        to_end += 1 + len(check.values)
    return b"".join([_op(_JUMP_EQUAL, number, if_false=len(ops)), *ops])
