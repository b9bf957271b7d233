"""Records become lines: ours, those of libraries, faults that nobody catches, and repeats."""

import logging
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from host.log.handler import LogHandler, take_over
from host.log.lines import Line


@pytest.fixture
def lines() -> list[Line]:
    return []


@pytest.fixture
def log(lines: list[Line]) -> Iterator[logging.Logger]:
    logger = logging.getLogger("test_handler")
    logger.propagate, logger.handlers[:] = False, [LogHandler("web", [lines.append], ("hunter2hunter2",))]
    logger.setLevel("DEBUG")
    yield logger
    logger.handlers.clear()


def test_a_listed_event_has_its_members_and_anything_else_is_what_a_library_said(
    log: logging.Logger, lines: list[Line]
) -> None:
    log.info("uploaded", extra={"job": "j"})
    log.warning("a pool of %d is full", 3)
    log.error("uploaded %s", "x")
    assert [(line.event, line.level, line.members) for line in lines] == [
        ("uploaded", "info", {"job": "j"}),
        ("library_said", "warning", {"logger": "test_handler", "said": "a pool of 3 is full"}),
        ("library_said", "error", {"logger": "test_handler", "said": "uploaded x"}),
    ]


@pytest.mark.parametrize(
    ("text", "values", "said"), [({"a": 1}, (), "{'a': 1}"), (ValueError("x"), (), "x"), ("%d of %d", (1,), "%d of %d")]
)
def test_whatever_a_library_logs_is_a_line(
    lines: list[Line], text: object, values: tuple[object, ...], said: str
) -> None:
    record = logging.makeLogRecord({"name": "pool", "levelname": "ERROR", "msg": text, "args": values})
    LogHandler("web", [lines.append]).emit(record)
    assert [(line.event, line.members["said"]) for line in lines] == [("library_said", said)]


def test_no_secret_of_the_settings_is_in_a_line(log: logging.Logger, lines: list[Line]) -> None:
    try:
        raise OSError("login hunter2hunter2 failed")
    except OSError:
        log.exception("no route to hunter2hunter2")
    assert "hunter2" not in repr(lines) and "OSError: login *** failed" in lines[0].error


def test_repeats_are_counted_and_told_when_their_time_is_over(
    log: logging.Logger, lines: list[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for _ in range(50):
        log.warning("cache_failing", extra={"why": "away"})
    log.warning("cache_failing", extra={"why": "full"})
    assert len(lines) == 5 + 1
    now[0] = 60.0
    log.info("uploaded", extra={"job": "j"})
    assert [(line.event, line.members) for line in lines[6:]] == [
        ("cache_failing", {"why": "away", "repeated": 45}),
        ("uploaded", {"job": "j"}),
    ]


def test_what_is_held_back_is_told_at_the_end(log: logging.Logger, lines: list[Line]) -> None:
    for _ in range(7):
        log.warning("cache_failing", extra={"why": "away"})
    log.handlers[0].close()
    assert lines[-1].members == {"why": "away", "repeated": 2}


def test_a_sink_that_fails_is_told_once_to_the_others(lines: list[Line]) -> None:
    def full(_: Line) -> None:
        raise OSError(28, "No space left on device")

    both = LogHandler("web", [full, lines.append])
    for job in "jk":
        both.emit(logging.makeLogRecord({"name": "web", "levelname": "INFO", "msg": "uploaded", "job": job}))
    assert [line.event for line in lines] == ["log_unwritable", "uploaded", "uploaded"]
    assert lines[0].members == {"why": "No space left on device"}


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The hooks of the interpreter are as before at the end."""
    for owner, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    yield
    logging.captureWarnings(False)


@pytest.mark.usefixtures("hooks")
def test_a_fault_that_nobody_catches_is_one_line(log: logging.Logger, lines: list[Line]) -> None:
    take_over(log)
    sys.excepthook(ValueError, ValueError("lost"), None)
    for work in (lambda: 1 / 0, sys.exit):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert [(line.event, line.level) for line in lines] == [("crashed", "critical")] * 2
    assert lines[0].error.strip() == "ValueError: lost" and "ZeroDivisionError" in lines[1].error
