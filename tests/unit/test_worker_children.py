"""The keeper's side of its children, over a pair of sockets in place of a nursery."""

import os
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from jobs.errors import SetupFault, WireFault
from worker import tasks
from worker.autopsy import DEAF, GARBAGE, Slate
from worker.children import DECODER_SECONDS_MOST, READ_BYTES, READS_A_TURN, Children


class Ear:
    """A Listener that counts decoders, and keeps what they say and how they end."""

    def __init__(self) -> None:
        self.ready = 0
        self.words: list[Any] = []
        self.deaths: list[tasks.Died] = []

    def decoder_ready(self) -> None:
        self.ready += 1

    def room(self, word: tasks.Rendered, size: int) -> tasks.Sink:
        raise WireFault("nothing was asked for")

    def decoder_said(self, word: Any, sink: Any) -> None:
        self.words.append(word)

    def decoder_ended(self, death: tasks.Died) -> None:
        self.deaths.append(death)


@pytest.fixture
def pair() -> Iterator[tuple[Children, socket.socket]]:
    """Warm children with no decoder yet, and the nursery's end of their socket."""
    ours, nursery = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, nursery:
        children = Children(0, ours)
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


@pytest.fixture
def decoder(pair: tuple[Children, socket.socket]) -> Iterator[tuple[Children, Ear, socket.socket]]:
    """The children with a decoder, who hears them, and the decoder's end of its link."""
    children, nursery = pair
    ear = Ear()
    link, theirs = socket.socketpair()
    with link, theirs, subprocess.Popen(["sleep", "60"]) as child:
        watch, slate = os.pidfd_open(child.pid), Slate()
        socket.send_fds(nursery, [tasks.encode(tasks.Born(child.pid))], [theirs.fileno(), watch, slate.descriptor])
        os.close(watch)
        slate.close()
        children.read(ear, 0.0)
        try:
            yield children, ear, link
        finally:
            child.kill()
            if children.decoder is not None:
                children.decoder.end()


TASK = tasks.Task("r" * 16_000, 1, 2, 3)


def test_a_decoder_that_never_takes_a_task_is_ended_and_nobody_waits_for_it(
    decoder: tuple[Children, Ear, socket.socket],
) -> None:
    children, ear, _ = decoder
    given = 0
    while children.hand_over(TASK, [], ear):
        given += 1
        assert given < 1000
    assert children.decoder is None
    assert [death.status for death in ear.deaths] == [DEAF]


def test_what_a_decoder_has_not_taken_the_kernel_tells(decoder: tuple[Children, Ear, socket.socket]) -> None:
    children, ear, link = decoder
    assert children.decoder is not None
    assert not children.decoder.untaken
    assert children.hand_over(TASK, [], ear)
    assert children.decoder.untaken
    link.recv(100)
    assert children.decoder.untaken, "all but a part of it lies there still"
    link.recv(1 << 20)
    assert not children.decoder.untaken


def test_a_task_for_a_decoder_that_is_gone_is_not_handed_over(decoder: tuple[Children, Ear, socket.socket]) -> None:
    children, ear, link = decoder
    link.close()
    assert not children.hand_over(TASK, [], ear)
    assert ear.deaths == [], "its nursery will tell"


def test_a_decoder_that_writes_without_end_does_not_hold_the_keeper(
    decoder: tuple[Children, Ear, socket.socket],
) -> None:
    children, ear, link = decoder
    link.setblocking(False)
    chatter, reads = tasks.frame(tasks.Done(1.0, 1)) * 10_000, 0

    class Endless:
        """The link of a decoder that has always more to say."""

        def recv_into(self, block: memoryview, *_: int) -> int:
            nonlocal reads
            reads += 1
            block[:] = (chatter * (READ_BYTES // len(chatter) + 1))[:READ_BYTES]
            return READ_BYTES

    assert children.decoder is not None
    real, children.decoder.link = children.decoder.link, Endless()  # type: ignore[assignment]
    children.decoder.frames.feed = lambda *_: iter(())  # type: ignore[method-assign]
    children._hear(ear)
    children.decoder.link = real
    assert reads == READS_A_TURN


def test_noise_ends_a_decoder_at_once(decoder: tuple[Children, Ear, socket.socket]) -> None:
    children, ear, link = decoder
    link.send(b"\0" * 100)
    children.read(ear, 0.0)
    assert [death.status for death in ear.deaths] == [GARBAGE]
    assert children.decoder is None


@contextmanager
def born(nursery: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """One more decoder of this nursery's."""
    link, theirs = socket.socketpair()
    with link, theirs, subprocess.Popen(["sleep", "60"]) as child:
        watch, slate = os.pidfd_open(child.pid), Slate()
        socket.send_fds(nursery, [tasks.encode(tasks.Born(child.pid))], [theirs.fileno(), watch, slate.descriptor])
        os.close(watch)
        slate.close()
        try:
            yield child
        finally:
            child.kill()


def forks(nursery: socket.socket) -> int:
    """How many decoders the nursery was asked for since the last look."""
    count = 0
    while select.select([nursery], [], [], 0)[0]:
        assert nursery.recv(100) == tasks.FORK
        count += 1
    return count


def test_a_spare_decoder_takes_the_place_of_one_that_is_replaced_and_another_is_asked_for(
    pair: tuple[Children, socket.socket],
) -> None:
    children, nursery = pair
    ear = Ear()
    assert forks(nursery) == 1
    with born(nursery):
        children.read(ear, 0.0)
        children.keep_spare()
        assert forks(nursery) == 1
        with born(nursery) as spare:
            children.read(ear, 0.0)
            nursery.send(tasks.encode(tasks.Died(spare.pid, 9)))
            children.read(ear, 0.0)
        assert forks(nursery) == 1, "in the place of the spare one, of which nobody hears"
        assert (ear.ready, ear.deaths) == (1, [])
        with born(nursery) as other:
            children.read(ear, 0.0)
            children.replace(ear)
            assert children.decoder is not None
            assert (children.decoder.pid, ear.ready, forks(nursery)) == (other.pid, 2, 1)
            children.replace(ear)
            assert (ear.ready, forks(nursery)) == (2, 1)
            assert children.deadline <= time.monotonic() + DECODER_SECONDS_MOST
