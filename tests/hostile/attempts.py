"""The escapes that a captured decoder would try: literal rows of system calls.

Owns the list. Whatever a call needs (sockets, descriptors, a second process) is there before the
decoder is sealed and inherited by it, so that the call itself is what must be stopped.
"""

import ctypes
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


class Attempt(NamedTuple):
    """One call: its numbers on x86-64 and aarch64 (None: it has none there) and its arguments.

    `works`: it succeeds in a process that is not sealed, run by root; the others would do harm,
    or ask for what this kernel may lack, and are only tried sealed.
    """

    name: str
    numbers: tuple[int | None, int | None]
    arguments: tuple[Any, ...]
    works: bool = False

    @property
    def number(self) -> int | None:
        """On this machine."""
        return self.numbers[os.uname().machine == "aarch64"]


@dataclass
class Surroundings:
    """What lies around the decoder. Descriptors are numbers; addresses are C structures."""

    folder: bytes
    secret: bytes
    directory: int
    file: int
    tcp: int
    udp: int
    unix: int
    other_unix: int
    tcp_address: bytes
    udp_address: bytes
    unix_address: bytes
    abstract_address: bytes
    bystander: int
    bystander_pidfd: int
    program: int
    code: int

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All that a decoder would inherit."""
        sockets = (self.tcp, self.udp, self.unix, self.other_unix)
        return (self.directory, self.file, *sockets, self.bystander_pidfd, self.program)


@contextmanager
def surroundings() -> Iterator[Surroundings]:
    """Listeners, a secret, a bystander process and descriptors to all of them, for as long as it is entered."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "secret").write_text("secret")
        listeners = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))),
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
            stack.enter_context(socket.socket(socket.AF_UNIX)),
            stack.enter_context(socket.socket(socket.AF_UNIX)),
        ]
        listeners[1].bind(("127.0.0.1", 0))
        listeners[2].bind(str(folder / "socket"))
        abstract = f"\0pixmill-escape-{os.getpid()}"
        listeners[3].bind(abstract)
        for listener in listeners[2:]:
            listener.listen()
        kinds = [(socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM)]
        kinds += [(socket.AF_UNIX, socket.SOCK_STREAM)] * 2
        tcp, udp, unix, other = (stack.enter_context(socket.socket(*kind)).fileno() for kind in kinds)
        bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        stack.callback(bystander.wait)
        stack.callback(bystander.kill)
        assert bystander.stdin is not None
        stack.callback(bystander.stdin.close)
        opened = [os.open(folder, os.O_RDONLY), os.open(folder / "secret", os.O_RDWR)]
        opened += [os.pidfd_open(bystander.pid), os.open("/bin/true", os.O_RDONLY)]
        for descriptor in opened:
            stack.callback(os.close, descriptor)
        code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        yield Surroundings(
            os.fsencode(folder), os.fsencode(folder / "secret"), opened[0], opened[1], tcp, udp, unix, other,
            _inet(listeners[0]), _inet(listeners[1]), _unix(str(folder / "socket")), _unix(abstract),
            bystander.pid, opened[2], opened[3], ctypes.addressof(ctypes.c_char.from_buffer(code)),
        )  # fmt: skip


def _inet(listener: socket.socket) -> bytes:
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", listener.getsockname()[1], b"\x7f\0\0\1")


def _unix(path: str) -> bytes:
    return struct.pack("=H", socket.AF_UNIX) + path.encode()


AT_FDCWD, NO_FOLLOW = -100, 0x100
CLONE_VM, CLONE_THREAD, CLONE_SIGHAND, CLONE_NEWUSER = 0x100, 0x10000, 0x800, 0x10000000
GIGABYTES = 1 << 36
X, PRIVATE = 7, 0x22
"""mmap's read, write and execute; and private, anonymous."""
ZERO = bytes(256)


def attempts(w: Surroundings) -> tuple[Attempt, ...]:
    """All of them, by what they are after."""
    me, parent = os.getpid, os.getppid
    path = w.folder + b"/new"
    return (
        # the file system
        Attempt("open to read", (257, 56), (AT_FDCWD, w.secret, os.O_RDONLY), True),
        Attempt("open to write", (257, 56), (AT_FDCWD, path, os.O_WRONLY | os.O_CREAT, 0o600), True),
        Attempt("open (the old call)", (2, None), (w.secret, os.O_RDONLY), True),
        Attempt("creat", (85, None), (path, 0o600), True),
        Attempt("openat2", (437, 437), (AT_FDCWD, w.secret, ZERO[:24], 24), True),
        Attempt("open below an inherited folder", (257, 56), (w.directory, b"secret", os.O_RDONLY), True),
        Attempt("open /proc/1/environ", (257, 56), (AT_FDCWD, b"/proc/1/environ", os.O_RDONLY)),
        Attempt("open_by_handle_at", (304, 265), (w.directory, ZERO, 0)),
        Attempt("shm_open", (257, 56), (AT_FDCWD, b"/dev/shm/pixmill-escape", os.O_RDONLY)),
        Attempt("newfstatat", (262, 79), (AT_FDCWD, w.secret, ctypes.create_string_buffer(256), 0), True),
        Attempt("statx", (332, 291), (AT_FDCWD, w.secret, 0, 0xFFF, ctypes.create_string_buffer(256)), True),
        Attempt("faccessat2", (439, 439), (AT_FDCWD, w.secret, 0, 0), True),
        Attempt("readlinkat", (267, 78), (AT_FDCWD, b"/proc/self/exe", ctypes.create_string_buffer(256), 256), True),
        Attempt("getdents64", (217, 61), (w.directory, ctypes.create_string_buffer(4096), 4096), True),
        Attempt("unlinkat", (263, 35), (AT_FDCWD, w.secret, 0)),
        Attempt("renameat2", (316, 276), (AT_FDCWD, w.secret, AT_FDCWD, path, 0)),
        Attempt("mkdirat", (258, 34), (AT_FDCWD, w.folder + b"/folder", 0o700), True),
        Attempt("symlinkat", (266, 36), (b"/etc/passwd", AT_FDCWD, w.folder + b"/link"), True),
        Attempt("linkat", (265, 37), (AT_FDCWD, w.secret, AT_FDCWD, w.folder + b"/hard", 0), True),
        Attempt("mknodat", (259, 33), (AT_FDCWD, w.folder + b"/fifo", 0o10600, 0), True),
        Attempt("fchmodat", (268, 53), (AT_FDCWD, w.secret, 0o666), True),
        Attempt("fchownat", (260, 54), (AT_FDCWD, w.secret, 0, 0, 0)),
        Attempt("truncate", (76, 45), (w.secret, 3), True),
        Attempt("ftruncate", (77, 46), (w.file, 3), True),
        Attempt("utimensat", (280, 88), (AT_FDCWD, w.secret, 0, 0), True),
        Attempt("setxattr", (188, 5), (w.secret, b"user.a", b"b", 1, 0)),
        Attempt("copy_file_range", (326, 285), (w.program, 0, w.file, 0, 100, 0)),
        Attempt("sendfile", (40, 71), (w.file, w.program, 0, 100), True),
        Attempt("chdir", (80, 49), (w.folder,), True),
        Attempt("fchdir", (81, 50), (w.directory,), True),
        Attempt("chroot", (161, 51), (w.folder,)),
        Attempt("mount", (165, 40), (b"none", w.folder, b"tmpfs", 0, 0)),
        Attempt("umount2", (166, 39), (b"/proc", 0)),
        Attempt("pivot_root", (155, 41), (w.folder, w.folder)),
        Attempt("open_tree", (428, 428), (AT_FDCWD, w.folder, 1)),
        Attempt("fsopen", (430, 430), (b"tmpfs", 0)),
        Attempt("inotify_init1", (294, 26), (0,), True),
        Attempt("fanotify_init", (300, 262), (0, 0)),
        # the network
        Attempt("socket, TCP", (41, 198), (socket.AF_INET, socket.SOCK_STREAM, 0), True),
        Attempt("socket, UDP", (41, 198), (socket.AF_INET, socket.SOCK_DGRAM, 0), True),
        Attempt("socket, unix", (41, 198), (socket.AF_UNIX, socket.SOCK_STREAM, 0), True),
        Attempt("socket, netlink", (41, 198), (16, socket.SOCK_RAW, 0), True),
        Attempt("socket, packet", (41, 198), (17, socket.SOCK_RAW, 0)),
        Attempt("socketpair", (53, 199), (socket.AF_UNIX, socket.SOCK_STREAM, 0, ctypes.create_string_buffer(8)), True),
        Attempt("connect, TCP", (42, 203), (w.tcp, w.tcp_address, len(w.tcp_address)), True),
        Attempt("connect, unix", (42, 203), (w.unix, w.unix_address, len(w.unix_address) + 1), True),
        Attempt("connect, abstract unix", (42, 203), (w.other_unix, w.abstract_address, len(w.abstract_address)), True),
        Attempt("bind", (49, 200), (w.tcp, ZERO[:16], 16)),
        Attempt("bind, abstract unix", (49, 200), (w.unix, _unix("\0pixmill-taken"), 16), True),
        Attempt("listen", (50, 201), (w.tcp, 1)),
        Attempt("sendto, out of band", (44, 206), (w.unix, b"x", 1, 1, 0, 0)),
        Attempt("recvfrom, and leave it there", (45, 207), (w.unix, ctypes.create_string_buffer(8), 8, 2 | 0x40, 0, 0)),
        Attempt("futex, try a lock that inherits priority", (202, 98), (ctypes.create_string_buffer(8), 8, 0, 0), True),
        Attempt("sendto, UDP", (44, 206), (w.udp, b"out", 3, 0, w.udp_address, len(w.udp_address)), True),
        Attempt("sendmsg", (46, 211), (w.udp, ZERO, 0)),
        Attempt("setsockopt", (54, 208), (w.tcp, 1, 2, struct.pack("=i", 1), 4), True),
        Attempt("io_uring_setup", (425, 425), (8, ctypes.create_string_buffer(120))),
        # other processes
        Attempt("fork", (57, None), (), True),
        Attempt("vfork", (58, None), ()),
        Attempt("clone", (56, 220), (int(signal.SIGCHLD), 0, 0, 0, 0), True),
        Attempt("clone, a thread", (56, 220), (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0, 0)),
        Attempt("clone3", (435, 435), (ZERO[:64], 64)),
        Attempt("execve", (59, 221), (b"/bin/true", 0, 0), True),
        Attempt("execveat an inherited descriptor", (322, 281), (w.program, b"", 0, 0, 0x1000), True),
        Attempt("memfd_create, to exec from", (319, 279), (b"x", 0), True),
        Attempt("ptrace another", (101, 117), (16, w.bystander, 0, 0)),
        Attempt("ptrace, be traced", (101, 117), (0, 0, 0, 0), True),
        Attempt("kill the parent", (62, 129), (parent, 0), True),
        Attempt("kill everybody", (62, 129), (-1, 0)),
        Attempt("tgkill another", (234, 131), (w.bystander, w.bystander, 0), True),
        Attempt("tgkill itself, not by SIGABRT", (234, 131), (me, me, 0), True),
        Attempt("tkill", (200, 130), (w.bystander, 0), True),
        Attempt("rt_sigqueueinfo", (129, 138), (w.bystander, 0, ZERO)),
        Attempt("pidfd_open", (434, 434), (w.bystander, 0), True),
        Attempt("pidfd_send_signal", (424, 424), (w.bystander_pidfd, 0, 0, 0), True),
        Attempt("pidfd_getfd", (438, 438), (w.bystander_pidfd, 1, 0)),
        Attempt("process_vm_readv", (310, 270), (w.bystander, ZERO, 0, ZERO, 0, 0), True),
        Attempt("process_vm_writev", (311, 271), (w.bystander, ZERO, 0, ZERO, 0, 0), True),
        Attempt("kcmp", (312, 272), (me, w.bystander, 0, 0, 0)),
        Attempt("setns", (308, 268), (w.bystander_pidfd, 0)),
        Attempt("unshare a user namespace", (272, 97), (CLONE_NEWUSER,)),
        Attempt("setsid", (112, 157), ()),
        Attempt("prlimit of another", (302, 261), (w.bystander, 7, 0, ctypes.create_string_buffer(16)), True),
        Attempt("setrlimit: more files", (302, 261), (0, 7, struct.pack("=2Q", 10, 1000), 0)),
        Attempt("setrlimit: more memory than ever", (302, 261), (0, 9, struct.pack("=2Q", 1 << 50, 1 << 50), 0), True),
        Attempt("setpriority", (141, 140), (0, w.bystander, 0), True),
        Attempt("sched_setaffinity", (203, 122), (0, 8, struct.pack("=Q", 1)), True),
        Attempt("sched_setscheduler", (144, 119), (0, 0, struct.pack("=i", 0))),
        Attempt("shmget", (29, 194), (0, 4096, 0o1600)),
        Attempt("msgget", (68, 186), (0, 0o1600)),
        Attempt("mq_open", (240, 180), (b"pixmill", 0o102, 0o600, 0)),
        # memory
        Attempt("mmap past the limit", (9, 222), (0, GIGABYTES, 3, PRIVATE | 0x4000, -1, 0), True),
        Attempt("mmap, executable", (9, 222), (0, 4096, X, PRIVATE, -1, 0), True),
        Attempt("mprotect, executable", (10, 226), (w.code, 4096, 5), True),
        Attempt("pkey_mprotect, executable", (329, 288), (w.code, 4096, 5, -1)),
        Attempt("memfd_secret", (447, 447), (0,)),
        Attempt("userfaultfd", (323, 282), (0,), True),
        Attempt("mlockall", (151, 230), (1,)),
        # its own walls
        Attempt("prctl: forget no-new-privs", (157, 167), (38, 0, 0, 0, 0)),
        Attempt("prctl: seccomp off", (157, 167), (22, 0, 0, 0, 0)),
        Attempt("prctl: outlive the parent", (157, 167), (1, 0, 0, 0, 0), True),
        Attempt("seccomp", (317, 277), (0, 0, 0)),
        Attempt("landlock_create_ruleset", (444, 444), (0, 0, 1)),
        Attempt("rt_sigaction: catch SIGSYS", (13, 134), (int(signal.SIGSYS), ZERO, 0, 8), True),
        Attempt("rt_sigreturn", (15, 139), ()),
        Attempt("capset", (126, 91), (struct.pack("=Ii", 0x20080522, 0), b"\xff" * 24)),
        Attempt("setuid", (105, 146), (0,)),
        Attempt("setresuid", (117, 147), (0, 0, 0)),
        Attempt("setgroups", (116, 159), (0, 0)),
        Attempt("personality", (135, 92), (0xFFFFFFFF,), True),
        Attempt("arch_prctl", (158, None), (0x1003, ctypes.create_string_buffer(8)), True),
        Attempt("a number of x32", (0x40000000 | 39, None), ()),
        Attempt("a number of no call", (0x7FFFFFFF, 0x7FFFFFFF), ()),
        # the machine
        Attempt("bpf", (321, 280), (0, ZERO, 0)),
        Attempt("perf_event_open", (298, 241), (ZERO, 0, -1, -1, 0)),
        Attempt("keyctl", (250, 219), (0, -3, 0)),
        Attempt("add_key", (248, 217), (b"user", b"a", b"b", 1, -2)),
        Attempt("init_module", (175, 105), (0, 0, b"")),
        Attempt("finit_module", (313, 273), (w.program, b"", 0)),
        Attempt("kexec_load", (246, 104), (0, 0, 0, 0)),
        Attempt("reboot", (169, 142), (0, 0, 0, 0)),
        Attempt("swapon", (167, 224), (b"", 0)),
        Attempt("settimeofday", (164, 170), (1, 1)),
        Attempt("clock_settime", (227, 112), (0, 1)),
        Attempt("sethostname", (170, 161), (b"x", -1)),
        Attempt("acct", (163, 89), (b"/nowhere",)),
        Attempt("syslog", (103, 116), (10, 0, 0)),
        Attempt("quotactl", (179, 60), (0, 0, 0, 0)),
        Attempt("iopl", (172, None), (4,)),
        Attempt("ioperm", (173, None), (0, 0, 0)),
        Attempt("ioctl: type into a terminal", (16, 29), (0, 0x5412, b"x")),
        Attempt("fcntl", (72, 25), (w.file, 3, 0), True),
        Attempt("dup3", (292, 24), (w.file, 60, 0), True),
        Attempt("pipe2", (293, 59), (ctypes.create_string_buffer(8), 0), True),
        Attempt("eventfd2", (290, 19), (0, 0), True),
        Attempt("timer_create", (222, 107), (0, 0, ctypes.create_string_buffer(8)), True),
        Attempt("process_madvise", (440, 440), (w.bystander_pidfd, 0, 0, 0, 0)),
    )  # fmt: skip
