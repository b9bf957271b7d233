"""The smaller answers: of commands, grants, sessions, presets and health. Pure."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import UNSET, Struct, UnsetType

from jobs.access.keys import Scope
from jobs.recipes.explain import Explanation
from jobs.recipes.recipe import Recipe
from web.views.fields import Id, Moment, Whole, one_of, says


class Changed(Struct, frozen=True, gc=False):
    """What a command over many did."""

    matched: Annotated[Whole, says("How many match.")]
    changed: Annotated[Whole, says("How many it changed.")]


class Paused(Struct, frozen=True, gc=False):
    """Whether dispatch is stopped."""

    paused: Annotated[bool, says("Whether jobs wait.")]
    tenant: Annotated[str | UnsetType, says("The tenant that was named.")] = UNSET


class Draining(Struct, frozen=True, gc=False):
    """A worker that leaves."""

    incarnation: Annotated[str, says("Its incarnation.")]
    state: Annotated[str, says("`draining`.")]


class GrantMade(Struct, frozen=True, gc=False):
    """A grant to upload, with all terms as they hold."""

    grant: Annotated[str, says("The text to be sent.")]
    id: Annotated[str, says("Its uses are counted under this.")]
    preset: Annotated[str, says("The preset of its uploads.")]
    bytes_max: Annotated[Whole, says("Bytes of one POST.")]
    count: Annotated[Whole, says("How many images.")]
    expires_at: Annotated[Moment, says("When it ends.")]
    reference: Annotated[str | None, says("Of its jobs.")]
    origin: Annotated[str | None, says("Whose pages may use it; null: all.")]
    webhook_url: Annotated[str | None, says("Who is told of the ends.")]


class ViewGrantMade(Struct, frozen=True, gc=False):
    """A grant to view one job."""

    grant: Annotated[str, says("The text to be sent.")]
    job: Annotated[Id, says("The job.")]
    expires_at: Annotated[Moment, says("When it ends.")]


class Session(Struct, frozen=True, gc=False):
    """Who is calling."""

    keys: Annotated[bool, says("Whether this server needs keys.")]
    tenant: Annotated[str, says("The caller's tenant.")]
    scope: Annotated[str, one_of(Scope), says("What they may.")]
    tenants: Annotated[Sequence[str] | UnsetType, says("For `operate`: the names of the tenants, up to 1,000.")] = UNSET
    expires_at: Annotated[Moment | UnsetType, says("After `POST /session`: when the session ends.")] = UNSET


class KnownPresets(Struct, frozen=True):
    """The presets."""

    presets: Annotated[Mapping[str, Recipe], says("The [recipe](recipes.md) of each, by its name.")]


class PlannedImage(Struct, frozen=True, gc=False):
    """What the first bytes of an image tell."""

    format: Annotated[str, says("As `jpeg`.")]
    width: Annotated[Whole, says("Pixels as stored.")]
    height: Annotated[Whole, says("Pixels as stored.")]
    bytes: Annotated[Whole, says("Its size.")]
    orientation: Annotated[Whole, says("The EXIF orientation, 1 to 8.")]


class PlannedRecipe(Struct, frozen=True):
    """What a recipe would do to an image."""

    original: Annotated[PlannedImage, says("The image.")]
    preset: Annotated[str | None, says("The preset's name; null if a recipe was sent.")]
    recipe: Annotated[Recipe, says("The whole recipe with all defaults.")]
    plan: Annotated[Explanation, says("[The plan](recipes.md#before-you-upload).")]


class Live(Struct, frozen=True, gc=False):
    """The process lives."""

    status: Annotated[str, says("`live`.")]


class Readiness(Struct, frozen=True, gc=False):
    """Whether uploads are accepted."""

    status: Annotated[str, one_of(("ready", "unready")), says("`ready` or `unready`.")]
    reasons: Annotated[Sequence[str], says("Why not.")]
    warnings: Annotated[Sequence[str], says("Problems with the processing of accepted jobs.")]
    workers: Annotated[Whole | None, says("How many take jobs; null: the broker is unheard.")]
    durability: Annotated[str | None, says("What a 202 rests on: `local`, `synchronous` or `asynchronous`.")]
    ledger: Annotated[str, says("Whether it can be read.")]
    replica: Annotated[str | None, says("Whether the replica can be read, and is new enough; null: there is none.")]


class Problem(Struct, frozen=True, kw_only=True):
    """An error, as RFC 9457 has it. It often has more fields."""

    type: Annotated[str, says("`about:blank`.")]
    title: Annotated[str, says("The name of the status.")]
    status: Annotated[int, says("The HTTP status.")]
    code: Annotated[str, says("Stable: [the codes](#errors).")]
    detail: Annotated[str, says("For people.")]
    parameter: Annotated[str | UnsetType, says("The parameter, field or key that is at fault.")] = UNSET
    limit: Annotated[str | UnsetType, says("The limit that was passed.")] = UNSET
    allowed: Annotated[float | UnsetType, says("What it allows, in its unit.")] = UNSET
    actual: Annotated[float | UnsetType, says("What came, in its unit.")] = UNSET
    path: Annotated[str | UnsetType, says("The place in the recipe.")] = UNSET
    filename: Annotated[str | UnsetType, says("The file that is at fault.")] = UNSET
    index: Annotated[Whole | UnsetType, says("Its place among the images of the form, from 0.")] = UNSET
    scope: Annotated[str | UnsetType, says("The scope that is needed.")] = UNSET
    left: Annotated[Whole | UnsetType, says("What is left of the grant.")] = UNSET
    jobs: Annotated[Sequence[Id] | UnsetType, says("The jobs that may be done all the same.")] = UNSET
    matched: Annotated[Whole | UnsetType, says("Of a command over many: how many matched until then.")] = UNSET
    changed: Annotated[Whole | UnsetType, says("Of a command over many: how many it changed until then.")] = UNSET
