"""Reads the body of an upload: a form with images and fields, or a bare image with its fields in the query."""

from contextlib import closing

from jobs.errors import ClientFault, PixmillError
from jobs.limits import FORM_BYTES_MAX
from jobs.requests import fields
from jobs.requests.fields import UploadRequest
from web.access.call import Call
from web.http.body import stream_digested
from web.http.headers import filename_of, parameters, plain_filename
from web.uploads.admission import Admission
from web.uploads.dialects import no_image
from web.uploads.forms import Form
from web.uploads.incoming import Intake
from web.uploads.sentback import REDIRECT, SentBack

FILENAME = "filename"
"""The query parameter that names a bare image."""
FORM_FIELDS = fields.FIELDS | {REDIRECT}


async def read_form(
    call: Call, admission: Admission, intake: Intake, back: SentBack
) -> tuple[UploadRequest, list[str]]:
    """Read a form: its images go into `intake`, its `redirect` to `back`. Returns its fields, and the names of ignored
    parts. Raises ClientFault, StoreFault."""
    if call.query:
        name = next(iter(call.query))
        raise ClientFault(f"a form carries {name} as a part, not in the query", code="bad_parameter", parameter=name)
    terms = admission.terms
    with closing(Form(call.request.headers["content-type"], intake, FORM_FIELDS)) as form:
        try:
            await stream_digested(
                call.request, form.feed, terms.limit, terms.bytes_max, FORM_BYTES_MAX, intake.settle, form.slices
            )
            form.finish()
        except PixmillError:
            back.learn(form.fields.get(REDIRECT))
            raise
    back.take(form.fields.pop(REDIRECT, None))
    if not intake.stored:
        raise no_image(call.request)
    request = fields.from_texts(fields.granted(form.fields, terms.decided), call.web.recipes)
    intake.learn(request.recipe)
    return request, form.ignored


async def read_image(call: Call, admission: Admission, intake: Intake) -> tuple[UploadRequest, list[str]]:
    """As `read_form`, for a body that is an image, which has no `redirect`. Its fields are judged before the
    body is read."""
    terms = admission.terms
    texts = {name: value for name, value in call.query.items() if name != FILENAME}
    request = fields.from_texts(fields.granted(texts, terms.decided), call.web.recipes)
    intake.learn(request.recipe)
    intake.begin(_name_of_body(call))
    if not await stream_digested(call.request, intake.write, terms.limit, terms.bytes_max, 0, intake.settle):
        raise ClientFault("the body is empty", code="no_image")
    intake.end()
    return request, []


def _name_of_body(call: Call) -> str:
    """The file name of a bare image, from the query or from Content-Disposition."""
    if FILENAME in call.query:
        return plain_filename(call.query[FILENAME])
    disposition = call.request.headers.get("content-disposition", "").encode("latin-1")
    return filename_of(parameters(disposition)[1]) or ""
