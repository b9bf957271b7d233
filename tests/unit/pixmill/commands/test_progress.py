"""The bars: what they count, and where nothing is shown."""

import io
from pathlib import Path

from rich.console import Console

from pixmill.commands.folders.files import Picked
from pixmill.commands.progress import Bars

FILES = [Picked(Path(f"{number}.jpg"), data=bytes(1_500_000)) for number in range(2)]


def shown(*, terminal: bool, wanted: bool = True) -> str:
    """What is on the terminal after one of two files was sent, lost, sent again and told."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=100, color_system=None)
    with Bars(console, FILES, shown=wanted, word="jobs done") as bars:
        for count in (500_000, 1_500_000, 0, 1_500_000):
            bars.sent(FILES[0], count)
        bars.told(FILES[0])
    return text.getvalue()


def test_bytes_and_jobs_are_counted_once_however_often_they_are_sent() -> None:
    said = shown(terminal=True)
    last = said.rsplit("bytes up", 1)[1]
    assert "1.5 of 3.0 MB" in last
    assert "jobs done" in last and "1 of 2" in last


def test_nothing_is_shown_where_nobody_sees_it() -> None:
    assert shown(terminal=False) == ""
    assert shown(terminal=True, wanted=False) == ""
