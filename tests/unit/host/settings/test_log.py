"""A line of the log, whatever is in its values."""

import logging
from collections.abc import Iterator

import pytest

from host.settings import log
from host.settings.log import _Console
from host.settings.settings import Settings


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("north", "north"),
        ("Café 5", "Café 5"),
        ("evil\n12:00:00.000 broker       ready", "evil\\n12:00:00.000 broker       ready"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\u2028", "\\u2028"),
    ],
)
def test_a_value_that_others_chose_writes_no_line_of_its_own(value: str, shown: str) -> None:
    record = logging.makeLogRecord({"name": "broker", "msg": "assigned", "worker": value})
    line = _Console(colour=False).format(record)
    assert line.endswith(f"worker={shown}")
    assert line.isprintable()


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A root logger without handlers; it is as before at the end, its level included."""
    level = logging.getLogger().level
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    yield
    logging.getLogger().setLevel(level)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("", True), ("1", False)])
def test_no_color_is_honoured(
    no_color: str | None, coloured: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """no-color.org: an empty value counts as none."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    log.start("broker", Settings(log_format="console")).warning("ready")
    assert ("\x1b[" in capsys.readouterr().err) == coloured
