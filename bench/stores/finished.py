"""What 10,000,000 finished jobs cost the next ones: dispatch and start on two empty ledgers and a full one, in turns.

    python -m bench.stores.finished [--keys] [--ledger postgresql]

The second empty ledger is the control: its ratio to the first shows how far this machine is from quiet, and a ratio of
the full one within that says nothing. CPU is less disturbed by others than time: that of the broker's process, and of
all processes of PostgreSQL, vacuum and checkpoints included.
The finished jobs are written by SQL, with the rows of real ones (two renditions; POSTs of four files, whose batches
have random names). Then no-op jobs are dispatched as by bench.dispatch, on both ledgers, in turns. With `--keys` each
finished job has an Idempotency-Key that is not forgotten yet, as after ten million uploads in one day, and each new job
brings one: a random entry in a large table.
"""

import argparse
import contextlib
import statistics
import time
from typing import NamedTuple

from bench.parts.client import Client
from bench.parts.finished_rows import fill_postgres, fill_sqlite
from bench.parts.installation import Installation, installation, ledger_argument, ledgers, running
from bench.parts.no_ops import Run, dispatch
from bench.parts.report import close, table

ROWS = 10_000_000
ROUNDS = 5
CAPACITIES = (2, 64)
RATIO = 1.3
SIDES = ("empty", "control", "full")


def make(place: Installation) -> None:
    """Let a broker make the ledger."""
    with running(place.environ, "broker"):
        Client(place.run).context.destroy(linger=0)


def fill(place: Installation, asked: argparse.Namespace) -> tuple[float, float]:
    """Fill the ledger. Returns the seconds, and its bytes a row."""
    begin = time.monotonic()
    if url := place.environ.get("PIXMILL_LEDGER_URL"):
        size = fill_postgres(url, asked.rows, asked.keys)
    else:
        size = fill_sqlite(place.data / "ledger.sqlite3", asked.rows, asked.keys)
    return time.monotonic() - begin, size / asked.rows


def measure(places: dict[str, Installation], keyed: bool, rounds: int) -> dict[tuple[str, int], list[Run]]:
    """Dispatch on all, in turns; who is first changes."""
    runs: dict[tuple[str, int], list[Run]] = {(side, c): [] for side in SIDES for c in CAPACITIES}
    for number in range(rounds):
        for capacity in CAPACITIES:
            for side in SIDES if number % 2 else SIDES[::-1]:
                runs[side, capacity].append(dispatch(places[side], ["broker"], capacity, keyed))
    return runs


class Compared(NamedTuple):
    """How a ledger was beside the empty one of its round: medians of the ratios, and the least and greatest of time."""

    slower: float
    least: float
    most: float
    broker_cpu: float
    server_cpu: float


def compared(runs: list[Run], to: list[Run]) -> Compared:
    """`runs` beside those of the same rounds on the empty ledger. SQLite has no server: its CPU counts as equal."""
    pairs = [*zip(runs, to, strict=True)]
    slower = [empty.jobs_per_second / run.jobs_per_second for run, empty in pairs]
    broker = statistics.median(run.cpu_us_per_job / empty.cpu_us_per_job for run, empty in pairs)
    server = statistics.median((run.server_us_per_job or 1) / (empty.server_us_per_job or 1) for run, empty in pairs)
    return Compared(statistics.median(slower), min(slower), max(slower), broker, server)


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser("python -m bench.stores.finished")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--keys", action="store_true")
    ledger_argument(parser)
    asked = parser.parse_args()
    with contextlib.ExitStack() as stack:
        fresh = stack.enter_context(ledgers(asked.ledger))
        places = {side: stack.enter_context(installation(fresh)) for side in SIDES}
        for place in places.values():
            make(place)
        seconds, row_bytes = fill(places["full"], asked)
        runs = measure(places, asked.keys, asked.rounds)
    report(asked, runs, seconds, row_bytes)


def report(asked: argparse.Namespace, runs: dict[tuple[str, int], list[Run]], seconds: float, row_bytes: float) -> None:
    """The table and the last line."""
    rate = {key: statistics.median(run.jobs_per_second for run in found) for key, found in runs.items()}
    ready = {side: statistics.median(run.ready_seconds for c in CAPACITIES for run in runs[side, c]) for side in SIDES}
    beside = {(side, c): compared(runs[side, c], runs["empty", c]) for c in CAPACITIES for side in SIDES}
    table(
        ("capacity", "ledger", "jobs/s", "times slower", "least", "most", "broker's CPU, times", "server's"),
        [(c, side, rate[side, c], *beside[side, c]) for c in CAPACITIES for side in SIDES],
    )
    print("from the spawn to Hello: " + ", ".join(f"{ready[side]:.2f} s ({side})" for side in SIDES))
    print(
        f"filled in {seconds:.0f} s, {row_bytes:.0f} bytes a row; {asked.rounds} rounds; at most {RATIO} times slower"
    )
    close(
        "finished",
        {
            "ledger": asked.ledger,
            "rows": asked.rows,
            "keys": asked.keys,
            "times_slower": {str(c): round(beside["full", c].slower, 3) for c in CAPACITIES},
            "control_slower": {str(c): round(beside["control", c].slower, 3) for c in CAPACITIES},
            "broker_cpu_times": {str(c): round(beside["full", c].broker_cpu, 3) for c in CAPACITIES},
            "server_cpu_times": {str(c): round(beside["full", c].server_cpu, 3) for c in CAPACITIES},
            "jobs_per_second": {side: {str(c): round(rate[side, c]) for c in CAPACITIES} for side in SIDES},
            "ready_seconds": {side: round(ready[side], 3) for side in SIDES},
            "row_bytes": round(row_bytes),
            "fill_seconds": round(seconds),
        },
    )


if __name__ == "__main__":
    main()
