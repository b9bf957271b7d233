"""The options that all commands have, before or after the command's name, and the exit status of a fault.

Exit status: 0 all is done (or promised, where nothing was waited for); 1 something is not; 2 wrong usage; 3 refused;
4 the key; 5 the server is away; 130 Ctrl-C.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from pixmill.client.absence import Absence
from pixmill.client.aio import AsyncClient
from pixmill.client.blocking import Client
from pixmill.client.origin import DEFAULT_URL
from pixmill.commands.report import Report, elsewhere, label
from pixmill.core.errors import PixmillError

INTERRUPTED = 130


class _Point(click.ParamType[tuple[float, float], str]):
    """Two numbers from 0 to 1."""

    name = "x,y"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Fails for other texts."""
        try:
            x, y = map(float, value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not two numbers, as 0.5,0.3", param, ctx)
        if not (0 <= x <= 1 and 0 <= y <= 1):
            self.fail(f"{value!r}: both numbers are from 0 to 1", param, ctx)
        return x, y


POINT = _Point()
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
T = TypeVar("T")
_NAMES = ("url", "key_file", "as_json")


@dataclass(frozen=True)
class Asked:
    """What the common options say. `report` tells and counts."""

    url: str | None
    key: str | None
    report: Report

    def client(self) -> Client:
        """A client of this server. Raises UsageError."""
        return _made(lambda: Client(self.url, api_key=self.key, on_retry=_waiting(self.report.err)))

    def async_client(self) -> AsyncClient:
        """The same for asyncio."""
        return _made(lambda: AsyncClient(self.url, api_key=self.key, on_retry=_waiting(self.report.err)))


def _waiting(err: Console) -> Absence:
    return Absence(lambda text: err.print(label(elsewhere(text)), markup=False), time.monotonic)


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command, or the group, the common options."""
    options = (
        click.option("--url", help=f"The server; by default PIXMILL_URL, else {DEFAULT_URL}."),
        click.option("--key-file", type=FILE, help="A file with the API key; by default PIXMILL_API_KEY."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout; all prose on stderr."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def asking(command: Callable[..., int | None]) -> Callable[..., None]:
    """Gives a command the common options as `asked`. Its faults become a line and the exit status; so does Ctrl-C."""

    def run(**arguments: Any) -> None:
        """What click calls."""
        context = click.get_current_context()
        before = context.find_object(dict) or {}
        url, key_file, as_json = (arguments.pop(name) or before.get(name) for name in _NAMES)
        report = Report(as_json=bool(as_json))
        asked = Asked(url, text_of(key_file).strip() if key_file else None, report)
        try:
            status = command(asked=asked, **arguments)
        except (PixmillError, LookupError, OSError) as fault:
            report.fault("", fault)
            status = None
        except KeyboardInterrupt:
            report.say("interrupted")
            status = INTERRUPTED
        raise SystemExit(report.status if status is None else status)

    functools.update_wrapper(run, command)
    return common(run)


def served(command: Callable[..., int | None]) -> Callable[..., None]:
    """Gives a command a `client` of the server that is asked for, and the `report`."""

    @functools.wraps(command)
    def connected(asked: Asked, **arguments: Any) -> int | None:
        with asked.client() as client:
            return command(client=client, report=asked.report, **arguments)

    return asking(connected)


def text_of(path: Path) -> str:
    """The text of a file that an option names. Ends the command where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise click.ClickException(f"{label(path)} cannot be read: {fault}") from None


def recipe_of(preset: str | None, recipe: Path | None) -> str | None:
    """The text of --recipe. Raises UsageError if there is a --preset, too."""
    if preset and recipe:
        raise click.UsageError("--preset and --recipe exclude each other")
    return text_of(recipe) if recipe else None


def _made(make: Callable[[], T]) -> T:
    try:
        return make()
    except ValueError as fault:
        raise click.UsageError(str(fault)) from None
