"""Lets a computing process give way sooner to one that wakes (Linux 6.12 and later).

Even a niced process keeps its processor until its slice ends, and an upload wakes web, broker and the file
system's journal in turn. A slice of 0.1 ms ends that wait. It is a request about latency, not about share:
unlike SCHED_IDLE it starves nobody.
"""

import ctypes
import os
import sys

_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_SLICE_NANOSECONDS = 100_000
"""The shortest slice that the kernel grants."""


class _Attributes(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def give_way(nice: int) -> None:
    """Lower this process's priority by `nice`, and ask for the shortest slices if the kernel has them."""
    value = os.nice(nice)
    number = _SCHED_SETATTR.get(os.uname().machine)
    if sys.platform == "linux" and number is not None:
        attributes = _Attributes(ctypes.sizeof(_Attributes), 0, 0, value, 0, _SLICE_NANOSECONDS, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, ctypes.byref(attributes), 0)
