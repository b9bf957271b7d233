"""POST /upload: admission, body, promise, answer (for a form with `redirect`: where its browser is sent).

Owns only the order of these steps. Each step is a module of this folder.
"""

from starlette.responses import Response

from jobs.errors import ClientFault, PixmillError
from jobs.job import Row
from web.access.call import Call
from web.access.parts import Web
from web.access.timing import Timing
from web.http.body import claimed_bytes
from web.metrics.families import JUDGE, PROMISE, READ, STORE
from web.uploads.accept import accept
from web.uploads.admission import at_door
from web.uploads.answer import answer, shown_by_grant
from web.uploads.hooks import hooks_of, judge_batch
from web.uploads.incoming import Intake
from web.uploads.reading import read_form, read_image
from web.uploads.sentback import SentBack
from web.views.answers import batch_of

UNTOLD = frozenset({"", "application/octet-stream"})
"""Content types that say nothing about the body. Its first bytes do."""


async def upload(call: Call) -> Response:
    """POST /upload."""
    content_type = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_form = content_type == "multipart/form-data"
    if not is_form and content_type not in UNTOLD and not content_type.startswith("image/"):
        detail = (
            "send a multipart/form-data form, or the image itself with Content-Type image/* or "
            f"application/octet-stream, not {content_type[:100]!r}"
        )
        raise ClientFault(detail, code="unsupported_type")
    claimed = claimed_bytes(call.request)
    back, timing = SentBack(call), Timing(call)
    try:
        async with at_door(call, call.query.get("priority"), claimed) as admission:
            timing.ended(JUDGE)
            with Intake.opened(call.web, admission) as intake:
                reading = read_form(call, admission, intake, back) if is_form else read_image(call, admission, intake)
                request, ignored = await reading
                hooks = hooks_of(call, request)
                judge_batch(call, request, hooks, is_batch=len(intake.stored) > 1)
                timing.ended(READ)
                await intake.publish()
                _count(call.web, intake)
                timing.ended(STORE)
                accepted = await accept(admission, request, intake.stored, hooks)
                timing.ended(PROMISE)
                timing.count()
    except PixmillError as fault:
        if back.address is None:
            raise
        return back.refused(fault)
    if back.address:
        return _sent_back(call, accepted, back)
    return await answer(call, accepted, ignored, timing, request.batch)


def _count(web: Web, intake: Intake) -> None:
    if web.counts is not None:
        web.counts.uploaded(sum(each.original.bytes for each in intake.stored))


def _sent_back(call: Call, rows: list[Row], back: SentBack) -> Response:
    if len(rows) == 1:
        job = rows[0].id
        return back.accepted("job", job, f"{call.base}/jobs/{job}{shown_by_grant(call, rows[0])}")
    batch = batch_of(rows[0])
    return back.accepted("batch", batch, f"{call.base}/batches/{batch}")
