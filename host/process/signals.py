"""Signals as bytes on a socket, for a poll loop."""

import signal
import socket


def as_socket(*numbers: signal.Signals) -> socket.socket:
    """A non-blocking socket that receives each of `numbers` as one byte. Once per process, in its main thread."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return reader
