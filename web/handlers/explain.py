"""POST /recipes/explain: what a recipe would do to this image. It reads only the image's head, and stores nothing."""

from starlette.responses import Response

from jobs.errors import ClientFault, ImageFault
from jobs.images import exif
from jobs.images.head import Head, HeadReader
from jobs.images.judged import judged
from jobs.images.pieces import Passing
from jobs.recipes.explain import Explanation, explain
from jobs.recipes.recipe import Recipe
from jobs.requests import fields
from web.access.call import Call
from web.access.grants import bytes_limit
from web.http.body import sliced, stream_digested
from web.http.json import as_json
from web.uploads.incoming import FORMATS
from web.uploads.memory import judge_memory
from web.views.replies import PlannedImage, PlannedRecipe


async def explain_recipe(call: Call) -> Response:
    """The plan for an image, without decoding it. Raises ClientFault as an upload does, and `operation_failed` if the
    job would fail with it."""
    wanted = fields.from_texts(call.query, call.web.recipes)
    reader, turned = HeadReader(), Passing(exif.reading_orientation())

    def feed(data: bytes) -> None:
        reader.feed(data)
        turned.feed(data)

    size = await stream_digested(call.request, feed, *bytes_limit(call), slices=sliced)
    if not size:
        raise ClientFault("the body is empty: send the image's bytes", code="no_image")
    reader.end()
    head = _judged(call, reader)
    judge_memory(wanted.recipe, *head, call.web.settings)
    turned.end()
    orientation = turned.found or 1
    planned = _planned(wanted.recipe, head, orientation)
    plan = PlannedRecipe(PlannedImage(*head, size, orientation), wanted.preset, wanted.recipe, planned)
    return as_json(plan, 200, {"Cache-Control": "no-store"})


def _judged(call: Call, reader: HeadReader) -> Head:
    head = judged(reader, FORMATS, call.web.settings.pixels_max)
    if not head.width * head.height:
        raise ClientFault("the head of the file does not tell its size: upload it instead", code="undecodable")
    return head


def _planned(recipe: Recipe, head: Head, orientation: int) -> Explanation:
    try:
        return explain(recipe, head, orientation)
    except ImageFault as fault:
        raise ClientFault(fault.detail, code=fault.code) from None
