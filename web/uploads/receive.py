"""POST /upload: admission, body, promise, answer.

Owns only the order of these steps. Each step is a module of this folder.
"""

from starlette.responses import Response

from jobs.errors import ClientFault
from web.access.call import Call
from web.http.body import claimed_bytes
from web.uploads.accept import accept
from web.uploads.admission import at_door
from web.uploads.answer import answer
from web.uploads.incoming import Intake
from web.uploads.reading import read_form, read_image

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
    with at_door(call, call.query.get("priority"), claimed) as admission, Intake.opened(call.web, admission) as intake:
        request, ignored = await (read_form if is_form else read_image)(call, admission, intake)
        await intake.publish()
        accepted = await accept(admission, request, intake.stored)
    return await answer(call, accepted, ignored)
