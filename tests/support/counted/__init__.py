"""What roles have counted, asked from outside. The folder is for PYTHONPATH: each role below it counts.

cluster.environ["PYTHONPATH"] = f"{FOLDER}:{ROOT}"
"""

import json
import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.support.clusters.cluster import wait_until

FOLDER = Path(__file__).resolve().parent
ANSWER_SECONDS = 10.0


class Counts(NamedTuple):
    """The entries that a process holds in all its containers, the messages it has sent, by type, and the SQL statements
    it has run, by their first word."""

    entries: int
    messages: Counter[str]
    statements: Counter[str]


def counts_of(run: Path, pid: int) -> Counts:
    """The counts of the role with this `pid` in this run folder."""
    answer, asked = run / f"counts-{pid}", run / f"counts-asked-{pid}"
    answer.unlink(missing_ok=True)
    wait_until(asked.exists, ANSWER_SECONDS, "the process to listen")
    asked.write_bytes(b"")
    wait_until(answer.exists, ANSWER_SECONDS, "the process to count")
    os.kill(pid, 0)  # it goes on
    found = json.loads(answer.read_text())
    return Counts(found["entries"], Counter(found["messages"]), Counter(found["statements"]))
