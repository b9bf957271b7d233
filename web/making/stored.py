"""POST /jobs: jobs of originals that are stored, or of one that is fetched.

Many originals are one batch: one Submit makes all of its jobs or none.
"""

from functools import partial

import msgspec
from starlette.responses import Response

from jobs import ids
from jobs.errors import ClientFault, LimitExceeded
from jobs.job import Hooks, Row, decode_outcome, decode_spec, original_of
from jobs.limits import FIELD_BYTES_MAX, FILES_PER_POST_MAX
from jobs.requests import fields
from jobs.requests.fields import UploadRequest
from jobs.requests.originals import MANY, ONE, named_originals
from jobs.requests.texts import bad_parameter
from jobs.wire import BATCHES_EDITION, FRAME_BYTES_MAX
from web.access.call import Call, read_body
from web.access.fresh import fresh_id
from web.access.timing import Timing
from web.broker.editions import refuse_older
from web.handlers.fetch import fetch_job
from web.http.json import read_object
from web.metrics.families import JUDGE, PROMISE, STORE
from web.uploads.accept import accept, submit_of
from web.uploads.admission import Admission, at_door
from web.uploads.answer import answer
from web.uploads.hooks import hooks_of, judge_batch
from web.uploads.incoming import publish
from web.uploads.originals import Stored, measures

HEAD_BYTES = 64
"""Of a frame, beside its message: more than version, name and a longer number of the request take."""
FETCHED = "source_url"


async def make_jobs(call: Call) -> Response:
    """POST /jobs: another recipe for the stored originals of jobs, in whatever state those are. Or a job whose original
    is to be fetched."""
    values = read_object(await read_body(call.request, "field_bytes_max", FIELD_BYTES_MAX))
    if unknown := sorted(set(values) - fields.FIELDS - {ONE, MANY, FETCHED}):
        raise bad_parameter(unknown[0], f"there is no key {unknown[0]!r}")
    if FETCHED in values:
        return await fetch_job(call, values)
    sources, many = named_originals(values), values.get(MANY) is not None
    asked = fields.from_values(values, call.web.recipes)
    hooks = hooks_of(call, asked)
    judge_batch(call, asked, hooks, is_batch=many)
    if len(sources) > FILES_PER_POST_MAX:
        refuse_older(call.web.feed.latest_beat, BATCHES_EDITION, "batches of so many jobs")
    rows = await _found(call, sources)
    timing = Timing(call)
    async with at_door(call, values.get("priority")) as admission:
        await admission.judge_many(len(rows))
        stored = [_linked(call, row) for row in rows]
        for measured in {measures(each.original) for each in stored}:
            admission.judge_cost(asked.recipe, *measured)
        if many:
            _refuse_long(admission, asked, stored, hooks)
        timing.ended(JUDGE)
        await publish(call.web, stored)
        timing.ended(STORE)
        accepted = await accept(admission, asked, stored, hooks, is_batch=many)
        timing.ended(PROMISE)
    return await answer(call, accepted, [], timing, asked.batch)


async def _found(call: Call, sources: list[str]) -> list[Row]:
    """The rows of these jobs, in this order. Raises ClientFault `not_found` if one is missing, or not fetched yet."""
    wanted = [each for each in dict.fromkeys(sources) if ids.is_id(each)]
    reading = call.web.reads.quick if len(wanted) <= FILES_PER_POST_MAX else call.web.reads.long
    rows = await reading.do(lambda ledger: ledger.jobs(wanted))
    seen = {row.id: row for row in rows if call.caller.may_see(row.tenant, row.id)}
    if missing := [each for each in sources if each not in seen]:
        beside = f", nor {len(missing) - 1} others of these" if len(missing) > 1 else ""
        raise ClientFault(f"there is no job {missing[0][:100]}{beside}", code="not_found")
    return [seen[each] for each in sources]


def _linked(call: Call, row: Row) -> Stored:
    """A new job's original: another name for that of this job."""
    spec = decode_spec(row.spec)
    held = original_of(spec, decode_outcome(row.outcome))
    if held is None:
        raise ClientFault(f"the original of job {row.id} is not fetched yet", code="not_found")
    job = fresh_id()
    original = msgspec.structs.replace(held, name=ids.original_name(job))
    return Stored(job, spec.filename, original, partial(call.web.blobs.link, ids.original_name(row.id), original.name))


def _refuse_long(admission: Admission, asked: UploadRequest, stored: list[Stored], hooks: Hooks | None) -> None:
    """All jobs go to the broker in one message. Raises LimitExceeded if it would be too long, before any original has
    another name."""
    traces = [admission.call.web.tracer.widest(admission.call.trace)] * len(stored)
    size = len(msgspec.msgpack.encode(submit_of(admission, asked, stored, hooks, traces, is_batch=True))) + HEAD_BYTES
    if size > FRAME_BYTES_MAX:
        raise LimitExceeded("too_many_parts", "frame_bytes_max", FRAME_BYTES_MAX, size)
