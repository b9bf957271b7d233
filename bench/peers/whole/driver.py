"""Runs the load generator as a process, and accounts for the contender in its window.

Owns the sampling: CPU at the window's two ends, and memory once a second in it, of which the highest counts.
"""

import io
import json
import selectors
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from bench.peers.whole import accounts
from bench.peers.whole.stacks import Stack
from tests.support.clusters.cluster import ROOT

SAMPLE_SECONDS = 1.0
LIMIT_SECONDS = 300.0
"""After this a generator is given up."""


class Measured(NamedTuple):
    """The generator's figures, and the contender's CPU (ms) and memory (MB) in the window."""

    figures: dict[str, Any]
    cpu_ms: float
    memory_mb: float


def cpu_ms(roots: list[int]) -> float:
    """CPU of these processes and of all that descend from them, so far."""
    return accounts.cpu_ms(accounts.family(accounts.look(), roots))


def memory_mb(roots: list[int]) -> float:
    """What they hold now."""
    return accounts.memory_mb(process.pid for process in accounts.family(accounts.look(), roots))


def drive(stack: Stack, plan: dict[str, Any], said: Callable[[str], None] | None = None) -> Measured:
    """Run a plan to its end. `said` hears each line of the generator, and "" whenever nothing came for 10 ms; without
    it, memory is sampled. Raises AssertionError if the generator fails."""
    plan = {"url": stack.url, "folders": [str(one) for one in stack.folders], **plan}
    command = [sys.executable, "-m", "bench.peers.load"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as generator:
        try:
            return _watched(generator, stack, plan, said)
        finally:
            generator.kill()


def _watched(
    generator: "subprocess.Popen[bytes]", stack: Stack, plan: dict[str, Any], said: Callable[[str], None] | None
) -> Measured:
    assert generator.stdin and isinstance(generator.stdout, io.BufferedReader)
    generator.stdin.write(json.dumps(plan).encode() + b"\n")
    generator.stdin.flush()
    begin = end = peak = 0.0
    pending, limit = b"", time.monotonic() + LIMIT_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(generator.stdout, selectors.EVENT_READ)
        while time.monotonic() < limit:
            if not selector.select(0.01 if said else SAMPLE_SECONDS):
                if said:
                    said("")
                elif begin and not end:
                    peak = max(peak, memory_mb(stack.roots()))
                continue
            data = generator.stdout.read1(1 << 20)
            assert data, f"the generator ended with {generator.wait(5)}"
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                if line == b"begin":
                    begin = cpu_ms(stack.roots())
                elif line == b"end":
                    end = cpu_ms(stack.roots())
                    peak = max(peak, memory_mb(stack.roots()))
                elif line.startswith(b"{"):
                    return Measured(json.loads(line), end - begin, peak)
                elif said:
                    said(line.decode())
    raise AssertionError(f"the generator did not end within {LIMIT_SECONDS:g} s")
