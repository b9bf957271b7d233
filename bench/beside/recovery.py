"""Table 4: a SIGKILL while a queue is worked off: when the next start comes, and which accepted jobs are lost.

`worker` is the process that makes the image, `keeper` pixmill's process beside it, and `queue` the process that keeps
the queue: pixmill's broker, Redis or PostgreSQL, Node's primary. What ended is started again after 0.1 s, as systemd
would. Lost is an accepted job without a result when nothing more had come for PATIENCE_SECONDS. Some peers would start
it again later, by a time-out of minutes.
"""

from pathlib import Path

from bench.beside.figures import Column, Figures, Table
from bench.peers.whole.driver import drive
from bench.peers.whole.stacks import Stack, Start

UPLOADS, CLIENTS = 40, 4
KILL_AFTER = 8
"""Results that are there when the kill comes."""
PATIENCE_SECONDS = 20.0
PRESET = "five"
WORDS = {"worker": "worker killed", "keeper": "keeper killed", "queue": "queue killed"}


def table() -> Table:
    """Its columns."""
    columns = []
    for target, words in WORDS.items():
        columns.append(Column(f"{target}_next_ms", f"{words}: next start, ms"))
        columns.append(Column(f"{target}_lost", f"lost, of {UPLOADS}"))
    return Table("recovery", "Recovery", tuple(columns))


def next_start(starts: list[Start], killed_at: float, any_job: bool) -> float | None:
    """Milliseconds from a kill to the next start: of a job that had also started before, or with `any_job` of any one.
    None if there is none. All at wall times."""
    before = {start.job for start in starts if start.at <= killed_at}
    later = [start.at for start in starts if start.at > killed_at and (any_job or start.job in before)]
    return (min(later) - killed_at) * 1000 if later else None


def measure(stack: Stack, target: str, photo: Path, renditions: int) -> Figures:
    """One kill in a running contender, and its figures."""
    killed: list[float] = []

    def said(line: str) -> None:
        if line.startswith("ended ") and int(line.split()[1]) >= KILL_AFTER and not killed:
            killed.append(stack.kill(target))
        if killed:
            stack.mend()

    plan = {"kind": "batch", "photo": str(photo), "preset": PRESET, "renditions": renditions, "clients": CLIENTS}
    found = drive(stack, {**plan, "uploads": UPLOADS, "patience_seconds": PATIENCE_SECONDS}, said).figures
    assert killed, f"{target}: fewer than {KILL_AFTER} results came"
    figures = {f"{target}_lost": float(len(found["lost"]))}
    again = next_start(stack.starts(found["accepted"]), killed[0], target == "queue")
    return figures if again is None else figures | {f"{target}_next_ms": again}
