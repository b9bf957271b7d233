"""`python -m bench.floors.turns_broker FILE`: the broker with a clock around each turn. FILE holds the longest turn,
and the number of turns that took over 100 ms. It is rewritten whenever one of them changes, so a kill loses nothing."""

import sys
import time
from pathlib import Path
from typing import Any

from broker import __main__ as program
from broker.loop import Loop

LONG_SECONDS = 0.1


def main() -> int:
    """Run the broker."""
    report = Path(sys.argv.pop(1))
    turn = Loop._turn
    longest, passed = 0.0, 0

    def timed(loop: Loop, *arguments: Any, **named: Any) -> None:
        nonlocal longest, passed
        begin = time.perf_counter()
        turn(loop, *arguments, **named)
        taken = time.perf_counter() - begin
        passed += taken > LONG_SECONDS
        if taken > longest:
            longest = taken
            report.write_text(f"{longest} {passed}")

    setattr(Loop, "_turn", timed)  # noqa: B010
    return program.main()


if __name__ == "__main__":
    sys.exit(main())
