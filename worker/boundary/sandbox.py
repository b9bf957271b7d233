"""The sandbox of a decoder: after `seal` it can compute and talk to its keeper, and nothing else.

Owns the layers and their order; worker/boundary/syscalls.py owns the list of system calls. Each layer stands
alone: if the platform lacks one, the others are still set, and `seal` returns the missing ones.
It uses ctypes, because no library is both maintained and small.
"""

import ctypes
import mmap
import os
import resource
import signal
import struct
import sys

from worker.boundary import syscalls

LIMITS = {
    resource.RLIMIT_CORE: 0,  # a dump would hold the picture
    resource.RLIMIT_FSIZE: 0,  # it can extend no file
    resource.RLIMIT_NOFILE: 64,  # its own handful, and one task's: the original and at most 16 watermarks
}
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITIES_V3 = 0x20080522
_SA_SIGINFO = 4
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_LANDLOCK_VERSION = 1
_FILE_RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 5: 0xFFFF}
"""All file system rights that a Landlock of this version and later can take away."""
_NET_RIGHTS = {4: 0x3}
"""TCP: bind, connect."""
_SCOPES = {6: 0x3}
"""Abstract unix sockets of others, signals to others."""


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


class _Action(ctypes.Structure):
    """glibc's and musl's struct sigaction, alike on both architectures."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ulong * (128 // ctypes.sizeof(ctypes.c_ulong))),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


def seal(address_bytes_max: int, call_address: int, threads: bool) -> tuple[str, ...]:
    """Seal this process for good. Returns the names of the layers that this platform lacks.

    Call it once, single-threaded, after everything lazy was used. `address_bytes_max` is the address
    space that RLIMIT_AS may ever be raised to. A forbidden call writes its number to `call_address`
    (32 bits, in memory shared with the parent) before it kills. With `threads` the process may start
    threads, which are sealed too; it must have started one before, because glibc sets up a handler at
    the first. Raises OSError if an rlimit fails.
    """
    processes = {} if threads else {resource.RLIMIT_NPROC: 0}  # (binds all but root; seccomp binds root)
    for limit, most in {**LIMITS, **processes, resource.RLIMIT_AS: address_bytes_max}.items():
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))
    if sys.platform != "linux":
        return ("capabilities", "landlock", "seccomp")
    os.chdir("/")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    layers = {
        "capabilities": _drop_capabilities(libc),
        "no-new-privs": libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))) == 0,
        "landlock": _landlock(libc),
        "seccomp": _seccomp(libc, call_address, threads),
    }
    return tuple(name for name, there in layers.items() if not there)


def _drop_capabilities(libc: ctypes.CDLL) -> bool:
    """Drop root's powers, in case the decoder was started as root: it could raise its own limits."""
    return bool(libc.capset(struct.pack("=Ii", _CAPABILITIES_V3, 0), bytes(24)) == 0)


def _landlock(libc: ctypes.CDLL) -> bool:
    """Handle all rights and add no rule: so nothing can be opened, bound or connected to."""
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_LANDLOCK_VERSION))
    if version < 1:
        return False
    rights = [max((bits for since, bits in table.items() if since <= version), default=0)
              for table in (_FILE_RIGHTS, _NET_RIGHTS, _SCOPES)]  # fmt: skip
    while not rights[-1]:  # an older kernel knows a shorter structure
        rights.pop()
    attributes = struct.pack(f"={len(rights)}Q", *rights)
    rules = libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if rules < 0:
        return False
    there = libc.syscall(_LANDLOCK_RESTRICT_SELF, rules, ctypes.c_uint32(0)) == 0
    os.close(rules)
    return bool(there)


def _seccomp(libc: ctypes.CDLL, call_address: int, threads: bool) -> bool:
    machine = os.uname().machine
    architecture = syscalls.ARCHITECTURES.get(machine)
    if architecture is None or sys.maxsize < 2**32:
        return False
    _set_trap(libc, machine, call_address)
    instructions = syscalls.program(architecture, os.getpid(), threads)
    filter = _Filter(len(instructions) // 8, instructions)
    arguments = ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(filter), ctypes.c_ulong(0), ctypes.c_ulong(0)
    return bool(libc.prctl(_PR_SET_SECCOMP, *arguments) == 0)


_TRAPS = {
    "x86_64": (
        b"\x8b\x46\x18"  # mov eax, [rsi+24]    siginfo's si_syscall
        b"\x48\xbf%s"  # mov rdi, address
        b"\x89\x07"  # mov [rdi], eax
        b"\xb8\x00\x00\xff\x7f"  # mov eax, 0x7fff0000    a number of no call: KILL_PROCESS
        b"\x0f\x05"  # syscall
    ),
    "aarch64": (
        b"\x29\x18\x40\xb9"  # ldr w9, [x1, #24]
        b"\xaa\x00\x00\x58"  # ldr x10, address
        b"\x49\x01\x00\xb9"  # str w9, [x10]
        b"\xe8\xff\xaf\x52"  # mov w8, #0x7fff0000
        b"\x01\x00\x00\xd4"  # svc #0
        b"\x00\x00\x00\x00"  # (the address is aligned)
        b"%s"
    ),
}
"""The handler of SIGSYS, in five instructions: in a compromised process neither Python nor C can be trusted.
Its page cannot be changed unnoticed: a page that is made writable can never be executed again."""


def _set_trap(libc: ctypes.CDLL, machine: str, call_address: int) -> None:
    """Install the handler of SIGSYS: it stores the call's number, then the process dies. If the page or the
    handler is refused (some hardened hosts map nothing executable), SIGSYS still kills, but the number is unknown."""
    page = mmap.mmap(-1, mmap.PAGESIZE)
    page.write(_TRAPS[machine] % struct.pack("=Q", call_address))
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    _KEPT.append(page)
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), mmap.PROT_READ | mmap.PROT_EXEC) == 0:
        libc.sigaction(signal.SIGSYS, ctypes.byref(_Action(handler=address, flags=_SA_SIGINFO)), None)


_KEPT: list[mmap.mmap] = []
"""The trap's page, for as long as the process lives."""
