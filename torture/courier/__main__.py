"""`python -m torture.courier --kills 200 --seed 1`: prints what the receivers heard; 1 where anything is broken."""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.parts.report import close_scenarios
from torture.courier.run import KILLS, told_through_kills
from torture.courier.verdict import broken


def main() -> int:
    """Run it, print; 1 where anything is broken."""
    parser = argparse.ArgumentParser(description="Kills brokers and couriers while hostile receivers are told of jobs.")
    parser.add_argument("--kills", type=int, default=KILLS, help="of brokers and couriers, in all")
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pixmill-torture-") as folder:
        found = {"courier": told_through_kills(Path(folder), words.kills, words.seed)}
    return close_scenarios("courier", found, broken)


if __name__ == "__main__":
    sys.exit(main())
