"""Carries out a plan of faults on a running cluster: finds the target process, signals it, continues stopped ones, and
restarts the supervisor.

Uses only /proc and signals, so it works while the supervisor is stopped or killed. A fault must not leave a process
behind; that would be added to `violations`.
"""

import contextlib
import heapq
import os
import signal
import subprocess
import time
from collections import Counter
from itertools import count

from pixmill import targets
from tests.support.clusters.cluster import Cluster, wait_until
from torture.chaos.plan import SUPERVISOR, Fault, Kind, Pace

FIND_SECONDS = 30.0
"""How long a fault waits for a process of its target (one that is just replaced)."""
LEFT_SECONDS = 2.0
"""All processes must have ended this long after the supervisor was killed."""
STOP_SECONDS = 60.0
"""A supervisor must have ended this long after it was told to stop (it kills a stopped child after its drain)."""
STEP_SECONDS = 0.02


class FaultInjector:
    """Injects faults into `cluster`, which runs, one after the other."""

    def __init__(self, cluster: Cluster, pace: Pace) -> None:
        self.done: Counter[tuple[Kind, str]] = Counter()
        self.violations: list[str] = []
        self._cluster, self._pace = cluster, pace
        self._stopped: list[tuple[float, int, int]] = []
        self._numbers = count()
        self._restarts: list[subprocess.Popen[bytes]] = []

    def run(self, plan: list[Fault], until: float) -> None:
        """Carry out the whole plan, at the pace. Gives up at monotonic time `until`."""
        for fault in plan:
            self._wait(fault.gap_seconds)
            while not self._pace.may_inject() and time.monotonic() < until:
                self._wait(STEP_SECONDS)
            if time.monotonic() > until:
                self.violations.append(f"gave up after {self._pace.injected} of {len(plan)} faults: too few jobs ended")
                break
            self._inject(fault)
            self._pace.injected += 1
        while self._stopped:
            self._wait(STEP_SECONDS)
        for restart in self._restarts:
            with contextlib.suppress(subprocess.TimeoutExpired):
                restart.wait(STOP_SECONDS)
            restart.kill()

    @property
    def _pid(self) -> int:
        assert self._cluster.supervisor is not None
        return self._cluster.supervisor.pid

    def _wait(self, seconds: float) -> None:
        """Wait, and meanwhile continue processes that were stopped for long enough."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until or (self._stopped and self._stopped[0][0] <= now):
            while self._stopped and self._stopped[0][0] <= now:
                self._continue(heapq.heappop(self._stopped)[2])
            time.sleep(min(STEP_SECONDS, max(0.0, until - now)))

    def _continue(self, descriptor: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGCONT)
        os.close(descriptor)

    def _inject(self, fault: Fault) -> None:
        self._look_at_the_supervisor()
        if fault.kind is Kind.RESTART:
            self._restarts.append(self._cluster.command("restart"))
        elif fault.target == SUPERVISOR and fault.kind in (Kind.KILL, Kind.TERM):
            self._end_the_supervisor(fault.kind)
        elif not self._signal(fault):
            self.violations.append(f"no {fault.target} was found within {FIND_SECONDS:g} s")
            return
        self.done[fault.kind, fault.target] += 1

    def _look_at_the_supervisor(self) -> None:
        supervisor = self._cluster.supervisor
        if supervisor and supervisor.poll() is not None:
            self.violations.append(f"the supervisor ended by itself with {supervisor.returncode}")
            self._cluster.start(ready=False)

    def _signal(self, fault: Fault) -> bool:
        number = {Kind.KILL: signal.SIGKILL, Kind.TERM: signal.SIGTERM}.get(fault.kind, signal.SIGSTOP)
        until = time.monotonic() + FIND_SECONDS
        while time.monotonic() < until:
            found = [self._pid] if fault.target == SUPERVISOR else targets.processes(self._pid)[fault.target]
            pid = found[int(fault.pick * len(found))] if found else 0
            descriptor = targets.descriptor(pid, self._pid) if pid else None
            if descriptor is None:
                self._wait(STEP_SECONDS)
                continue
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
            if number is signal.SIGSTOP:
                due = time.monotonic() + fault.stop_seconds
                heapq.heappush(self._stopped, (due, next(self._numbers), descriptor))
            else:
                os.close(descriptor)
            return True
        return False

    def _end_the_supervisor(self, kind: Kind) -> None:
        """End the supervisor, check that no process is left, and start it again."""
        supervisor = self._cluster.supervisor
        assert supervisor is not None
        supervisor.send_signal(signal.SIGCONT)  # it may be stopped, and is to drain
        supervisor.send_signal(signal.SIGKILL if kind is Kind.KILL else signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while supervisor.poll() is None and time.monotonic() < until:
            self._wait(STEP_SECONDS)
        try:
            supervisor.wait(0)
            wait_until(lambda: not self._cluster.everything(), LEFT_SECONDS, "everything to follow its supervisor")
        except (AssertionError, subprocess.TimeoutExpired) as fault:
            self.violations.append(f"after {kind} of the supervisor: {fault}")
            supervisor.kill()
        self._cluster.start(ready=False)
