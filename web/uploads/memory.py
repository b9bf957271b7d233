"""Refuses to explain a recipe that needs more memory than a decoder may have. An upload with such a recipe is accepted:
its job fails before it is decoded, because only the worker knows its own limit.
"""

from host.settings.settings import Settings
from jobs.errors import ClientFault
from jobs.images.formats import SIDES_BY_HEAD
from jobs.images.turns import Size
from jobs.limits import DECODER_TRY_SHARE_MAX
from jobs.recipes.memory import most
from jobs.recipes.recipe import Recipe
from jobs.units import spoken_bytes, spoken_limit


def judge_memory(recipe: Recipe, format: str, width: int, height: int, settings: Settings) -> None:
    """Raises ClientFault `memory_over_limit`, with the limit's name, its value and the memory that would be needed."""
    certain = format in SIDES_BY_HEAD and width and height
    need = most(recipe, format, Size(width, height)) if certain else None
    allowed = DECODER_TRY_SHARE_MAX * settings.decoder_bytes_max
    if need is not None and need.size_bytes > allowed:
        name = spoken_limit("decoder_bytes_max")
        detail = f"rendition {need.spec.name!r}: {need}; at most {spoken_bytes(allowed)} are allowed ({name})"
        members = {"limit": "decoder_bytes_max", "allowed": allowed, "actual": need.size_bytes}
        raise ClientFault(detail, code="memory_over_limit", **members)
