"""GET /metrics: who may read it, and what it tells beside the counts."""

import hashlib
import shutil
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from tests.support.harnesses.web_harness import WebHarness, png, serve
from tests.support.house.needs import lacking
from web.metrics.cluster import number_of
from web.scrape import FIGURES_SECONDS_MAX

WRITE, OPERATE = "w" * 32, "o" * 32
KEYS = " ".join(
    f"{scope}:{scope}:{hashlib.sha256(key.encode()).hexdigest()}"
    for scope, key in (("write", WRITE), ("operate", OPERATE))
)


async def scraped(harness: WebHarness) -> dict[str, float]:
    """The samples without labels, and the number of those with labels by name."""
    response = await harness.client.get("/metrics")
    assert response.status_code == 200
    samples = [sample for family in parse(response.text) for sample in family.samples]
    return {sample.name: sample.value for sample in samples if not sample.labels}


def test_it_tells_of_the_process_and_of_its_release() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.broker.beat()
        harness.now += 3.0
        samples = await scraped(harness)
        assert samples["pixmill_web_processes"] == 1
        assert samples["pixmill_web_beat_age_seconds"] == pytest.approx(3.0, abs=0.1)
        assert samples["pixmill_web_disk_free_bytes"] == harness.blobs.free_bytes()
        assert samples["pixmill_web_disk_free_bytes_min"] == 7
        assert "pixmill_build_info{" in (await harness.client.get("/metrics")).text

    serve(scenario, disk_free_bytes_min=7)


def test_it_tells_of_the_cluster_once_a_beat_came() -> None:
    async def scenario(harness: WebHarness) -> None:
        assert "pixmill_cluster_epoch" not in await scraped(harness)
        harness.broker.beat()
        await harness.upload(png())
        harness.now += 1.0
        harness.broker.beat()
        samples = await scraped(harness)
        assert samples["pixmill_cluster_epoch"] == harness.broker.epoch
        assert samples["pixmill_cluster_jobs_accepted_total"] == 1

    serve(scenario)


def test_a_process_that_lags_behind_another_tells_nothing_of_the_cluster() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.broker.beat()
        assert "pixmill_cluster_epoch" in await scraped(harness)
        assert "pixmill_cluster_epoch" in await scraped(harness), "the same figures again are not older ones"
        counts, beat = harness.web.counts, harness.feed.counted_beat
        assert counts is not None and beat is not None and beat.figures is not None
        counts.told(number_of(beat, beat.figures) + 1)
        assert "pixmill_cluster_epoch" not in await scraped(harness)

    serve(scenario)


def test_a_broker_that_is_gone_tells_no_figures() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.broker.beat()
        harness.now += FIGURES_SECONDS_MAX - 1.0
        assert "pixmill_cluster_epoch" in await scraped(harness)
        harness.now += 2.0
        assert "pixmill_cluster_epoch" not in await scraped(harness)
        harness.broker.beat()
        assert "pixmill_cluster_epoch" in await scraped(harness)

    serve(scenario)


def test_it_is_a_404_where_metrics_are_off() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.client.get("/metrics")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")

    serve(scenario, metrics=False)


@pytest.mark.parametrize(("key", "status"), [("", 401), (WRITE, 403), (OPERATE, 200)])
def test_with_keys_it_needs_operate(key: str, status: int) -> None:
    async def scenario(harness: WebHarness) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        assert (await harness.client.get("/metrics", headers=headers)).status_code == status

    serve(scenario, api_keys=KEYS)


def test_promtool_finds_nothing_wrong() -> None:
    if (promtool := shutil.which("promtool")) is None:
        lacking("there is no promtool: apt-get install prometheus")

    async def scenario(harness: WebHarness) -> None:
        await harness.upload(png())
        await harness.client.get("/nowhere")
        harness.broker.beat()
        body = (await harness.client.get("/metrics")).content
        checked = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False)
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")

    serve(scenario)
