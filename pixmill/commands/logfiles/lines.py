"""One line of a server's log: read from text, filtered, and shown to a person.

Pure. Owns what a line is: a JSON object with `at`, `level`, `role` and `event`, perhaps behind a prefix that docker
compose or journald wrote. The server's side of it is host/log/lines.py, which this package does not import.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

LINE_CHARACTERS_MAX = 65_536
"""A longer line is no line of the log: the server writes 4,096 bytes at most."""
PREFIX_CHARACTERS_MAX = 200
LEVELS = ("debug", "info", "warning", "error", "critical")
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_AGO = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_FIXED = frozenset({"at", "level", "role", "process", "event", "error"})
_UNQUOTED = frozenset(' ="')


@dataclass(frozen=True, slots=True)
class Line:
    """`at` is in RFC 3339, in UTC: texts in the order of time. `members`: all of the object."""

    at: str
    level: str
    role: str
    event: str
    members: dict[str, Any]


def parsed(text: str) -> Line | None:
    """The line in a text; None if there is none."""
    begin = text.find("{", 0, PREFIX_CHARACTERS_MAX)
    if begin < 0 or len(text) > LINE_CHARACTERS_MAX:
        return None
    try:
        members = json.loads(text[begin:])
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict):
        return None
    at, level, role, event = (members.get(name) for name in ("at", "level", "role", "event"))
    if not (isinstance(at, str) and isinstance(role, str) and isinstance(event, str)):
        return None
    return Line(at, level, role, event, members) if _AT.fullmatch(at) and level in LEVELS else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are asked for. What is empty takes all. `level` is the lowest; `since` is as Line.at; `named`: values
    of members, as of job."""

    level: str = LEVELS[0]
    events: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    since: str = ""
    named: dict[str, str] = field(default_factory=dict)

    def takes(self, line: Line) -> bool:
        """Whether `line` is asked for."""
        return (
            line.at >= self.since
            and LEVELS.index(line.level) >= LEVELS.index(self.level)
            and (not self.events or line.event in self.events)
            and (not self.roles or line.role in self.roles)
            and all(line.members.get(name) == value for name, value in self.named.items())
        )


def moment(text: str, now: datetime) -> str:
    """A time as Line.at has it, of an RFC 3339 time, or of how long ago it is (`90s`, `15m`, `2h`, `1d`). Raises
    ValueError."""
    if ago := _AGO.fullmatch(text):
        at = now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
    else:
        at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time needs its zone, as 2026-11-30T09:00:00Z")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown(line: Line) -> list[str]:
    """A line for a person. Only a traceback has more lines, which are indented. Each is printable."""
    process = line.members.get("process", "")
    level = "" if line.level == "info" else f" {line.level.upper()}"
    members = "".join(f" {name}={_quoted(value)}" for name, value in line.members.items() if name not in _FIXED)
    first = f"{line.at} {f'{line.role}.{process}':<18}{level} {line.event}{members}"
    error = line.members.get("error", "")
    return [_printable(first), *(f"    {_printable(part)}" for part in str(error).splitlines())]


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if text and _UNQUOTED.isdisjoint(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _printable(text: str) -> str:
    """Without characters that are invisible or act on a terminal: anybody may have written the file."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
