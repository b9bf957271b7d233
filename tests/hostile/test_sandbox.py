"""The walls around decoders: no escape, each layer by itself, and what a death there tells."""

import faulthandler
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from PIL import Image

from host.settings.settings import Settings
from jobs.images.exif import EXIF_START
from jobs.job import Code
from stores.blobs.memory import MemoryBlobs
from tests.hostile.attempts import Surroundings, surroundings
from tests.hostile.escapes import ADDRESS_BYTES_MAX, attempt, possible
from tests.support.clusters.cluster import wait_until
from tests.support.descriptors import forked
from tests.support.pictures.coloured import power
from tests.support.pictures.coloured import profile as profiled
from tests.support.pictures.images import corners, saved
from tests.unit.jobs.images.test_tags import PHOTO, block
from worker.boundary import sandbox, syscalls, tasks
from worker.boundary.status_page import StatusPage
from worker.decoder import nursery, serve
from worker.images import imagefile, pipeline
from worker.images.formats import turbojpeg, vips
from worker.keeper.autopsy import judge
from worker.keeper.bodies import Body
from worker.keeper.children import Children
from worker.keeper.results import Run

ESCAPES_LEAST = 40
"""That many must be shown to work where nothing is sealed."""
REFUSED = {"mmap past the limit", "setrlimit: more memory than ever"}
"""Calls that a decoder needs, with other arguments: refused by its limits."""
REFUSED_WITH_THREADS = {"clone3"}
"""glibc asks for it first, and does with clone where there is none."""
RECIPE = '{"renditions":[{"name":"a","width":8}]}'


@pytest.fixture
def around() -> Iterator[Surroundings]:
    with surroundings() as found:
        yield found


@pytest.mark.parametrize("threads", [False, True])
def test_no_escape_succeeds_and_each_death_names_the_call(around: Surroundings, threads: bool) -> None:
    outcomes = {tried.name: (tried.number, attempt(around, tried, True, threads)) for tried in possible(around)}
    assert [name for name, (_, outcome) in outcomes.items() if not outcome.stopped] == []
    refused = {name for name, (_, outcome) in outcomes.items() if outcome.how.startswith("refused")}
    assert refused == (REFUSED | REFUSED_WITH_THREADS if threads else REFUSED)
    named = [(name, number, out.call) for name, (number, out) in outcomes.items() if out.call is not None]
    assert [each for each in named if each[1] != each[2]] == []
    assert len(named) > ESCAPES_LEAST


@pytest.mark.skipif(not vips.INSTALLED, reason="needs the extra vips")
def test_no_escape_succeeds_where_libvips_is_loaded_and_had_a_thread() -> None:
    subprocess.run([sys.executable, "-m", "tests.hostile.escapes"], check=True, stdout=subprocess.DEVNULL)


def test_the_escapes_are_escapes(around: Surroundings) -> None:
    working = [tried for tried in possible(around) if tried.works]
    free = [tried.name for tried in working if not attempt(around, tried, sealed=False).stopped]
    assert len(free) >= ESCAPES_LEAST


def ended(act: Callable[[StatusPage], object], *kept: int) -> tuple[int, tuple[str, int | None]]:
    """The wait status and the last status page of a child that does this and ends; it has `kept` of our descriptors."""
    status_page = StatusPage()
    status = os.waitpid(forked(lambda: act(status_page), kept), 0)[1]
    told = status_page.read()
    status_page.close()
    return status, told


def seal(status_page: StatusPage) -> tuple[str, ...]:
    return sandbox.seal(ADDRESS_BYTES_MAX, status_page.address(), threads=False)


def test_landlock_alone_keeps_the_files_the_network_and_the_neighbours_apart(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_seccomp", lambda *_: True)
    names = {"open to read", "open to write", "open below an inherited folder", "unlinkat", "mkdirat", "connect, TCP",
             "bind", "kill the parent", "connect, abstract unix", "getdents64"}  # fmt: skip
    outcomes = {tried.name: attempt(around, tried, sealed=True) for tried in possible(around) if tried.name in names}
    assert names == outcomes.keys()
    del outcomes["getdents64"]  # what was opened before stays open: seccomp's to stop
    assert {outcome.how for outcome in outcomes.values()} == {"refused, EACCES", "refused, EPERM"}


def test_limits_and_capabilities_hold_alone(around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_seccomp", lambda *_: True)
    monkeypatch.setattr(sandbox, "_landlock", lambda *_: True)
    names = {"setrlimit: more memory than ever", "mmap past the limit", "chroot", "mount", "dup3"}
    outcomes = {tried.name: attempt(around, tried, sealed=True) for tried in possible(around) if tried.name in names}
    assert {name: outcome.how for name, outcome in outcomes.items() if not outcome.stopped} == {"dup3": "DONE"}
    assert len(outcomes) == len(names)

    def write(status_page: StatusPage) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        seal(status_page)
        os.write(around.file, b"more")

    status, _ = ended(write, around.file)
    assert os.WTERMSIG(status) == signal.SIGXFSZ


def test_a_missing_layer_is_named_and_the_others_are_put_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscalls, "ARCHITECTURES", {})

    def act(status_page: StatusPage) -> None:
        lacking = seal(status_page)
        try:
            os.open("/etc/passwd", os.O_RDONLY)
        except PermissionError:
            os._exit(42 if lacking == ("seccomp",) else 1)

    status, _ = ended(act)
    assert os.waitstatus_to_exitcode(status) == 42


def test_abort_is_still_a_crash_and_no_violation() -> None:
    def act(status_page: StatusPage) -> None:
        faulthandler.disable()  # pytest's
        seal(status_page)
        os.abort()

    status, _ = ended(act)
    assert judge(tasks.Died(1, status))[0] == Code.DECODER_CRASHED


def test_a_signal_of_its_own_cannot_keep_a_violation_alive() -> None:
    def act(status_page: StatusPage) -> None:
        seal(status_page)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGSYS})
        os.getuid()

    status, told = ended(act)
    assert os.WTERMSIG(status) == signal.SIGSYS
    assert told == ("idle", None), "blocked, the signal kills before the trap can tell"


class Ear:
    """A Listener that keeps what it heard."""

    def __init__(self) -> None:
        self.words: list[Any] = []
        self.deaths: list[tasks.Died] = []
        self.ready = 0
        self.parked: Run | None = None

    def over(self) -> bool:
        return bool(self.deaths) or any(isinstance(word, tasks.Done | tasks.Fault) for word in self.words)

    def decoder_ready(self) -> None:
        self.ready += 1

    def sink_for(self, word: tasks.Rendered, size: int) -> Body:
        return Body(MemoryBlobs(), word.name, size)

    def decoder_said(self, word: Any, sink: Any) -> None:
        self.words.append(word)

    def decoder_ended(self, death: tasks.Died, run: Run) -> None:
        self.deaths.append(death)

    def parked_ended(self, run: Run) -> None:
        self.parked = run


@contextmanager
def children(tmp_path: Path) -> Iterator[Callable[..., Ear]]:
    """A real nursery of this process's, and what its decoders say to an image that they are handed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper = os.getpid()
    pid = forked(lambda: nursery.run(theirs, keeper, Settings()), [theirs.fileno()])
    theirs.close()
    family = Children(pid, ours)
    family.wait_warm()

    def received(ear: Ear) -> Ear:
        family.read(ear, 0.0)
        return ear

    def hand_over(image: bytes, recipe: str = RECIPE) -> Ear:
        ear = Ear()
        wait_until(lambda: received(ear).ready, 10, "a decoder")
        (tmp_path / "original").write_bytes(image)
        with (tmp_path / "original").open("rb") as original:
            family.hand_over(tasks.Task(recipe, 10**8, 500, 1 << 29), [original.fileno()], ear)
        wait_until(lambda: received(ear).over(), 10, "an end")
        return ear

    try:
        yield hand_over
    finally:
        family.close()


def decode_in_decoders(monkeypatch: pytest.MonkeyPatch, decode: Callable[..., Any]) -> None:
    """In place of imagefile.decode, once a decoder has its task: the nursery warms up with the real one. No JPEG is
    decoded to planes."""

    def run(*arguments: Any) -> Iterator[pipeline.Output]:
        imagefile.decode, turbojpeg.INSTALLED = decode, False
        yield from pipeline.run(*arguments)

    monkeypatch.setattr(serve, "run", run)


def test_a_sealed_decoder_works_and_says_nothing_of_lacking_layers(tmp_path: Path) -> None:
    with children(tmp_path) as hand_over:
        assert [type(word) for word in hand_over(saved(corners())).words] == [tasks.Rendered, tasks.Done]


def test_a_sealed_decoder_finds_all_facts_and_pages(tmp_path: Path) -> None:
    """It can import nothing any more: no codec of a text, no calendar."""
    exif = EXIF_START + block("<", PHOTO)
    name = struct.pack(">4s4xII4sII", b"mluc", 1, 12, b"enUS", 10, 28) + "Größe".encode("utf-16-be")
    profile = profiled("x", power(1.8), more={b"desc": name})
    photo = saved(corners(), "JPEG", exif=exif, icc_profile=profile)
    recipe = '{"info":["location"],"palette":3,"placeholder":["thumbhash","blurhash","lqip"]}'
    moving = saved(corners(), "WEBP", save_all=True, append_images=[Image.new("RGB", (64, 32))])
    pages = saved(corners(), "TIFF", save_all=True, append_images=[Image.new("L", (9, 9))])
    still = '{"renditions":[{"name":"a","page":1}]}'
    with children(tmp_path) as hand_over:
        seen, *rest = hand_over(photo, recipe).words
    assert [type(word) for word in rest] == [tasks.Done]
    told = seen.facts.info
    assert (told.artist, told.captured_at, told.profile) == ("Müller", "2026-12-01T04:30:05+02:00", "Größe")
    animated = '{"renditions":[{"animated":true,"format":"avif","name":"a"}],"info":true}'
    for data, asked, said in ((moving, animated, [tasks.Seen]), (moving, still, []), (pages, still, [])):
        with children(tmp_path) as hand_over:
            words = hand_over(data, asked).words
        assert [type(word) for word in words] == [*said, tasks.Rendered, tasks.Done]


def test_what_the_tests_before_left_open_takes_no_wall_from_a_child(tmp_path: Path) -> None:
    """A decoder comes from a nursery that has few descriptors, and may have no more than 64."""

    def act(status_page: StatusPage) -> None:
        os._exit(42 if seal(status_page) == () else 1)

    left = [os.open(os.devnull, os.O_RDONLY) for _ in range(2 * sandbox.LIMITS[resource.RLIMIT_NOFILE])]
    try:
        assert os.waitstatus_to_exitcode(ended(act)[0]) == 42
        with surroundings() as around:
            outcomes = {tried.name: attempt(around, tried, sealed=True).stopped for tried in possible(around)[:5]}
        assert all(outcomes.values()), outcomes
        with children(tmp_path) as hand_over:
            assert [type(word) for word in hand_over(saved(corners())).words] == [tasks.Rendered, tasks.Done]
    finally:
        for descriptor in left:
            os.close(descriptor)


@pytest.mark.parametrize(("format", "stage"), [("JPEG", "decode_scaled"), ("PNG", "decode_whole")])
def test_a_codec_that_opens_a_file_ends_its_job_as_a_violation_with_an_autopsy(
    format: str, stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode_in_decoders(monkeypatch, lambda *_, **__: os.open("/etc/passwd", os.O_RDONLY))
    with children(tmp_path) as hand_over:
        (death,) = hand_over(saved(corners(), format)).deaths
    code, detail = judge(death)
    assert code == Code.SANDBOX_VIOLATION
    assert detail.startswith("the decoder ended by signal 31 (SIGSYS) for openat (")
    assert f"at {stage}, " in detail
    assert 5e6 < death.peak_bytes < 5e9, "bytes; a decoder has those of the process that it was forked from"


def test_a_fault_of_our_own_is_told_without_opening_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> NoReturn:
        raise KeyboardInterrupt("our own fault")

    decode_in_decoders(monkeypatch, broken)
    with children(tmp_path) as hand_over:
        ear = hand_over(saved(corners(), "JPEG"))
    (story,) = [word.story for word in ear.words if isinstance(word, tasks.Broke)]
    assert story.startswith("KeyboardInterrupt: our own fault in serve:")
    code, detail = judge(ear.deaths[0], story)
    assert code == Code.DECODER_LOST
    assert "ended with status 1, at decode_scaled" in detail
    assert detail.endswith(story)
