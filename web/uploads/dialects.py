"""Fields that upload libraries send beside the images, and misspelt names of our fields.

Refuses a form that carries only a part of a file. That part would be taken for a whole file: the first part of a JPEG
has a good head. web/uploads/admission.py judges what the headers say of parts.
"""

import difflib

from starlette.requests import Request

from jobs.errors import ClientFault
from jobs.requests.fields import FIELDS
from jobs.requests.texts import bad_parameter
from web.uploads.sentback import REDIRECT

_WHOLE = {
    "dztotalchunkcount": "Dropzone: chunking: false",
    "resumableTotalChunks": "resumable.js: a chunkSize above the largest file",
    "flowTotalChunks": "flow.js: a chunkSize above the largest file",
    "chunks": "Plupload: chunk_size: 0",
    "qqtotalparts": "Fine Uploader: chunking: {enabled: false}",
}
"""Fields that say how many parts a file has, and the setting of each library that sends it whole."""
TOTALS = frozenset(_WHOLE)
_NO_SLIPS = frozenset({"preference", "preferences", "receipt"})
_ALIKE = 0.85


def judge_total(name: str, value: str) -> None:
    """Raises ClientFault if the field `name` says that the file has several parts."""
    if value.strip() != "1":
        detail = f"a part of a file ({name}: {value[:20]}) is no image: send it whole ({_WHOLE[name]})"
        raise ClientFault(detail, parameter=name)


def judge_unknown(name: str) -> None:
    """Raises ClientFault if `name`, which is no field of ours, looks like a misspelt one. Other names are ignored."""
    folded = name.lower()
    if folded in _NO_SLIPS or len(name) > max(map(len, FIELDS)) + 2:
        return
    for meant in (*FIELDS, REDIRECT):
        if folded[:1] == meant[0] and difflib.SequenceMatcher(None, folded, meant).ratio() >= _ALIKE:
            raise bad_parameter(name, f"there is no field {name!r}: did you mean {meant!r}?")


def no_image(request: Request) -> ClientFault:
    """The refusal of a form without an image."""
    if "upload-length" in request.headers:
        return ClientFault("no image came: send it whole (FilePond: chunkUploads: false)", code="no_image")
    return ClientFault("no part of the form has a file name: send the image as `image`", code="no_image")
