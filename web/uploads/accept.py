"""Makes jobs of stored originals: submits them to the broker, and only then lets the 202 be sent.

Decides which blobs stay: those of jobs that are committed, or that may still be. The others are removed.
"""

import hashlib
import secrets
import time
from functools import partial

from host.tracing.tracer import Sending
from jobs import ids
from jobs.access.keys import keyed
from jobs.errors import ClientFault, LimitExceeded
from jobs.job import Hooks, Row, Spec, encode
from jobs.limits import BATCH_JOBS_MAX
from jobs.recipes import recipe
from jobs.recipes.explain import cost_ms
from jobs.recipes.recipe import content_of
from jobs.requests.fields import UploadRequest
from jobs.trace import Trace, member_of
from jobs.wire import COMMITTED, CONFLICT, KNOWN, REFUSED, Ack, NewJob, Submit, SubmitForCouriers, SubmitToBatch
from web.broker.requests import NotPromised
from web.http.tally import tally_of
from web.uploads.admission import Admission, RateLimited, queue_full_seconds, used_up
from web.uploads.originals import Stored, measures, remove
from web.uploads.promised import known_rows, look, rows


async def accept(
    admission: Admission,
    request: UploadRequest,
    stored: list[Stored],
    hooks: Hooks | None = None,
    *,
    is_batch: bool = False,
) -> list[Row]:
    """Submit jobs whose originals are published; `hooks`: who is told of their ends; `is_batch`: one job is a batch,
    too. Returns the rows of the promised jobs: these, or the earlier ones under the same Idempotency-Key.

    Raises ClientFault `idempotency_key_reused`, or for a used-up rate or grant, or a batch that the jobs cannot join;
    NotPromised, StoreFault.
    """
    call, jobs = admission.call, [each.job for each in stored]
    with call.web.tracer.sending(call.trace, jobs, is_batch=is_batch) as sending:
        return await _settled(admission, request, stored, hooks, sending, is_batch)


async def _settled(
    admission: Admission,
    request: UploadRequest,
    stored: list[Stored],
    hooks: Hooks | None,
    sending: Sending,
    is_batch: bool,
) -> list[Row]:
    web = admission.call.web
    submit = submit_of(admission, request, stored, hooks, sending.traces, is_batch=is_batch)
    try:
        ack, repeated = await web.requests.settle(
            submit, partial(look, web.reads.quick, submit), web.settings.accept_seconds
        )
    except NotPromised as fault:
        if fault.code == "queue_full":
            await remove(web, stored)
        else:
            fault.members["jobs"] = [each.job for each in stored]
        raise
    if ack.outcome == COMMITTED:
        batch = {"batch": name} if (name := submit.jobs[0].batch) else {}
        tally = tally_of(admission.call.request.scope)
        tally.told = True
        whose = {"request": tally.id, "tenant": admission.call.caller.tenant, "ms": tally.ms}
        for each, trace in zip(stored, sending.traces, strict=True):
            more = batch | whose | member_of(trace)
            web.log.info("uploaded", extra={"job": each.job, "bytes": each.original.bytes, **more})
        return await rows(web.reads.quick, submit, ack)
    if ack.outcome != REFUSED or not repeated:  # else a resent Submit may be accepted, and the walk removes orphans
        await remove(web, [each for each in stored if each.job not in ack.ids])
    if ack.outcome == KNOWN:
        sending.repeated(ack.ids)
        return await known_rows(web.reads.quick, ack.ids)
    if ack.outcome == CONFLICT:
        raise ClientFault("this Idempotency-Key was used for other content", code="idempotency_key_reused")
    refusal = _refusal(admission, request, ack, len(stored))
    if repeated:
        refusal.members["jobs"] = [each.job for each in stored]
    raise refusal


def _refusal(admission: Admission, request: UploadRequest, ack: Ack, images: int) -> ClientFault | NotPromised:
    if ack.code in ("rate_limited", "queue_full") and (never := admission.never(images)):
        return never
    if ack.code == "rate_limited":
        rate = admission.call.web.rate_of(admission.call.caller.tenant)
        return RateLimited(rate, ack.left, ack.retry_seconds, images)
    if ack.code == "grant_expired":
        return ClientFault("the grant has expired: ask for another", code=ack.code)
    if ack.code == "not_found":
        return ClientFault(f"there is no batch {request.batch}", code=ack.code)
    if ack.code == "batch_closed":
        return ClientFault("the batch is closed: open another", code=ack.code)
    if ack.code == "batch_full":
        return LimitExceeded("too_many_parts", "batch_jobs_max", BATCH_JOBS_MAX, BATCH_JOBS_MAX - ack.left + images)
    if ack.code == "grant_used_up":
        return used_up(admission.call, admission.terms, ack.left)
    refusal = NotPromised("the broker takes no more now", code=ack.code)
    if ack.code == "queue_full":
        refusal.retry_seconds = queue_full_seconds(admission.call, request.priority)
    return refusal


def submit_of(
    admission: Admission,
    request: UploadRequest,
    stored: list[Stored],
    hooks: Hooks | None,
    traces: list[Trace | None],
    *,
    is_batch: bool = False,
) -> Submit:
    """The message that makes these jobs, each in its trace, as `accept` sends it."""
    at, call, key = time.time(), admission.call, admission.key
    made = ids.mint(at, secrets.token_bytes(ids.RANDOM_BYTES)) if is_batch or len(stored) > 1 else None
    batch = request.batch or made
    digests = b"".join(bytes.fromhex(each.original.digest) for each in stored)
    fingerprint = hashlib.sha256(request.digest + digests + (b"batch" if is_batch else b""))
    text = recipe.canonical(request.recipe)
    jobs = []
    for index, (each, trace) in enumerate(zip(stored, traces, strict=True)):
        spec = Spec(
            each.filename, request.reference, request.metadata, request.preset, text, each.original, call.caller.tenant,
            len(stored), index, each.source, trace,
        )  # fmt: skip
        jobs.append(
            NewJob(
                id=each.job,
                tenant=call.caller.tenant,
                priority=request.priority,
                pixels=each.original.width * each.original.height,
                reference=request.reference,
                preset=request.preset,
                batch=batch,
                content=content_of(call.caller.tenant, each.original.digest, text),
                spec=encode(spec),
                key=keyed(call.web.key_secret, admission.terms.owner, key, index) if key else None,
                fingerprint=fingerprint.digest() if key else None,
                cost_ms=0.0 if each.source else cost_ms(request.recipe, *measures(each.original)),
                fetch=each.source is not None,
            )
        )
    for_couriers = hooks is not None or any(each.source for each in stored)
    kind = SubmitToBatch if request.batch else SubmitForCouriers if for_couriers else Submit
    return kind(
        call.web.id,
        call.web.requests.name(),
        at,
        jobs,
        admission.terms.use,
        call.web.key_secret_told,
        request.expires_in,
        hooks=hooks,
    )
