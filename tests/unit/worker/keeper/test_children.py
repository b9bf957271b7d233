"""The keeper's side of its children, over a pair of sockets in place of a nursery."""

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import SetupFault, WireFault
from tests.support.clusters.cluster import alive
from tests.support.patience import stretched
from worker.boundary import tasks
from worker.boundary.status_page import DEAF, GARBAGE, StatusPage
from worker.core.parking import PARKED_SECONDS, Parking
from worker.keeper.children import DECODER_SECONDS_MOST, END_SECONDS, READ_BYTES, READS_A_TURN, Children
from worker.keeper.decoders import Decoder
from worker.keeper.results import Run


class Ear:
    """A Listener that counts decoders, and keeps what they say and how they end."""

    def __init__(self) -> None:
        self.ready = 0
        self.words: list[Any] = []
        self.deaths: list[tasks.Died] = []
        self.parked: list[Run] = []

    def decoder_ready(self) -> None:
        self.ready += 1

    def sink_for(self, word: tasks.Rendered, size: int) -> tasks.Sink:
        raise WireFault("nothing was asked for")

    def decoder_said(self, word: Any, sink: Any) -> None:
        self.words.append(word)

    def decoder_ended(self, death: tasks.Died, run: Run) -> None:
        self.deaths.append(death)

    def parked_ended(self, run: Run) -> None:
        self.parked.append(run)


@contextmanager
def warm(parking: Parking[Decoder] | None = None) -> Iterator[tuple[Children, socket.socket]]:
    """Warm children with no decoder yet, and the nursery's end of their socket. No process is their nursery."""
    ours, nursery = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, nursery, pytest.MonkeyPatch.context() as patched:
        children = Children(0, ours, parking)
        patched.setattr(children, "_end_nursery", lambda: None)
        nursery.send(tasks.encode(tasks.Warm("engine")))
        assert children.wait_warm() == "engine"
        try:
            yield children, nursery
        finally:
            children.close()


@pytest.fixture
def pair() -> Iterator[tuple[Children, socket.socket]]:
    """Warm children, and the nursery's end of their socket."""
    with warm() as found:
        yield found


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
        watch, status_page = os.pidfd_open(child.pid), StatusPage()
        socket.send_fds(
            nursery, [tasks.encode(tasks.Born(child.pid))], [theirs.fileno(), watch, status_page.descriptor]
        )
        os.close(watch)
        status_page.close()
        children.read(Ear(), children.deadline - 1.0)
        link.close()
        children.read(Ear(), time.monotonic())
        with pytest.raises(SetupFault, match="no decoder came"):
            children.read(Ear(), children.deadline)
        child.kill()


def test_a_decoder_in_time_is_all_that_is_asked_of_a_nursery(pair: tuple[Children, socket.socket]) -> None:
    children, nursery = pair
    ear = Ear()
    with born(nursery):
        children.read(ear, children.deadline - 1.0)
        assert ear.ready == 1
        children.read(ear, time.monotonic() + 1000 * DECODER_SECONDS_MOST)
        assert children.decoder is not None


def test_once_closed_all_decoders_are_gone_though_one_held_much_memory_and_had_been_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.keeper.children.END_SECONDS", stretched(END_SECONDS))
    held = "import sys; held = b'x' * (600 << 20); print(flush=True); sys.stdin.read()"
    ours, nursery = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link, theirs = socket.socketpair()
    heavy = subprocess.Popen([sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with nursery, link, theirs, heavy, subprocess.Popen(["sleep", "60"]) as parent:
        assert heavy.stdout
        heavy.stdout.readline()
        children, watch, status_page = Children(parent.pid, ours), os.pidfd_open(heavy.pid), StatusPage()
        nursery.send(tasks.encode(tasks.Warm("engine")))
        assert children.wait_warm() == "engine"
        socket.send_fds(
            nursery, [tasks.encode(tasks.Born(heavy.pid))], [theirs.fileno(), watch, status_page.descriptor]
        )
        os.close(watch)
        status_page.close()
        children.read(Ear(), 0.0)
        children.replace(Ear())
        children.close()
        assert not alive(heavy.pid)


@pytest.fixture
def decoder(pair: tuple[Children, socket.socket]) -> Iterator[tuple[Children, Ear, socket.socket]]:
    """The children with a decoder, who hears them, and the decoder's end of its link."""
    children, nursery = pair
    ear = Ear()
    link, theirs = socket.socketpair()
    with link, theirs, subprocess.Popen(["sleep", "60"]) as child:
        watch, status_page = os.pidfd_open(child.pid), StatusPage()
        socket.send_fds(
            nursery, [tasks.encode(tasks.Born(child.pid))], [theirs.fileno(), watch, status_page.descriptor]
        )
        os.close(watch)
        status_page.close()
        children.read(ear, 0.0)
        try:
            yield children, ear, link
        finally:
            child.kill()


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
    children._receive(ear)
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
        watch, status_page = os.pidfd_open(child.pid), StatusPage()
        socket.send_fds(
            nursery, [tasks.encode(tasks.Born(child.pid))], [theirs.fileno(), watch, status_page.descriptor]
        )
        os.close(watch)
        status_page.close()
        try:
            yield child
        finally:
            child.kill()


def forks(nursery: socket.socket) -> int:
    """How many decoders the nursery was asked for since the last look."""
    count = 0
    while select.select([nursery], [], [], 0)[0]:
        assert nursery.recv(100) in (tasks.FORK, tasks.SPARE)
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


@contextmanager
def two_tenants() -> Iterator[tuple[Children, socket.socket, Ear, list[subprocess.Popen[bytes]]]]:
    """Children whose nursery has borne a decoder that worked for `acme`, and one for `other` which is present."""
    with warm(Parking(2, 1 << 30)) as (children, nursery), born(nursery) as acmes, born(nursery) as others:
        ear = Ear()
        children.read(ear, 0.0)
        for tenant in ("acme", "other"):
            assert children.decoder is not None
            children.decoder.run.tenant = tenant
            if tenant == "acme":
                children.change("other", ear)
        yield children, nursery, ear, [acmes, others]


def state(child: subprocess.Popen[bytes]) -> str:
    """As proc(5) has it; what a signal is to change has changed once it has been waited for."""
    return Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_parked_decoder_stands_still_and_goes_on_for_its_tenant_alone() -> None:
    with two_tenants() as (children, _, ear, (acmes, others)):
        os.waitpid(acmes.pid, os.WUNTRACED)
        assert state(acmes) == "T"
        assert children.decoder is not None
        assert (children.decoder.pid, ear.ready) == (others.pid, 2)
        children.change("acme", ear)
        os.waitpid(acmes.pid, os.WCONTINUED)
        os.waitpid(others.pid, os.WUNTRACED)
        assert (children.decoder.pid, children.decoder.run.tenant, ear.ready) == (acmes.pid, "acme", 3)
        assert state(others) == "T"


def test_the_kernel_that_needs_memory_takes_a_parked_decoder_first() -> None:
    with two_tenants() as (children, _, ear, (acmes, _)):
        score = Path(f"/proc/{acmes.pid}/oom_score_adj")
        assert int(score.read_text()) == 1000
        children.change("acme", ear)
        assert int(score.read_text()) < 1000


def test_a_stranger_gets_no_parked_decoder() -> None:
    with two_tenants() as (children, nursery, ear, tenants):
        children.change("stranger", ear)
        assert (children.decoder, ear.ready) == (None, 2)
        with born(nursery) as fresh:
            children.read(ear, 0.0)
            assert children.decoder is not None
            assert children.decoder.pid == fresh.pid not in {each.pid for each in tenants}


def test_a_parked_decoder_ends_when_its_time_is_over() -> None:
    with two_tenants() as (children, _, ear, (acmes, _)):
        assert time.monotonic() < children.deadline <= time.monotonic() + PARKED_SECONDS
        children.read(ear, children.deadline)
        assert acmes.wait(10) == -9
        assert ear.parked == []


def test_a_parked_decoder_that_ends_by_itself_is_told() -> None:
    with two_tenants() as (children, nursery, ear, (acmes, _)):
        nursery.send(tasks.encode(tasks.Died(acmes.pid, 9)))
        children.read(ear, 0.0)
        assert [run.tenant for run in ear.parked] == ["acme"]
        children.change("acme", ear)
        assert children.decoder is None


def test_so_are_all_that_go_with_their_nursery() -> None:
    with two_tenants() as (children, nursery, ear, (acmes, _)):
        nursery.close()
        children.read(ear, 0.0)
        assert [run.tenant for run in ear.parked] == ["acme"]
        assert acmes.wait(10) == -9


def test_what_a_parked_decoder_wrote_is_no_answer_to_its_next_task() -> None:
    with warm(Parking(2, 1 << 30)) as (children, _), subprocess.Popen(["sleep", "60"]) as child:
        ear = Ear()
        link, theirs = socket.socketpair()
        watch, status_page = os.pidfd_open(child.pid), StatusPage()
        present = Decoder(child.pid, theirs, watch, status_page)
        present.run.tenant, children.decoder = "acme", present
        try:
            children.change("other", ear)
            link.send(tasks.frame(tasks.Done(1.0, 1)))
            children.change("acme", ear)
            assert (ear.words, ear.ready) == ([tasks.Done(1.0, 1)], 1), "heard before a task is handed over"
        finally:
            child.kill()
            link.close()


def test_a_decoder_to_spare_is_asked_for_as_such(pair: tuple[Children, socket.socket]) -> None:
    children, nursery = pair
    children.keep_spare()
    assert [nursery.recv(100) for _ in range(2)] == [tasks.FORK, tasks.SPARE]
