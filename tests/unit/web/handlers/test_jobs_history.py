"""GET /stats/history: the ledger's intervals as an operator sees them, and who may."""

import time
from typing import Any

import pytest

from jobs.access.keys import Scope, entry_of
from jobs.intervals import STEP_SECONDS, Figures, Slow, Times, encode_figures
from jobs.records import IntervalEntry, Records
from tests.support.harnesses.web_harness import WebHarness, serve

HOUR = 3600


def job_id(number: int) -> str:
    """The id of a job that nobody has."""
    return f"{number:026}"


def times(*seconds: float) -> Times:
    made = Times()
    for each in seconds:
        made.add(each)
    return made


def write(harness: WebHarness, ago: int, **figures: Any) -> int:
    """An interval that began so many seconds before the one under way. Returns its beginning."""
    at = int(time.time()) // STEP_SECONDS * STEP_SECONDS - ago
    known = harness.ledger.intervals(0)
    entry = IntervalEntry(at, encode_figures(Figures(**figures)))
    harness.ledger.commit(Records(intervals=sorted([*known, entry], key=lambda each: each.at)))
    return at


async def history(harness: WebHarness, query: str = "") -> dict[str, Any]:
    answer = await harness.client.get(f"/stats/history{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


def test_a_ledger_without_intervals_shows_none() -> None:
    async def scenario(harness: WebHarness) -> None:
        assert await history(harness) == {
            "step_seconds": 300, "intervals": [], "hour": {"codes": [], "slowest": []}
        }  # fmt: skip

    serve(scenario)


def test_intervals_come_in_order_and_gaps_stay_gaps() -> None:
    async def scenario(harness: WebHarness) -> None:
        write(harness, 10 * STEP_SECONDS, accepted=1)
        write(
            harness, 0, counted_seconds=12.34567, accepted=9, ended={"done": 3, "failed": 1},
            codes={"undecodable": 1}, queued_max=4, oldest_seconds=2.5, workers_min=1, workers_max=2,
            waits=times(1.0, 3.0), runs=times(0.03), slowest=[Slow(job_id(1), "acme", 7.1234)],
        )  # fmt: skip
        first, last = (await history(harness))["intervals"]
        assert (first["accepted"], last["accepted"]) == (1, 9)
        assert last.pop("at") > first["at"]
        assert last == {
            "counted_seconds": 12.346, "accepted": 9, "ended": {"done": 3, "failed": 1}, "codes": {"undecodable": 1},
            "queued_max": 4, "oldest_seconds": 2.5, "workers_min": 1, "workers_max": 2,
            "wait_seconds": {"mean": 2.0, "p95": 4.7}, "run_seconds": {"mean": 0.03, "p95": 0.049},
            "slowest": [{"id": job_id(1), "seconds": 7.123, "tenant": "acme"}],
        }  # fmt: skip
        assert first["wait_seconds"] == {"mean": None, "p95": None}

    serve(scenario)


def test_the_sums_are_those_of_the_last_hour() -> None:
    async def scenario(harness: WebHarness) -> None:
        write(harness, HOUR, codes={"expired": 50}, slowest=[Slow(job_id(3), "", 900.0)])
        write(harness, HOUR - STEP_SECONDS, codes={"expired": 1, "cancelled": 2}, slowest=[Slow(job_id(1), "", 9.0)])
        write(harness, 0, codes={"expired": 2}, slowest=[Slow(job_id(2), "", 10.0)])
        found = (await history(harness))["hour"]
        assert found["codes"] == [{"code": "expired", "count": 3}, {"code": "cancelled", "count": 2}]
        assert [job["id"] for job in found["slowest"]] == [job_id(2), job_id(1)]

    serve(scenario)


def test_hours_bounds_the_answer() -> None:
    async def scenario(harness: WebHarness) -> None:
        for ago in (0, HOUR - STEP_SECONDS, HOUR, 24 * HOUR - STEP_SECONDS):
            write(harness, ago)
        assert [len((await history(harness, f"?hours={hours}"))["intervals"]) for hours in (1, 2, 24)] == [2, 3, 4]
        assert len((await history(harness))["intervals"]) == 4

    serve(scenario)


@pytest.mark.parametrize("hours", ["0", "25", "-1", "1.5", "", "٣", "100"])
def test_other_hours_are_refused(hours: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = await harness.client.get("/stats/history", params={"hours": hours})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_parameter")
        assert answer.json()["parameter"] == "hours"

    serve(scenario)


def test_with_keys_it_is_for_operators_because_it_names_all_tenants_jobs() -> None:
    keys = ",".join(
        entry_of(tenant, scope, key) for tenant, scope, key in (("acme", Scope.WRITE, "w"), ("ops", Scope.OPERATE, "o"))
    )

    async def scenario(harness: WebHarness) -> None:
        statuses = [
            (await harness.client.get("/stats/history", headers={"Authorization": f"Bearer {key}"})).status_code
            for key in ("w", "o")
        ]
        assert statuses == [403, 200]
        assert (await harness.client.get("/stats/history")).status_code == 401

    serve(scenario, api_keys=keys)
