"""A server that is away is told once, and never in control characters of its own."""

import logging

import pytest

from pixmill.client.absence import Absence
from pixmill.core.requests import Retry
from pixmill.testing import FakePixmill


def retry(failing: float, following: float) -> Retry:
    return Retry("no connection", failing, following, 60.0)


def test_each_absence_is_told_once() -> None:
    told: list[str] = []
    now = 0.0
    absence = Absence(told.append, lambda: now)
    absence(retry(0.0, 0.2))
    absence(retry(0.6, 0.8))
    assert told == []
    for moment in (1.4, 3.0, 50.0):
        now = moment
        absence(retry(moment, 1.6))
    assert told == ["no connection: not there yet, trying for 60 s"]
    now = 100.0
    absence(retry(2.0, 1.0))
    assert len(told) == 2


def test_a_program_that_says_nothing_else_has_it_in_the_log(
    pixmill_service: FakePixmill, caplog: pytest.LogCaptureFixture
) -> None:
    client = pixmill_service.client()
    pixmill_service.refuse("broker_silent", "no \x1b[31mbroker", times=5)
    client.stats()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("pixmill", logging.WARNING)
    assert record.message == (
        "http://pixmill.test says: no \\x1b[31mbroker (broker_silent): not there yet, trying for 60 s"
    )
    caplog.clear()
    pixmill_service.refuse("broker_silent", times=2)
    client.stats()
    assert caplog.records == []
