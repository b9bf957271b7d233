"""`pixmill logs`: reads the log of a server on this machine, or from standard input. Asks no server."""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.text import Text

from pixmill.commands.logfiles.lines import LEVELS, Line, Wanted, moment, shown
from pixmill.commands.logfiles.reading import Reading
from pixmill.commands.options import Asked, asking
from pixmill.commands.report import Report

ROLES = ("web", "broker", "worker", "courier", "supervisor")
WRITTEN = Path("uploads/log/pixmill.jsonl")
"""The file that `make run-all` has written to, below the folder where it was started."""
STYLES = {"warning": "yellow", "error": "red", "critical": "bold red"}
STDIN = "-"


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True), metavar="[FILE|-]...")
@click.option("--job", metavar="ID", help="Only lines of this job.")
@click.option("--batch", metavar="ID", help="Only lines of this batch.")
@click.option("--request", metavar="ID", help="Only lines of this X-Request-ID.")
@click.option("--event", "events", multiple=True, metavar="WORD", help="Only this event; may be given several times.")
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="Only this role; likewise.")
@click.option("--level", type=click.Choice(LEVELS), default="debug", help="Only this level or a higher one.")
@click.option("--since", metavar="TIME", help="Only lines of 2026-11-30T09:00:00Z or later, or of the last 15m, 2h.")
@click.option("--follow", is_flag=True, help="Go on with what is appended, until Ctrl-C.")
@asking
def logs(
    asked: Asked, files: tuple[str, ...], events: tuple[str, ...], roles: tuple[str, ...], level: str,
    since: str | None, follow: bool, **named: str | None,
) -> int:  # fmt: skip
    """Show lines of the server's log, of several files in the order of time.

    FILE is one of JSON lines, as PIXMILL_LOG_PATH names; - is standard input, as of `docker compose logs`. Without one
    it is the file of PIXMILL_LOG_PATH, or that of `make run-all`. Lines that are none of the log are counted.
    """
    wanted = Wanted(level, events, roles, _since(since), {name: value for name, value in named.items() if value})
    paths, stdin = _sources(files)
    with Reading(paths, sys.stdin.buffer if stdin else None) as reading:
        for line in reading.lines():
            _tell(asked.report, wanted, line)
        if reading.unread:
            asked.report.say(f"lines that are none of the log: {reading.unread}")
        for line in reading.followed(time.sleep) if follow else ():
            _tell(asked.report, wanted, line)
    return 0


def _tell(report: Report, wanted: Wanted, line: Line) -> None:
    if wanted.takes(line):
        report.data(line.members)
        for text in () if report.as_json else shown(line):
            report.line(Text(text, style=STYLES.get(line.level, "")))


def _since(text: str | None) -> str:
    try:
        return moment(text, datetime.now(UTC)) if text else ""
    except (ValueError, OverflowError) as fault:
        raise click.BadParameter(f"{text!r} is no time: {fault}", param_hint="--since") from None


def _sources(files: tuple[str, ...]) -> tuple[list[Path], bool]:
    """The files, and whether standard input is read, too."""
    if files:
        return [Path(file) for file in files if file != STDIN], STDIN in files
    written = Path(os.environ.get("PIXMILL_LOG_PATH") or WRITTEN)
    if not written.exists():
        raise click.UsageError(f"there is no {written}: name a file, or - for standard input")
    return [written], False
