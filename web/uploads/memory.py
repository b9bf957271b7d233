"""What could never have the memory that it needs is told who has a recipe explained. An upload is promised, and its job
fails before anything is decoded: which memory there is, the worker that has the job knows.
"""

from host.settings.settings import Settings
from jobs.errors import ClientFault
from jobs.images.formats import SIDES_BY_HEAD
from jobs.images.turns import Size
from jobs.limits import DECODER_TRY_SHARE_MAX
from jobs.recipes.recipe import Recipe
from jobs.recipes.room import most
from jobs.units import spoken_bytes


def judge_memory(recipe: Recipe, format: str, width: int, height: int, settings: Settings) -> None:
    """Raises ClientFault `memory_over_limit`, with the limit's name, what it allows and what would be needed."""
    certain = format in SIDES_BY_HEAD and width and height
    need = most(recipe, format, Size(width, height)) if certain else None
    allowed = DECODER_TRY_SHARE_MAX * settings.decoder_bytes_max
    if need is not None and need.size_bytes > allowed:
        detail = f"rendition {need.spec.name!r}: {need}, decoder_bytes_max allows {spoken_bytes(allowed)}"
        members = {"limit": "decoder_bytes_max", "allowed": allowed, "actual": need.size_bytes}
        raise ClientFault(detail, code="memory_over_limit", **members)
