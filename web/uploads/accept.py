"""Makes jobs of stored originals: submits them to the broker, and only then lets the 202 be sent.

Decides which blobs stay: those of jobs that are committed, or that may still be. The others are removed.
"""

import hashlib
import secrets
import time

from jobs import ids
from jobs.access.keys import keyed
from jobs.errors import ClientFault, LimitExceeded
from jobs.job import Row, Spec, encode
from jobs.recipes import recipe
from jobs.recipes.explain import cost_ms
from jobs.wire import COMMITTED, CONFLICT, KNOWN, REFUSED, Ack, NewJob, Submit
from web.broker.reads import patient
from web.broker.requests import NotPromised
from web.uploads.admission import Admission, RateLimited, queue_full_seconds, used_up
from web.uploads.fields import UploadRequest
from web.uploads.originals import Stored, remove
from web.uploads.promised import known_rows, look, rows


async def accept(admission: Admission, request: UploadRequest, stored: list[Stored]) -> list[Row]:
    """Submit jobs whose originals are published. Returns the rows of the promised jobs: these, or the earlier ones
    under the same Idempotency-Key.

    Raises ClientFault `idempotency_key_reused`, or for a used-up rate or grant; NotPromised, StoreFault.
    """
    web = admission.call.web
    submit = _submit(admission, request, stored)
    try:
        ack, repeated = await web.requests.settle(submit, lambda: look(web.reader, submit), web.settings.accept_seconds)
    except NotPromised as fault:
        if fault.code == "queue_full":
            await remove(web, stored)
        else:
            fault.members["jobs"] = [each.job for each in stored]
        raise
    if ack.outcome == COMMITTED:
        batch = {"batch": name} if (name := submit.jobs[0].batch) else {}
        for each in stored:
            web.log.info("uploaded", extra={"job": each.job, "bytes": each.original.bytes, **batch})
        return rows(web.reader, submit, ack)
    if ack.outcome != REFUSED or not repeated:  # else a resent Submit may be accepted, and the walk removes orphans
        await remove(web, [each for each in stored if each.job not in ack.ids])
    if ack.outcome == KNOWN:
        return await patient(lambda: known_rows(web.reader, ack.ids))
    if ack.outcome == CONFLICT:
        raise ClientFault("this Idempotency-Key was used for other content", code="idempotency_key_reused")
    refusal = _refusal(admission, request, ack, len(stored))
    if repeated:
        refusal.members["jobs"] = [each.job for each in stored]
    raise refusal


def _refusal(admission: Admission, request: UploadRequest, ack: Ack, images: int) -> ClientFault | NotPromised:
    if ack.code == "rate_limited":
        rate = admission.call.web.settings.rate_per_minute
        if images > rate:
            return LimitExceeded("too_many_parts", "rate_per_minute", rate, images)
        return RateLimited(rate, ack.left, ack.retry_seconds, images)
    if ack.code == "grant_expired":
        return ClientFault("the grant has expired: ask for another", code=ack.code)
    if ack.code == "grant_used_up":
        return used_up(admission.call, admission.terms, ack.left)
    refusal = NotPromised("the broker takes no more now", code=ack.code)
    if ack.code == "queue_full":
        refusal.retry_seconds = queue_full_seconds(admission.call, request.priority)
    return refusal


def _submit(admission: Admission, request: UploadRequest, stored: list[Stored]) -> Submit:
    at, call, key = time.time(), admission.call, admission.key
    batch = ids.mint(at, secrets.token_bytes(ids.RANDOM_BYTES)) if len(stored) > 1 else None
    fingerprint = hashlib.sha256(request.digest + b"".join(bytes.fromhex(each.original.digest) for each in stored))
    text, recipe_digest = recipe.canonical(request.recipe), recipe.digest(request.recipe)
    jobs = []
    for index, each in enumerate(stored):
        spec = Spec(
            each.filename, request.reference, request.metadata, request.preset, text, each.original, call.caller.tenant,
            len(stored), index,
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
                content=_sha256(call.caller.tenant, each.original.digest, recipe_digest),
                spec=encode(spec),
                key=keyed(call.web.key_secret, admission.terms.owner, key, index) if key else None,
                fingerprint=fingerprint.digest() if key else None,
                cost_ms=cost_ms(request.recipe, each.original.format, each.original.width, each.original.height),
            )
        )
    return Submit(call.web.id, call.web.requests.name(), at, jobs, admission.terms.use)


def _sha256(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()
