"""Every point between a POST and its done job at which something is made to fail, as one table.

`python -m tests.support.clusters.crash_points` prints it. What happens at each is
tests/support/clusters/crash_harness.py's; the steps are the places of tests/support/clusters/faults.py.
"""

from typing import NamedTuple

KILL = "kill"
FAULTS = ("EIO", "ENOSPC")


class Point(NamedTuple):
    """At `step` the process of `role` is killed, or its system calls `calls` fail once with `fault`.

    `answers`: the statuses that the POST may get before its 202 (0: a broken connection). `attempts`: the job's, at its
    end.
    """

    role: str
    step: str
    fault: str
    calls: str = ""
    answers: tuple[int, ...] = ()
    attempts: int = 1

    @property
    def name(self) -> str:
        """The point in a few words."""
        what = "killed" if self.fault == KILL else f"{self.calls.split(',')[0].strip('?')} fails: {self.fault}"
        return f"{self.step}, {what}"


BROKER_STEPS = (
    "broker hears Submit",
    "broker commits accepted",
    "broker committed accepted",
    "broker says Acks",
    "broker says Assign",
    "broker says Changes",
    "broker hears Started",
    "broker commits started",
    "broker committed started",
    "broker hears Published",
    "broker commits rendition",
    "broker committed rendition",
    "broker hears Finished",
    "broker commits done",
    "broker committed done",
    "broker says Settled",
    "broker says Changes of done",
    "broker checkpoints",
)
COMMITS = tuple(step for step in BROKER_STEPS if "commits " in step or "checkpoints" in step)
WEB_STEPS = (
    "web writes a blob",
    "web syncs a blob",
    "web renames a blob",
    "web syncs its folder",
    "web says Submit",
    "web hears Acks",
)
KEEPER_STEPS = {
    "worker hears Assign": 1,
    "worker says Started": 1,
    "worker writes a blob": 2,
    "worker syncs a blob": 2,
    "worker renames a blob": 2,
    "worker syncs its folder": 2,
    "worker says Published": 2,
    "worker says Finished": 2,
    "worker hears Settled": 1,
}
"""The steps of a keeper, with the attempts of a job whose keeper is killed there. The loss counts as an attempt if the
broker knew that the job had begun."""
FILES = {
    "writes a blob": "write",
    "syncs a blob": "fsync",
    "renames a blob": "?rename,?renameat,?renameat2",
    "syncs its folder": "fsync",
}
"""The system calls that publish a blob."""
ANSWER_OF = {"EIO": 503, "ENOSPC": 507}

POINTS: tuple[Point, ...] = (
    *(Point("broker", step, KILL) for step in BROKER_STEPS),
    *(
        Point("broker", step, fault, calls)
        for step in COMMITS
        for calls in ("pwrite64", "fdatasync")
        for fault in FAULTS
    ),
    *(Point("web", step, KILL, answers=(0,)) for step in WEB_STEPS),
    *(
        Point("web", f"web {step}", fault, calls, (ANSWER_OF[fault],))
        for step, calls in FILES.items()
        for fault in FAULTS
    ),
    *(Point("worker", step, KILL, attempts=attempts) for step, attempts in KEEPER_STEPS.items()),
    *(Point("worker", f"worker {step}", fault, calls, attempts=2) for step, calls in FILES.items() for fault in FAULTS),
)


def main() -> None:
    """Print the table."""
    for number, point in enumerate(POINTS, 1):
        print(f"{number:3} {point.name}")
    print(f"{len(POINTS)} crash points")


if __name__ == "__main__":
    main()
