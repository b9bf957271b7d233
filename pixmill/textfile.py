"""A probe's result as a file for the textfile collector of node_exporter, which reads `*.prom` in its folder.

Owns the names of these metrics, and the file's form. The file is replaced as a whole, so a reader never sees half of
it. Knows no server.
"""

import os
import re
from pathlib import Path

from pixmill.probe import Probed

SUFFIX = ".prom"
_READ_BYTES = 64 * 1024
_SUCCEEDED = "pixmill_drill_last_success_timestamp_seconds"
_METRICS = (
    ("pixmill_drill_success", "Whether the last drill went well: 1, or 0."),
    ("pixmill_drill_seconds", "How long the last drill took, to the checked rendition or to what went wrong."),
    ("pixmill_drill_last_run_timestamp_seconds", "When the last drill ended."),
    (_SUCCEEDED, "When a drill last went well."),
)


def written(path: Path, probed: Probed) -> None:
    """Replace the file at `path`. The time of the last success is taken over from it if this probe failed. Raises
    OSError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")  # the collector reads no name with this end
    try:
        partial.write_text(text_of(probed, _last_success(path)), encoding="ascii")
        partial.chmod(0o644)  # the collector is another user
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def text_of(probed: Probed, last_success: float | None) -> str:
    """The file's text. `last_success`: wall time of the last probe that went well before this one, None if there is
    none: then it is left out until one does."""
    well = probed.fault is None
    succeeded = probed.at if well else last_success
    values = (int(well), round(probed.seconds, 6), round(probed.at, 3), succeeded)
    blocks = [
        f"# HELP {name} {told}\n# TYPE {name} gauge\n{name} {value!r}\n"
        for (name, told), value in zip(_METRICS, values, strict=True)
        if value is not None
    ]
    return "".join(blocks)


def success_in(text: str) -> float | None:
    """The time of the last success that such a text has; None if it has none, or is another file's."""
    found = re.search(rf"^{_SUCCEEDED} ([0-9]+(?:\.[0-9]+)?)$", text, re.MULTILINE)
    return float(found[1]) if found else None


def _last_success(path: Path) -> float | None:
    try:
        with path.open("rb") as file:
            return success_in(file.read(_READ_BYTES).decode("ascii", "replace"))
    except FileNotFoundError:
        return None
