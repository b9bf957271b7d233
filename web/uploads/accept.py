"""From stored originals to accepted jobs: publish, submit, and only then the 202 (DESIGN section 4).

Owns what becomes of the blobs: they stay where the jobs are, or may yet be, committed; else they go.
"""

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from jobs import ids
from jobs.errors import ClientFault, LimitExceeded, StoreFault
from jobs.job import ENDED, Original, Outcome, Row, Spec, State, encode
from jobs.recipes import recipe
from jobs.recipes.explain import cost_ms
from jobs.wire import COMMITTED, CONFLICT, KNOWN, REFUSED, NewJob, Receipt, Submit
from stores.ledger import LedgerReader
from web.access.call import Call
from web.access.grants import shown_by_grant, use_of, used_up
from web.access.parts import Web
from web.access.shares import one_wait
from web.broker.reads import patient
from web.broker.requests import Unanswered
from web.http.headers import joined
from web.http.json import as_json
from web.http.room import TooMany
from web.uploads.admission import RateLimited, keyed, queue_full_seconds
from web.uploads.fields import Asked
from web.uploads.incoming import in_threads
from web.uploads.receipts import signed
from web.views import answers

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6}(?:\.\d{1,6})?)", re.IGNORECASE)


@dataclass(slots=True)
class Stored:
    """An original that `publish` makes last under its name. What `digest` tells then, it has from then on."""

    job: str
    filename: str
    original: Original
    publish: Callable[[], None]
    digest: Callable[[], str] | None = None


def checked_key(request: Request) -> str | None:
    """The Idempotency-Key, without quotes around it. Raises ClientFault `bad_key`."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise ClientFault("an Idempotency-Key is 1 to 255 visible ASCII characters", code="bad_key")
    return key


async def accept(
    call: Call, asked: Asked, stored: list[Stored], key: str | None, published: Callable[[], None] = lambda: None
) -> list[Row]:
    """The rows of the jobs that are promised: these, or those known under `key`. `published` is called once all that is
    stored lasts, before the broker is asked.

    Raises ClientFault `idempotency_key_reused`, or of a rate or grant that is used up; Unanswered, StoreFault.
    """
    web = call.web
    await _publish(web, stored)
    published()
    submit = _submit(call, asked, stored, key)
    try:
        receipt, repeated = await web.requests.settle(
            submit, lambda: _look(web.reader, submit), web.settings.accept_seconds
        )
    except Unanswered as fault:
        if fault.code == "queue_full":
            await _remove(web, stored)
        else:
            fault.members["jobs"] = [each.job for each in stored]
        raise
    if receipt.outcome == COMMITTED:
        for each in stored:
            web.log.info("uploaded", extra={"job": each.job, "bytes": each.original.bytes, **_batch(submit)})
        return _rows(web.reader, submit)
    if receipt.outcome != REFUSED or not repeated:  # else another copy may be accepted; if none is, they are orphans
        await _remove(web, [each for each in stored if each.job not in receipt.ids])
    if receipt.outcome == KNOWN:
        return await patient(lambda: _known(web.reader, receipt.ids))
    if receipt.outcome == CONFLICT:
        raise ClientFault("this Idempotency-Key was used for other content", code="idempotency_key_reused")
    refusal = _refusal(call, asked, receipt, len(stored))
    if repeated:
        refusal.members["jobs"] = [each.job for each in stored]
    raise refusal


def _refusal(call: Call, asked: Asked, receipt: Receipt, images: int) -> ClientFault | Unanswered:
    if receipt.code == "rate_limited":
        rate = call.web.settings.rate_per_minute
        if images > rate:
            return LimitExceeded("too_many_parts", "rate_per_minute", rate, images)
        return RateLimited(rate, receipt.left, receipt.retry_seconds, images)
    if receipt.code == "grant_expired":
        return ClientFault("the grant is over: ask for another", code=receipt.code)
    if receipt.code == "grant_used_up":
        return used_up(call, receipt.left)
    refusal = Unanswered("the broker takes no more now", code=receipt.code)
    if receipt.code == "queue_full":
        refusal.retry_seconds = queue_full_seconds(call, asked.priority)
    return refusal


async def answer(call: Call, rows: list[Row], ignored: list[str]) -> Response:
    """202, or with Prefer: wait= 200 and the whole job or batch, if that has ended in time."""
    headers = {}
    if wanted := _WAIT.search(joined(call.request.headers, "prefer")):
        with suppress(TooMany), one_wait(call):  # a preference is no condition
            headers["Preference-Applied"] = f"wait={wanted[1]}"
            rows = await _until_ended(call.web, rows, min(float(wanted[1]), call.web.settings.wait_seconds_max))
    by_grant, receipts = partial(shown_by_grant, call), [signed(call.web, row) for row in rows]
    if wanted and all(row.state in ENDED for row in rows):
        places = call.web.results.waits.places()
        return as_json(answers.ended(rows, call.base, ignored, receipts, places, by_grant), 200, headers)
    view = answers.upload(rows, call.base, ignored, receipts, by_grant)
    headers["Location"] = view["status_url"] if len(rows) == 1 else view["batch"]["status_url"]
    return as_json(view, 202, headers)


async def _until_ended(web: Web, rows: list[Row], seconds: float) -> list[Row]:
    """The rows once all have ended, or as they are after `seconds`; those at hand, promised as they are, where none can
    be read."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    try:
        now = [await web.results.until_ended(row.id, web.reader.job, until - loop.time()) for row in rows]
    except StoreFault:
        return rows
    return [newer or row for newer, row in zip(now, rows, strict=True)]


def _submit(call: Call, asked: Asked, stored: list[Stored], key: str | None) -> Submit:
    at = time.time()
    batch = ids.mint(at, secrets.token_bytes(ids.RANDOM_BYTES)) if len(stored) > 1 else None
    fingerprint = hashlib.sha256(asked.digest + b"".join(bytes.fromhex(each.original.digest) for each in stored))
    text, recipe_digest = recipe.canonical(asked.recipe), recipe.digest(asked.recipe)
    jobs = []
    for index, each in enumerate(stored):
        spec = Spec(
            each.filename, asked.reference, asked.metadata, asked.preset, text, each.original, call.caller.tenant,
            len(stored), index,
        )  # fmt: skip
        jobs.append(
            NewJob(
                id=each.job,
                tenant=call.caller.tenant,
                priority=asked.priority,
                pixels=each.original.width * each.original.height,
                reference=asked.reference,
                preset=asked.preset,
                batch=batch,
                content=_sha256(call.caller.tenant, each.original.digest, recipe_digest),
                spec=encode(spec),
                key=keyed(call.web, call.caller, key, index) if key else None,
                fingerprint=fingerprint.digest() if key else None,
                cost_ms=cost_ms(asked.recipe, each.original.format, each.original.width, each.original.height),
            )
        )
    return Submit(call.web.id, call.web.requests.name(), at, jobs, use_of(call.caller.grant))


def _sha256(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()


def _batch(submit: Submit) -> dict[str, str]:
    batch = submit.jobs[0].batch
    return {"batch": batch} if batch else {}


def _look(reader: LedgerReader, submit: Submit) -> Receipt | None:
    """What the ledger itself says of a Submit: its own rows, or its keys; None if nothing, or unreadable."""
    try:
        if reader.job(submit.jobs[0].id):
            return Receipt(submit.request, COMMITTED)
        known = reader.keys([job.key for job in submit.jobs if job.key])
    except StoreFault:
        return None
    entries = [known[job.key] for job in submit.jobs if job.key in known]
    if any(entry.fingerprint != submit.jobs[0].fingerprint for entry in entries):
        return Receipt(submit.request, CONFLICT)
    if entries:
        return Receipt(submit.request, KNOWN, [entry.job for entry in entries])
    return None


def _rows(reader: LedgerReader, submit: Submit) -> list[Row]:
    """The committed rows. What cannot be read (or is purged already) is shown as it was accepted."""
    try:
        read = {row.id: row for row in reader.jobs([job.id for job in submit.jobs])}
    except StoreFault:
        read = {}
    return [read.get(job.id) or _as_accepted(job, submit.at) for job in submit.jobs]


def _as_accepted(job: NewJob, at: float) -> Row:
    return Row(
        seq=0, id=job.id, tenant=job.tenant, state=State.QUEUED, priority=job.priority, lane="", position=0, lease=0,
        attempts=0, change=0, accepted_at=at, ended_at=None, due_at=None, started_at=None, worker=None,
        reference=job.reference, preset=job.preset, batch=job.batch, code=None, content=job.content, spec=job.spec,
        outcome=encode(Outcome()),
    )  # fmt: skip


def _known(reader: LedgerReader, known: list[str]) -> list[Row]:
    rows = reader.jobs(known)
    if not rows:  # purged since the broker looked
        raise ClientFault("the jobs of this Idempotency-Key are removed", code="not_found")
    return rows


async def _publish(web: Web, stored: list[Stored]) -> None:
    """All of them, or none."""
    faults = await in_threads(web.write_threads, [each.publish for each in stored])
    if faults:
        await _remove(web, stored)
        raise faults[0]
    for each in stored:
        if each.digest:
            each.original = msgspec.structs.replace(each.original, digest=each.digest())


async def _remove(web: Web, stored: list[Stored]) -> None:
    """What cannot be removed is left to the walk over orphans: it must not change the answer."""
    names = [each.original.name for each in stored]
    try:
        await asyncio.get_running_loop().run_in_executor(web.write_threads, web.blobs.delete, names)
    except StoreFault as fault:
        web.log.warning("not removed", extra={"blobs": ", ".join(names), "reason": fault.detail})
