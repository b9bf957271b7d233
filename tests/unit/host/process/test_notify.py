"""What a process tells whoever started it: that it is ready, and by its loop that it lives."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.process import notify

WATCHED = {"WATCHDOG_USEC": "20000000"}
HUNG = """
import signal
from host.process.notify import Watchdog
Watchdog()
def where_it_hangs():
    print("hangs", flush=True)
    signal.sigwait([signal.SIGUSR1])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
where_it_hangs()
"""


@pytest.fixture
def notices(monkeypatch: pytest.MonkeyPatch) -> Iterator[notify.Notices]:
    with tempfile.TemporaryDirectory(prefix="pm-") as folder:
        received = notify.Notices(Path(folder) / "notify.sock")
        monkeypatch.setenv("NOTIFY_SOCKET", str(Path(folder) / "notify.sock"))
        yield received
        received.socket.close()


def test_readiness_that_nobody_hears_stops_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone.sock"))
    notify.ready()


def test_a_watched_loop_says_four_times_in_each_limit_that_it_lives(notices: notify.Notices) -> None:
    watchdog, told = notify.Watchdog(WATCHED), list[float]()
    for tenth in range(600):
        watchdog.turned(100.0 + tenth / 10)
        told += [tenth / 10 for _ in notices.received()]
    assert told == [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0]
    assert watchdog.seconds == 5.0


def test_its_word_repeats_that_it_is_ready(notices: notify.Notices) -> None:
    """The one that said so first may have been lost."""
    notify.Watchdog(WATCHED).turned(0.0)
    assert notices.received() == [(os.getpid(), {"READY": "1", "WATCHDOG": "1"})]


def test_a_status_is_one_line_for_whoever_started_it(notices: notify.Notices) -> None:
    notify.status("the broker lets us in")
    assert notices.received() == [(os.getpid(), {"STATUS": "the broker lets us in"})]


@pytest.mark.parametrize(
    "environ", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {**WATCHED, "WATCHDOG_PID": "1"}]
)
def test_who_is_not_watched_says_nothing(notices: notify.Notices, environ: dict[str, str]) -> None:
    notify.Watchdog(environ).turned(1e9)
    assert notices.received() == []


def test_nobody_waits_for_a_supervisor_that_does_not_read(notices: notify.Notices) -> None:
    watchdog = notify.Watchdog(WATCHED)
    for turn in range(2000):
        watchdog.turned(turn * 5.0)
    assert 0 < len(notices.received()) < 2000, "the queue was never full"


def test_a_child_hears_its_own_supervisor_and_not_that_ones_watchdog() -> None:
    environ = {"PATH": "/bin", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "NOTIFY_SOCKET": "/run/systemd/notify"}
    told = notify.environ_of_child(environ, Path("/run/pixmill/notify.sock"), 20.0)
    assert told == {"PATH": "/bin", "NOTIFY_SOCKET": "/run/pixmill/notify.sock", **WATCHED}


def test_a_watched_process_writes_down_where_it_hangs() -> None:
    environ = os.environ | WATCHED
    pipe = subprocess.PIPE
    hung = subprocess.Popen([sys.executable, "-c", HUNG], env=environ, stdout=pipe, stderr=pipe, text=True)
    try:
        assert hung.stdout is not None and hung.stderr is not None
        assert hung.stdout.readline() == "hangs\n"
        hung.send_signal(signal.SIGQUIT)
        assert "where_it_hangs" in "".join(hung.stderr.readline() for _ in range(3))
        assert hung.poll() is None, "it is for whoever watches to end it"
    finally:
        hung.kill()
        hung.communicate()


def test_progress_is_a_sign_of_life_and_not_readiness_and_told_once_a_second(
    notices: notify.Notices, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    progress = notify.Progress()
    for _ in range(3):
        progress()
    said = {"WATCHDOG": "1", "EXTEND_TIMEOUT_USEC": "60000000"}
    assert notices.received() == [(os.getpid(), said)]
    now += notify.PROGRESS_SECONDS
    progress()
    assert notices.received() == [(os.getpid(), said)]


def test_progress_that_nobody_hears_stops_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone.sock"))
    notify.Progress()()
