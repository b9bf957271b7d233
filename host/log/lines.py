"""One line of the log as data, and its two formats: JSON, and text for a person.

Pure. Owns the names of the members that every line has, and the bound of a line's bytes.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from host.log.events import HOLDERS
from host.log.plain import CUT, TEXT_CHARACTERS_MAX, cut, printable, value, without_secrets

LINE_BYTES_MAX = 4096
"""Bytes of a JSON line with its end. A pipe takes so many as one piece: lines of several processes never mix."""
ERROR_CHARACTERS_MAX = 2500
FIXED = ("at", "level", "role", "process", "event")
"""The members that every line begins with."""
_COLOURS = {"supervisor": "37", "web": "36", "broker": "33", "worker": "32", "courier": "35"}
_UNQUOTED = frozenset(' ="')
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Line:
    """`at`: wall time. `process`: the process id. `members` as they were given; `error`: a traceback."""

    at: float
    level: str
    role: str
    process: int
    event: str
    members: dict[str, object] = field(default_factory=dict)
    error: str = ""


def stamp(at: float) -> str:
    """A wall time in RFC 3339, in UTC, with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def safe(line: Line, secrets: tuple[str, ...] = ()) -> Line:
    """The line with values that are bounded and hold no secret. A member never hides one that every line has."""
    members = {
        (f"{name}_" if name in FIXED or name == "error" else name): value(given, secrets)
        for name, given in line.members.items()
    }
    error = without_secrets(_ends(line.error, 2 * TEXT_CHARACTERS_MAX), secrets)
    return Line(line.at, line.level, line.role, line.process, line.event, members, _ends(error, ERROR_CHARACTERS_MAX))


def as_json(line: Line) -> str:
    """A safe line as one JSON object of at most LINE_BYTES_MAX bytes, without a line's end."""
    told: dict[str, object] = dict(zip(FIXED, (stamp(line.at), *_fixed(line)), strict=True)) | line.members
    if line.error:
        told["error"] = line.error
    text = _encoded(told)
    while _bytes(text) >= LINE_BYTES_MAX:
        longest = max((name for name in told if isinstance(told[name], str)), key=lambda name: len(str(told[name])))
        told[longest] = cut(str(told[longest]), max(1, len(str(told[longest])) // 2))
        text = _encoded(told)
    return text


def as_text(line: Line, colour: bool) -> str:
    """A safe line for a person, at local time. Only a traceback has more lines, which are indented."""
    at = datetime.fromtimestamp(line.at)
    who = f"{f'{line.role}.{line.process}' if line.role in HOLDERS else line.role:<12}"
    if colour:
        who = f"\x1b[{_COLOURS.get(line.role, '0')}m{who}\x1b[0m"
    level = "" if line.level == "info" else f" {line.level.upper()}"
    members = "".join(f" {name}={_quoted(str(told))}" for name, told in line.members.items())
    text = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d} {who}{level} {line.event}{members}"
    return "\n    ".join([text, *map(printable, line.error.splitlines())])


def _fixed(line: Line) -> tuple[str, str, int, str]:
    return line.level, line.role, line.process, line.event


def _encoded(told: dict[str, object]) -> str:
    """JSON in which names of all scripts can be read, and nothing else than printable characters is."""
    try:
        return printable(_ENCODER.encode(told).decode())
    except UnicodeEncodeError:  # half a surrogate pair, as of a path that is no UTF-8
        return printable(json.dumps(told, ensure_ascii=False))


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _quoted(text: str) -> str:
    """A value that cannot be taken for two members, nor write a line of its own."""
    if text and _UNQUOTED.isdisjoint(text):
        return printable(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{printable(escaped)}"'


def _ends(text: str, most: int) -> str:
    """Beginning and end of a traceback: the end has the error."""
    return text if len(text) <= most else f"{text[: most // 4]}\n{CUT}\n{text[-(most * 3) // 4 :]}"
