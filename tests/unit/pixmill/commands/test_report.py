"""The exit status of several faults, and colours."""

import io
import sys

import pytest

from pixmill.commands.report import Report, elsewhere, label
from pixmill.core.errors import PixmillError, Unreachable, refusal


@pytest.mark.parametrize(
    ("statuses", "well", "status"),
    [((), 0, 0), ((415,), 0, 3), ((415, 404), 0, 3), ((415,), 1, 1), ((415, 401), 1, 4), ((401, 0), 1, 5)],
)
def test_the_worst_fault_is_the_status(
    statuses: tuple[int, ...], well: int, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report()
    for each in statuses:
        fault: PixmillError = refusal(each, {}) if each else Unreachable("away")
        report.fault("a.jpg", fault)
    report._well = well
    assert report.status == status
    assert len(capsys.readouterr().err.splitlines()) == len(statuses)


class Terminal(io.StringIO):
    """Says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("no_color", [True, False])
def test_no_color_is_heard(monkeypatch: pytest.MonkeyPatch, no_color: bool) -> None:
    shown = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", shown)
    Report().fault("a.jpg", refusal(415, {"detail": "no image"}))
    assert ("\x1b[31m" in shown.getvalue()) is not no_color


def test_what_moves_a_cursor_is_shown_as_an_escape() -> None:
    assert label("a\x1b[2J\u202eb\n\u00e9") == "a\\x1b[2J\\u202eb\\n\u00e9"


def test_a_server_that_nobody_has_named_may_be_elsewhere() -> None:
    here = "no connection to http://localhost:3000 (refused)"
    assert elsewhere(here) == f"{here}; if it is elsewhere, set --url or PIXMILL_URL"
    for named in (
        "no connection to http://localhost:30001 (refused)",
        "no connection to https://pix.example (refused)",
    ):
        assert elsewhere(named) == named
