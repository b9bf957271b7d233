"""A program that uses every method of both clients, for `mypy --strict`: each answer has its type.

`make check` judges it with the checkout, tests/test_wheel.py with the installed wheel.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any, assert_type

from pixmill import (
    Action,
    AsyncClient,
    Batch,
    BatchUpload,
    Changed,
    Client,
    Delivery,
    Event,
    Grant,
    History,
    Job,
    JobChanged,
    NotFound,
    OpenedBatch,
    Refused,
    Rendition,
    SlowJob,
    Stats,
    Upload,
    ViewGrant,
)

RECIPE = {"renditions": [{"name": "tiny", "width": 16}]}


def with_threads(client: Client, image: bytes, folder: Path) -> None:
    """Every method of Client."""
    promise = assert_type(client.upload(image, filename="a.jpg", reference="mine", metadata={"a": [1]}), Upload)
    job = assert_type(client.upload(image, recipe=RECIPE, priority="low", wait=30), Job)
    assert_type(client.derive(job, preset="web"), Upload)
    with suppress(Refused):  # the stand-in fetches nothing
        assert_type(client.fetch("https://cdn.example/a.png", preset="web"), Upload)
        assert_type(client.fetch("https://cdn.example/a.png", wait=30), Job)
    derived = assert_type(client.derive(promise, recipe="{}" if job.error else RECIPE, wait=30), Job)
    assert_type(client.job(job.id, wait=1), Job)
    assert_type(client.wait(promise, seconds=30), Job)
    assert_type(list(client.jobs(reference="mine", state="done")), list[Job])
    assert_type(list(client.export(limit=5, accepted_after="2026-11-30T09:00:00Z")), list[Job])
    for event in client.follow(promise, derived):
        assert_type(event, Event)
        if isinstance(event, JobChanged):
            assert_type(event.state, str)
    rendition = assert_type(job.rendition("tiny"), Rendition)
    assert_type((rendition.width, rendition.digest, rendition.unmet), tuple[int, str, tuple[str, ...]])
    client.download(rendition, folder / "tiny.png", exclusive=True)
    assert_type(client.read(job), bytes)
    assert_type(client.explain(image, preset="web", focus=(0.5, 0.3)), dict[str, Any])
    assert_type(client.audit([promise.receipt]), list[str])
    assert_type(client.presets(), dict[str, Any])
    with suppress(NotFound):  # the stand-in has no file of a log
        assert_type([line["event"] for line in client.job_log(promise.id).lines], list[Any])
    stats = assert_type(client.stats(), Stats)
    assert_type(
        (client.history(), [each.wait_seconds.p95 for each in client.history(hours=1).intervals]),
        tuple[History, list[float | None]],
    )
    assert_type([worker.capacity for worker in stats.workers], list[int])
    assert_type((client.pause(), client.resume()), tuple[bool, bool])
    assert_type((client.pause("acme"), client.resume(tenant="acme")), tuple[bool, bool])
    assert_type(stats.queue.paused_tenants, tuple[str, ...])
    for over_all in (client.requeue_all, client.cancel_all, client.purge_all):
        assert_type(over_all(reference="mine", preset="web", accepted_before="2026-11-30T09:00:00Z"), Changed)
        assert_type(over_all(tenant="acme", everything=True, dry_run=True), Changed)
    both = assert_type(client.upload_batch([image, ("b.jpg", image)], preset="web", key="two"), BatchUpload)
    assert_type([each.receipt for each in both.jobs], list[str])
    assert_type((client.wait_batch(both, seconds=30), client.batch(both.id).counts), tuple[Batch, dict[str, int]])
    opened = assert_type(client.open_batch(webhook_url="https://app.example/hooks"), OpenedBatch)
    client.upload(image, batch=opened.id)
    assert_type((client.close_batch(opened), client.batch(opened).open), tuple[Batch, bool])
    assert_type(client.derive_batch([job, promise.id], preset="web"), BatchUpload)
    assert_type(list(client.follow(both, job)), list[Event])
    upload = assert_type(client.grant(preset="web", count=2, reference="mine", expires_at=time.time() + 60), Grant)
    view = assert_type(client.view_grant(job), ViewGrant)
    assert_type((upload.grant, upload.bytes_max, view.job), tuple[str, int, str])
    told = assert_type(list(client.deliveries(job=job.id)), list[Delivery])
    assert_type([client.replay(each) for each in told], list[Delivery])
    assert_type(client.replay_all(state="failed", dry_run=True), Changed)
    client.pause()
    waiting = client.upload(
        image, reference="second", webhook_url="https://app.example/hooks", webhook_events="job.rendition"
    )
    assert_type(client.cancel(waiting), Job)
    assert_type(client.requeue(waiting), Job)
    client.resume()
    client.purge(client.wait(waiting))
    assert_type(
        [(each, each.filter, each.count) for each in client.actions()], list[tuple[Action, dict[str, Any], int]]
    )
    client.close()


async def with_asyncio(client: AsyncClient, image: bytes, folder: Path) -> None:
    """Every method of AsyncClient."""
    promise = assert_type(await client.upload(image, filename="a.jpg", reference="mine"), Upload)
    job = assert_type(await client.upload(image, recipe=RECIPE, wait=30), Job)
    assert_type(await client.derive(job, preset="web"), Upload)
    with suppress(Refused):  # the stand-in fetches nothing
        assert_type(await client.fetch("https://cdn.example/a.png", preset="web"), Upload)
        assert_type(await client.fetch("https://cdn.example/a.png", wait=30), Job)
    derived = assert_type(await client.derive(promise, recipe=RECIPE, wait=30), Job)
    assert_type(await client.job(job.id, wait=1), Job)
    assert_type(await client.wait(promise, seconds=30), Job)
    assert_type([each async for each in client.jobs(reference="mine")], list[Job])
    assert_type([each async for each in client.export(reference="mine")], list[Job])
    async for event in client.follow(promise, derived):
        assert_type(event, Event)
    await client.download(job.rendition("tiny"), folder / "async.png", exclusive=True)
    assert_type(await client.read(job), bytes)
    assert_type(await client.explain(image, preset="web", focus=(0.5, 0.3)), dict[str, Any])
    assert_type(await client.audit([promise.receipt]), list[str])
    assert_type(await client.presets(), dict[str, Any])
    with suppress(NotFound):
        assert_type((await client.job_log("j")).complete, bool)
    assert_type((await client.stats(), (await client.history(2)).hour.slowest), tuple[Stats, tuple[SlowJob, ...]])
    assert_type((await client.pause(), await client.resume()), tuple[bool, bool])
    assert_type((await client.pause("acme"), await client.resume(tenant="acme")), tuple[bool, bool])
    for over_all in (client.requeue_all, client.cancel_all, client.purge_all):
        assert_type(await over_all(reference="mine", dry_run=True), Changed)
    both = assert_type(await client.upload_batch([image, ("b.jpg", image)], metadata=1, key="two"), BatchUpload)
    assert_type((await client.wait_batch(both), (await client.batch(both)).counts), tuple[Batch, dict[str, int]])
    assert_type(await client.close_batch(assert_type(await client.open_batch(), OpenedBatch)), Batch)
    assert_type(await client.derive_batch([job]), BatchUpload)
    assert_type([each async for each in client.follow(await client.batch(both.id))], list[Event])
    assert_type(await client.grant(webhook_url="https://app.example/hooks"), Grant)
    assert_type(await client.view_grant(job.id, expires_at=time.time() + 60), ViewGrant)
    told = assert_type([each async for each in client.deliveries(job=job.id)], list[Delivery])
    assert_type([await client.replay(each) for each in told], list[Delivery])
    assert_type(await client.replay_all(state="failed", dry_run=True), Changed)
    await client.pause()
    waiting = await client.upload(image, reference="second")
    assert_type(await client.cancel(waiting), Job)
    assert_type(await client.requeue(waiting), Job)
    await client.resume()
    await client.purge(await client.wait(waiting))
    assert_type([each async for each in client.actions()], list[Action])
    await client.close()
