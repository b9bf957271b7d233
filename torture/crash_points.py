"""Kills real processes at all crash points, one after the other: `python -m torture.crash_points` (in make chaos).

tests/support/clusters/crash_points.py is the table, crash_harness.py says what must hold. Exits 1 at the first point
that does not recover, and leaves everything in the folder that it names.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from bench.parts.report import close
from tests.support.clusters.crash_harness import CrashHarness, strace_missing
from tests.support.clusters.crash_points import KILL, POINTS


def main() -> int:
    """Run them; the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="pixmill-crash-points-"))
    missing = strace_missing()
    met, skipped, began = 0, 0, time.monotonic()
    harness = CrashHarness(folder)
    try:
        for number, point in enumerate(POINTS, 1):
            skip = missing if point.fault != KILL else ""
            print(f"{number:3}/{len(POINTS)} {point.name}{f': skipped, {skip}' if skip else ''}", flush=True)
            skipped += bool(skip)
            if not skip:
                harness.meet(point)
                met += 1
        harness.check_files()
    except AssertionError as fault:
        print(f"BROKEN {fault}; ledger, blobs and all output are in {folder}")
        return 1
    finally:
        harness.close()
    shutil.rmtree(folder)
    close("crash_points", {"recovered": met, "skipped": skipped, "seconds": round(time.monotonic() - began)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
