"""A port that is taken: by whom, and not what they were started with."""

import socket
import subprocess
import sys

import pytest

from host.settings.settings import Settings
from host.sockets.listener import bind_listener
from jobs.errors import SetupFault

HOLDER = """
import socket, sys
taken = socket.create_server(("127.0.0.1", 0))
print(taken.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_the_holder_of_a_port_is_named_without_its_command_line() -> None:
    command = [sys.executable, "-c", HOLDER, "--password=hunter2"]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        port = int(holder.stdout.readline())
        with pytest.raises(SetupFault, match=rf"is taken by process {holder.pid} \(python[^ ]*\): stop that") as fault:
            bind_listener(Settings(port=port))
        assert "hunter2" not in fault.value.detail
    finally:
        holder.communicate()


def test_a_port_that_is_free_is_listened_on() -> None:
    with bind_listener(Settings(port=0)) as listening, socket.create_connection(listening.getsockname()):
        assert listening.getsockname()[0] == "127.0.0.1"
