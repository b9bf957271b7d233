"""Who may be killed by a drill: only what descends from the supervisor that holds the address's socket."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from pixmill import targets

ENDLESS = [sys.executable, "-c", "import sys; sys.stdin.read()"]


def test_a_process_that_is_no_descendant_is_never_signalled() -> None:
    """Two siblings: neither is the other's, whatever is asked."""
    with (
        subprocess.Popen(ENDLESS, stdin=subprocess.PIPE) as one,
        subprocess.Popen(ENDLESS, stdin=subprocess.PIPE) as other,
    ):
        assert not targets.send_signal(one.pid, other.pid, signal.SIGKILL)
        assert not targets.send_signal(os.getppid(), os.getpid(), signal.SIGTERM)
        assert one.poll() is None
        assert targets.send_signal(one.pid, os.getpid(), signal.SIGKILL)
        assert one.wait() == -signal.SIGKILL
        assert not targets.send_signal(one.pid, os.getpid(), signal.SIGKILL), "it is gone"
        other.kill()


def test_a_listener_that_is_no_supervisor_s_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(LookupError, match="no pixmill of yours"):
        targets.supervisor_of(f"http://localhost:{server.getsockname()[1]}")


@pytest.mark.parametrize("url", ["http://192.0.2.1:3000", "https://pixmill.example", "http://0.0.0.0:3000"])
def test_another_machine_s_address_is_refused(url: str) -> None:
    with pytest.raises(LookupError, match="no loopback"):
        targets.supervisor_of(url)


def test_a_process_without_children_has_no_targets() -> None:
    assert set(targets.processes(os.getpid())) == {"broker", "web", "keeper", "nursery", "decoder"}
    assert targets.random_target(os.getpid()) is None
