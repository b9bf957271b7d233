"""Explains a decoder's end: its code, and its story in words.

Owns the meaning of each signal. Knows no job; worker/keeper/work.py acts on the result.
"""

import os
import signal

from jobs.job import Code
from worker.boundary import syscalls
from worker.boundary.status_page import DEAF, GARBAGE, LOST
from worker.boundary.tasks import Died

CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT})


def judge(death: Died, story: str = "") -> tuple[Code, str]:
    """The code of a decoder's death, and its autopsy in a sentence; `story` is the decoder's own last message."""
    code, what = _cause(death)
    parts = (f"the decoder {what}", where(death.stage, death.peak_bytes) if death.stage else "", story)
    return code, ", ".join(part for part in parts if part)


def where(stage: str, peak_bytes: int) -> str:
    """A decoder's stage and peak memory, in words; 0 bytes are unknown."""
    return f"at {stage}" + (f", {peak_bytes / 1e6:.0f} MB of memory at most" if peak_bytes else "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal between the first and the last
        return "real-time"


def _cause(death: Died) -> tuple[Code, str]:
    status = death.status
    if status == GARBAGE:
        return Code.DECODER_CRASHED, "spoke garbage"
    if status == LOST:
        return Code.DECODER_LOST, "went with its nursery"
    if status == DEAF:
        return Code.DECODER_CRASHED, "did not take a task"
    if not os.WIFSIGNALED(status):
        return Code.DECODER_LOST, f"ended with status {os.waitstatus_to_exitcode(status)}"
    number = os.WTERMSIG(status)
    what = f"ended by signal {number} ({_signal_name(number)})"
    if number == signal.SIGSYS:
        call = f" for {syscalls.name(death.call, os.uname().machine)}" if death.call is not None else ""
        return Code.SANDBOX_VIOLATION, what + call
    return Code.DECODER_CRASHED if number in CRASHES else Code.DECODER_LOST, what
