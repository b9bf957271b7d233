"""What is told of a dead decoder, and by whom it is said once."""

import logging
import os
import signal
import socket

import pytest

from host.settings.settings import Settings
from jobs.job import Code
from stores.blobs.memory import MemoryBlobs
from worker.boundary import tasks
from worker.boundary.status_page import DEAF, GARBAGE, LOST, StatusPage
from worker.keeper.autopsy import judge
from worker.keeper.children import Children
from worker.keeper.results import Results
from worker.keeper.work import Work


@pytest.mark.parametrize(
    ("death", "code", "detail"),
    [
        (tasks.Died(1, GARBAGE), Code.DECODER_CRASHED, "the decoder spoke garbage"),
        (tasks.Died(1, LOST), Code.DECODER_LOST, "the decoder went with its nursery"),
        (tasks.Died(1, DEAF), Code.DECODER_CRASHED, "the decoder did not take a task"),
        (
            tasks.Died(1, signal.SIGSEGV, 31_000_000, "decode"),
            Code.DECODER_CRASHED,
            "the decoder ended by signal 11 (SIGSEGV), at decode, 31 MB of memory at most",
        ),
        (tasks.Died(1, 40), Code.DECODER_LOST, "the decoder ended by signal 40 (real-time)"),
        (tasks.Died(1, signal.SIGKILL), Code.DECODER_LOST, "the decoder ended by signal 9 (SIGKILL)"),
        (tasks.Died(1, signal.SIGSYS), Code.SANDBOX_VIOLATION, "the decoder ended by signal 31 (SIGSYS)"),
        (
            tasks.Died(1, signal.SIGSYS, 0, "decode", 165),
            Code.SANDBOX_VIOLATION,
            "the decoder ended by signal 31 (SIGSYS) for system call 165, at decode",
        ),
        (
            tasks.Died(1, 7 << 8, 0, "look"),
            Code.DECODER_LOST,
            "the decoder ended with status 7, at look",
        ),
    ],
)
def test_a_death_has_its_code_and_its_story(death: tasks.Died, code: Code, detail: str) -> None:
    assert judge(death) == (code, detail)
    assert judge(death, "TypeError: x") == (code, f"{detail}, TypeError: x")


def test_a_status_page_keeps_the_last_stage_whatever_a_decoder_writes_there() -> None:
    status_page = StatusPage()
    assert status_page.read() == ("idle", None)
    status_page.at("rendition " + "x" * 100)
    status_page.at("rendition a")
    assert status_page.read() == ("rendition a", None)
    status_page.at("\x1b[31m\nlevel=error <b>")
    assert status_page.read() == ("31mlevelerror b", None)


def test_a_status_page_is_read_by_whoever_has_its_descriptor_and_cut_off_by_nobody() -> None:
    status_page = StatusPage()
    reader = StatusPage(os.dup(status_page.descriptor))
    if (pid := os.fork()) == 0:
        status_page.at("decode")
        os._exit(0)
    os.waitpid(pid, 0)
    with pytest.raises(PermissionError):
        os.ftruncate(status_page.descriptor, 0)
    status_page.close()
    assert reader.read() == ("decode", None)
    reader.close()


def test_missing_layers_are_logged_once_for_a_worker(caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        blobs = MemoryBlobs()
        log = logging.getLogger("test_autopsy")
        work = Work(Settings(), Children(0, ours), blobs, Results(None, blobs, "e"), lambda _: None, log)
        for _ in range(3):
            work.decoder_said(tasks.Unsealed(("landlock",)), None)
    (record,) = caplog.records
    assert record.getMessage() == "sandbox_lacks_layer"
    assert record.__dict__["layers"] == "landlock"
