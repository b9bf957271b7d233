"""What Ctrl-C (SIGINT) does to the command `pixmill`: it ends it at once and silently, or raises KeyboardInterrupt.

Imports next to nothing: it is in force before the command's modules are imported, which takes 0.2 s.
"""

import os
import signal

INTERRUPTED = 130
"""The exit status."""


def end_at_once() -> None:
    """Let Ctrl-C end the process from now on. Where it is ignored (`nohup`, a job in the background), it stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_it() -> None:
    """Let Ctrl-C raise KeyboardInterrupt from now on, where it ended the process before."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_number: int, _frame: object) -> None:
    """Without an exception: its traceback would be shown where Python cannot pass it on, as in an import's lock."""
    os._exit(INTERRUPTED)
