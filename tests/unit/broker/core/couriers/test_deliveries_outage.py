"""A receiver that is down for ten minutes, on a clock of the test: what it gets, when, and how often it is asked."""

import json

import pytest

from broker.core.couriers.deliveries import Sending
from jobs.webhooks.schedule import AT_ONCE, FAILURES_IN_A_ROW, PROBE_SECONDS_MAX
from tests.properties.harness import DispatcherHarness
from tests.unit.broker.core.couriers.test_deliveries import answer, end, harness_with, later, states

DOWN_SECONDS, STEP_SECONDS, JOB_SECONDS = 600, 5, 20
OTHER = "https://other.example/y"


class Outage:
    """`calls`: those that failed. `told`: each delivery that arrived, by its id, with its job and its change."""

    def __init__(self, status: int) -> None:
        self.harness: DispatcherHarness = harness_with(silence_seconds=1e6)
        self.status = status
        self.calls = 0
        self.told: dict[str, tuple[str, int]] = {}
        self.twice = 0
        self.others = 0

    def take(self, sendings: list[Sending], down: bool) -> None:
        """The receivers answer, and what is sent because of that, until nothing is."""
        waiting = list(sendings)
        while waiting:
            sending = waiting.pop(0)
            if sending.url == OTHER:
                self.others += 1
                waiting += answer(self.harness, sending, 204).sendings
            elif down:
                self.calls += 1
                waiting += answer(self.harness, sending, self.status).sendings
            else:
                data = json.loads(sending.body)["data"]
                self.twice += sending.id in self.told
                self.told[sending.id] = data["id"], data["change"]
                waiting += answer(self.harness, sending, 204).sendings

    def pass_time(self, seconds: int, down: bool) -> list[str]:
        """So much time, in which a job ends every JOB_SECONDS for the receiver, and one for another. Their ids."""
        jobs: list[str] = []
        for at in range(0, seconds, STEP_SECONDS):
            if down and at % JOB_SECONDS == 0:
                jobs.append(f"j{at:03}")
                self.take(end(self.harness, jobs[-1], url=("https://hooks.example/x", OTHER)).sendings, down)
            self.take(later(self.harness, STEP_SECONDS).sendings, down)
        return jobs


@pytest.mark.parametrize("status", [0, 500, 503, 404])
def test_it_gets_all_that_happened_once_and_is_asked_seldom_meanwhile(status: int) -> None:
    outage = Outage(status)
    jobs = outage.pass_time(DOWN_SECONDS, down=True)
    assert outage.told == {}
    assert outage.others == len(jobs) == DOWN_SECONDS // JOB_SECONDS, "others do not wait"
    assert FAILURES_IN_A_ROW <= outage.calls <= FAILURES_IN_A_ROW + AT_ONCE + DOWN_SECONDS / PROBE_SECONDS_MAX
    assert set(states(outage.harness)) == {"waiting", "delivered"}
    outage.pass_time(int(PROBE_SECONDS_MAX) + 3 * DOWN_SECONDS, down=False)
    assert sorted(job for job, _ in outage.told.values()) == jobs
    assert outage.twice == 0
    assert set(states(outage.harness)) == {"delivered"}
    changes = dict(outage.told.values())
    assert [changes[job] for job in jobs] == sorted(changes.values()), "by `change` they are in order"


def test_what_came_first_goes_first_after_it() -> None:
    outage = Outage(503)
    jobs = outage.pass_time(DOWN_SECONDS, down=True)
    outage.pass_time(int(PROBE_SECONDS_MAX) + DOWN_SECONDS, down=False)
    came = [job for job, _ in outage.told.values()]
    assert came[0] in jobs[: FAILURES_IN_A_ROW + 1]
    assert len(came) == len(jobs)
