"""Whatever answers a request, it is counted once: by the template of its route and by its status."""

import pytest

from tests.support.harnesses.web_harness import WebHarness, png, serve
from web.metrics.families import OTHER, PAGE, REFUSED, REQUESTS


def counted(harness: WebHarness, name: str) -> dict[tuple[str, ...], int]:
    counts = harness.web.counts
    assert counts is not None
    totals = counts.seen().totals
    return {labels: totals[at] for labels, at in counts.layout.places(name).items() if totals[at]}


@pytest.mark.parametrize(
    ("method", "path", "headers", "requests", "refusals"),
    [
        ("GET", "/jobs/nobody", {}, ("GET /jobs/{job}", "404"), {("not_found",): 1}),
        ("GET", "/health/live", {}, ("GET /health/live", "200"), {}),
        ("HEAD", "/health/live", {}, ("GET /health/live", "200"), {}),
        ("GET", "/", {}, (PAGE, "200"), {}),
        ("GET", "/no/such/path", {}, (OTHER, "404"), {("not_found",): 1}),
        ("PUT", "/jobs", {}, (OTHER, "405"), {("method_not_allowed",): 1}),
        ("GET", "/stats", {"Host": "evil.example"}, (OTHER, "421"), {("wrong_host",): 1}),
    ],
)
def test_a_request_is_counted(
    method: str, path: str, headers: dict[str, str], requests: tuple[str, str], refusals: dict[tuple[str, ...], int]
) -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.client.request(method, path, headers=headers)
        assert counted(harness, REQUESTS) == {requests: 1}
        assert counted(harness, REFUSED) == refusals

    serve(scenario)


def test_a_fault_of_ours_is_counted_as_its_answer() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.web.recipes = None  # type: ignore[assignment]
        with pytest.raises(AttributeError):
            await harness.client.get("/presets")
        assert counted(harness, REQUESTS) == {("GET /presets", "500"): 1}
        assert counted(harness, REFUSED) == {("internal",): 1}

    serve(scenario)


def test_nothing_is_counted_where_metrics_are_off() -> None:
    async def scenario(harness: WebHarness) -> None:
        assert harness.web.counts is None
        assert (await harness.upload(png())).status_code == 202

    serve(scenario, metrics=False)
