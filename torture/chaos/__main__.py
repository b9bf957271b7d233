"""`python -m torture.chaos`: run and print. The exit status is 1 if a promise was broken.

Then all files are left in a folder that it names.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from bench.parts.report import close
from torture.chaos.clients import SLOW_SHARE
from torture.chaos.plan import KILLED
from torture.chaos.report import figures_of, show
from torture.chaos.run import run

BROKEN_SHOWN = 20


def main() -> int:
    """Carry out one run; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m torture.chaos")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100, help="SIGKILLs; half as many other faults come in addition")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slow", type=float, default=SLOW_SHARE, help="share of the pictures that take a while")
    parser.add_argument("--seconds-max", type=float, default=3600, help="give up after so long")
    parser.add_argument("--markdown", action="store_true", help="the tables as Markdown")
    asked = parser.parse_args()
    if asked.kills < len(KILLED):
        parser.error(f"--kills is {asked.kills}, and at least {len(KILLED)}: one for each kind of process")
    folder = Path(tempfile.mkdtemp(prefix="pixmill-chaos-"))
    done = run(folder, asked.jobs, asked.kills, asked.seed, asked.slow, asked.seconds_max)
    show(done, asked.seed, markdown=asked.markdown)
    broken = done.broken()
    for what in broken[:BROKEN_SHOWN]:
        print(f"BROKEN {what}")
    if broken:
        kept = "log.jsonl (the clients'), output.txt and data (ledger, blobs, flight)"
        print(f"{len(broken)} broken; {kept} are in {folder}")
        print(f"python -m broker replay {folder}/data/flight --ledger {folder}/data/ledger.sqlite3")
    else:
        shutil.rmtree(folder)
    close("chaos", {"seed": asked.seed, **figures_of(done), "broken": len(broken)})
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
