"""What a command tells of its jobs: a line for each on stdout, for each fault on stderr. Speaks to no server."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from pixmill.client import Job
from pixmill.errors import PixmillError

STYLES = {"done": "green", "failed": "red", "dead": "red", "cancelled": "yellow"}
_UNSHOWN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of what moves a cursor, turns the writing direction or is no character at all."""


class Report:
    """`status` is the command's exit status: 1 after anything unwell."""

    def __init__(self) -> None:
        self.status = 0
        self._out, self._err = Console(soft_wrap=True, highlight=False), Console(stderr=True, soft_wrap=True)
        self._untold: dict[str, Job] = {}

    @contextmanager
    def faults_of(self, what: object) -> Iterator[None]:
        """Say what goes wrong with `what`, and go on."""
        try:
            yield
        except (PixmillError, OSError) as fault:
            self.status = 1
            self._err.print(Text(f"{label(what)}: {label(fault)}", style="red"))

    def promised(self, job: Job) -> None:
        """The job is to be shown, now or later."""
        self._untold[job["id"]] = job

    @contextmanager
    def telling_the_rest(self) -> Iterator[None]:
        """However it ends, Ctrl-C included: what was promised has been shown."""
        try:
            yield
        finally:
            for job in list(self._untold.values()):
                self.show(job)

    def show(self, job: Job, *, ended: bool = False) -> None:
        """The job's id, state and file name, and why it did not end well if `ended` and not done."""
        self._untold.pop(job["id"], None)
        state, style = job["state"], STYLES.get(job["state"], "")
        line = Text.assemble(job["id"], " ", (f"{state:<9}", style), " ", label(job["filename"]))
        if ended and state != "done":
            self.status = 1
            error = job["error"] or {}
            line.append(f"  {label(error.get('code', ''))}: {label(error.get('detail', ''))}")
        self._out.print(line)


def label(what: object) -> str:
    """A name or an error as one line: what is not to be printed of it is shown as an escape."""
    return "".join(ascii(each)[1:-1] if unicodedata.category(each) in _UNSHOWN else each for each in str(what))
