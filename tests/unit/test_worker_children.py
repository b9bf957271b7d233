"""The keeper's side of its children, over a pair of sockets in place of a nursery."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from jobs.errors import SetupFault
from worker import tasks
from worker.autopsy import Slate
from worker.children import DECODER_SECONDS_MOST, Children


class Ear:
    """A Listener that counts decoders."""

    def __init__(self) -> None:
        self.ready = 0

    def decoder_ready(self) -> None:
        self.ready += 1

    def decoder_said(self, word: Any, body: bytes) -> None:
        raise AssertionError(word)

    def decoder_ended(self, death: tasks.Died) -> None:
        raise AssertionError(death)


@pytest.fixture
def pair() -> Iterator[tuple[Children, socket.socket]]:
    """Warm children with no decoder yet, and the nursery's end of their socket."""
    ours, nursery = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, nursery:
        children = Children(0, ours, 1000)
        nursery.send(tasks.encode(tasks.Warm("engine")))
        assert children.wait_warm() == "engine"
        yield children, nursery


def test_a_worker_whose_nursery_bears_nothing_ends_instead_of_holding_jobs_for_ever(
    pair: tuple[Children, socket.socket],
) -> None:
    children, _ = pair
    assert children.deadline <= time.monotonic() + DECODER_SECONDS_MOST
    children.read(Ear(), children.deadline - 1.0)
    with pytest.raises(SetupFault, match="no decoder came"):
        children.read(Ear(), children.deadline)


def test_nor_may_a_decoder_that_hung_up_wait_for_ever_for_its_nursery_to_say_so(
    pair: tuple[Children, socket.socket],
) -> None:
    children, nursery = pair
    link, theirs = socket.socketpair()
    with link, theirs, subprocess.Popen(["sleep", "60"]) as child:
        watch, slate = os.pidfd_open(child.pid), Slate()
        socket.send_fds(nursery, [tasks.encode(tasks.Born(child.pid))], [theirs.fileno(), watch, slate.descriptor])
        os.close(watch)
        slate.close()
        children.read(Ear(), children.deadline - 1.0)
        link.close()
        children.read(Ear(), time.monotonic())
        with pytest.raises(SetupFault, match="no decoder came"):
            children.read(Ear(), children.deadline)
        assert children.decoder is not None
        children.decoder.end()


def test_a_decoder_in_time_is_all_that_is_asked_of_a_nursery(pair: tuple[Children, socket.socket]) -> None:
    children, nursery = pair
    ear = Ear()
    link, theirs = socket.socketpair()
    child = subprocess.Popen(["sleep", "60"])
    watch, slate = os.pidfd_open(child.pid), Slate()
    with link, theirs, child:
        socket.send_fds(nursery, [tasks.encode(tasks.Born(child.pid))], [theirs.fileno(), watch, slate.descriptor])
        children.read(ear, children.deadline - 1.0)
        assert ear.ready == 1
        children.read(ear, time.monotonic() + 1000 * DECODER_SECONDS_MOST)
        assert children.decoder is not None
        children.decoder.end()
    os.close(watch)
    slate.close()
