"""What a command tells: on stdout a line for each job (or a JSON object), on stderr all else. Speaks to no server."""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

from pixmill.client.origin import DEFAULT_URL
from pixmill.core.answers import Job, JobError, Upload
from pixmill.core.errors import NoAccess, PixmillError, Refused, Unreachable

SOME_FAILED, REFUSED, NO_ACCESS, UNREACHABLE = 1, 3, 4, 5
STYLES = {"done": "green", "failed": "red", "dead": "red", "cancelled": "yellow"}
_UNSHOWN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of what moves a cursor, turns the writing direction or is no character at all."""
_NOBODY_NAMED = f"no connection to {DEFAULT_URL} "


class Report:
    """Tells, and counts for the exit status."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.out, self.err = (
            Console(soft_wrap=True, highlight=False),
            Console(stderr=True, soft_wrap=True, highlight=False),
        )
        self._faults: list[int] = []
        self.noted: dict[str, PixmillError | OSError | LookupError] = {}
        """The latest fault of each thing."""
        self._well = 0

    @property
    def status(self) -> int:
        """The exit status: the server or the key if they were it; `refused` if all was; else whether something is not
        done."""
        for dire in (UNREACHABLE, NO_ACCESS):
            if dire in self._faults:
                return dire
        if set(self._faults) == {REFUSED} and not self._well:
            return REFUSED
        return SOME_FAILED if self._faults else 0

    @contextmanager
    def faults_of(self, what: object) -> Iterator[None]:
        """Say what goes wrong with `what`, and go on; but not without a server or a key."""
        try:
            yield
        except (Unreachable, NoAccess):
            raise
        except (PixmillError, OSError) as fault:
            self.fault(what, fault)

    def fault(self, what: object, fault: PixmillError | OSError | LookupError) -> None:
        """Something went wrong with `what`."""
        self._faults.append(_status(fault))
        self.noted[str(what)] = fault
        named = f"{label(what)}: " if what != "" else ""
        self.err.print(Text(f"{named}{label(_said(what, fault))}", style="red"))
        if self.as_json:
            members = {"code": getattr(fault, "code", type(fault).__name__), "detail": str(fault)}
            self.data({**({"of": str(what)} if named else {}), "error": members})

    def say(self, text: str) -> None:
        """Prose, on stderr."""
        self.err.print(Text(text))

    def line(self, text: "str | Text") -> None:
        """A line on stdout, for people."""
        if not self.as_json:
            self.out.print(text, markup=False)

    def data(self, value: Mapping[str, Any]) -> None:
        """A JSON object on stdout, for programs."""
        if self.as_json:
            print(json.dumps(value, ensure_ascii=False, default=dict), flush=True)

    def job(self, job: Job | Upload, beside: Mapping[str, Any] | None = None, *, ended: bool = False) -> None:
        """The job's id, state and file name, and why it did not end well if `ended` and not done. `beside` is told
        with it: whether it was uploaded `before`, and the files that were `saved`."""
        beside = beside or {}
        if ended and job.state != "done":
            self._faults.append(SOME_FAILED)
        else:
            self._well += 1
        error = job.error if isinstance(job, Job) and ended else None
        self.line(_line(job, error, bool(beside.get("before"))))
        for path in beside.get("saved", ()):
            self.line(f"  {label(path)}")
        self.data({**beside, **job.raw})


def _line(job: Job | Upload, error: JobError | None, before: bool) -> Text:
    line = Text.assemble(job.id, " ", (f"{job.state:<9}", STYLES.get(job.state, "")), " ", label(job.filename))
    if before:
        line.append("  (uploaded before)")
    if error is not None:
        line.append(f"  {label(error.code)}: {label(error.detail)}")
    return line


def _status(fault: Exception) -> int:
    if isinstance(fault, NoAccess):
        return NO_ACCESS
    if isinstance(fault, Unreachable):
        return UNREACHABLE
    return REFUSED if isinstance(fault, Refused) else SOME_FAILED


def _said(what: object, fault: Exception) -> str:
    """The fault of `what`, without its name; and what to do about it where it is the key."""
    if isinstance(fault, NoAccess) and fault.code in ("key_missing", "key_wrong"):
        return f"{fault}: set PIXMILL_API_KEY, or --key-file FILE"
    if isinstance(fault, Unreachable):
        return elsewhere(str(fault))
    if isinstance(fault, OSError) and fault.strerror and str(fault.filename) == str(what):
        return fault.strerror
    return str(fault)


def elsewhere(text: str) -> str:
    """What is said of a server that is away; and what to do about it where it is the one that nobody has named."""
    return f"{text}; if it is elsewhere, set --url or PIXMILL_URL" if text.startswith(_NOBODY_NAMED) else text


def label(what: object) -> str:
    """A name or an error as one line: what is not to be printed of it is shown as an escape."""
    return "".join(ascii(each)[1:-1] if unicodedata.category(each) in _UNSHOWN else each for each in str(what))
