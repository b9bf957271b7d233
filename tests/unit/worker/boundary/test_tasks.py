"""The frames between keeper and decoder: cut anywhere, and nothing believed that no decoder of ours says."""

import os
import socket
import struct
from typing import Any

import pytest

from jobs.errors import WireFault
from worker.boundary import tasks

BODY = b"pixels" * 100
DONE = tasks.Done(12.5, 1000)
STREAM = tasks.frame(tasks.Rendered("thumb", "jpeg", "jpg", 10, 20), len(BODY)) + BODY + tasks.frame(DONE)
WORDS = [(tasks.Rendered("thumb", "jpeg", "jpg", 10, 20), BODY), (DONE, None)]


class Sink(bytearray):
    """Keeps what is written to it."""

    def write(self, data: memoryview) -> None:
        self += data


def sink_for(word: tasks.Rendered, size: int) -> Sink:
    return Sink()


def received(frames: tasks.Frames, data: bytes) -> list[tuple[Any, Any]]:
    return list(frames.feed(memoryview(data), sink_for))


@pytest.mark.parametrize("size", [1, 7, 13, 10_000])
def test_a_stream_is_cut_into_words_however_it_arrives(size: int) -> None:
    frames = tasks.Frames()
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    assert [found for piece in pieces for found in received(frames, piece)] == WORDS


def test_a_body_is_refused_by_its_size_before_a_byte_of_it_came() -> None:
    def none(word: tasks.Rendered, size: int) -> Sink:
        raise WireFault(f"{size} bytes")

    said = tasks.frame(tasks.Rendered("a", "jpeg", "jpg", 1, 1), 2**31)
    with pytest.raises(WireFault, match="2147483648 bytes"):
        list(tasks.Frames().feed(memoryview(said), none))


@pytest.mark.parametrize(
    ("name", "extension"), [("../x", "jpg"), ("a/b", "jpg"), ("", "jpg"), ("a", "j/pg"), ("a", ""), ("a", "jpg\n")]
)
def test_a_name_that_could_leave_its_folder_is_no_word(name: str, extension: str) -> None:
    forged = tasks.frame(tasks.Rendered(name, "jpeg", extension, 1, 1), 1)
    with pytest.raises(WireFault, match="no word"):
        received(tasks.Frames(), forged)


@pytest.mark.parametrize(
    "noise",
    [
        struct.pack("!II", 1 << 30, 0),
        struct.pack("!II", 4, 0) + b"\xff\xff\xff\xff",
        struct.pack("!II", 0, 1),
        tasks.frame(tasks.Rendered("a", "jpeg", "jpg", 1, 1)),
        tasks.frame(DONE, 1) + b"x",
        tasks.frame(tasks.Broke("x"), 1) + b"x",
        tasks.frame(tasks.Unsealed(()), 1) + b"x",
        tasks.frame(tasks.Unsealed(())) * 2,
        tasks.frame(DONE) + tasks.frame(tasks.Unsealed(())),
        tasks.frame(tasks.Broke("x")) * 2,
        tasks.frame(tasks.Broke("x")) + tasks.frame(DONE),
        tasks.frame(tasks.Rendered("a", "jpeg", "jpg", 1, 1, None, ("x" * 33,)), 1),
        tasks.frame(tasks.Rendered("a", "jpeg", "jpg", 1, 1, None, ("x",) * 33), 1),
        tasks.frame(tasks.Rendered("a", "jpeg", "jpg", 1, 1, None, ("no word",)), 1),
        tasks.frame(tasks.Task("{}", 1, 1, 1)),
        tasks.frame(tasks.Fault("cancelled", "its tries would be free")),
        tasks.frame(tasks.Done(-1.0, 0)),
        tasks.frame(tasks.Done(1.0, -1)),
    ],
)
def test_noise_is_a_wire_fault(noise: bytes) -> None:
    with pytest.raises(WireFault):
        received(tasks.Frames(), noise)


def test_a_task_comes_with_its_descriptors_and_the_end_with_none() -> None:
    keeper, decoder = socket.socketpair()
    reader, writer = os.pipe()
    task = tasks.Task("r" * 16_000, 1, 2, 3, ["d" * 64] * 16)
    with keeper, decoder:
        socket.send_fds(keeper, [tasks.frame(task)], [reader] * 17)
        received = tasks.receive_task(decoder)
        assert received is not None
        os.write(writer, b"original")
        assert len(received[1]) == 17
        assert (received[0], os.read(received[1][0], 100)) == (task, b"original")
        keeper.close()
        assert tasks.receive_task(decoder) is None
    for descriptor in (reader, writer, *received[1]):
        os.close(descriptor)
