"""A job, a promise and a batch, as structs: their fields, in order, and what each means. Pure.

web/views/answers.py fills them. A field that is UNSET is left out; `null` is a value that is not known, or not there.
docs/http.md and the schema of the API are made of these words.
"""

from collections.abc import Sequence
from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from jobs.job import EventKind
from web.views.fields import (
    Counts,
    Digest,
    Id,
    Json,
    Moment,
    Number,
    PriorityName,
    StateName,
    Url,
    Whole,
    one_of,
    says,
)
from web.views.told import Delivery


class Placeholder(Struct, frozen=True, gc=False):
    """The original in a few bytes, upright: for a page to show until a picture has come."""

    thumbhash: Annotated[str | None, says("[ThumbHash](https://evanw.github.io/thumbhash/) in base64, with alpha.")]
    blurhash: Annotated[str | None, says("[BlurHash](https://blurha.sh), over the dominant colour.")]
    lqip: Annotated[str | None, says("A WebP of at most 20 pixels a side, as a `data:` URI.")]


class Location(Struct, frozen=True, gc=False):
    """Where a photo was taken, by its GPS tags."""

    latitude: Annotated[float, says("Degrees north.")]
    longitude: Annotated[float, says("Degrees east.")]
    altitude: Annotated[float | None, says("Metres above the sea.")]


class Info(Struct, frozen=True, kw_only=True, gc=False):
    """Facts about an original. A fact that the file does not tell is null."""

    orientation: Annotated[Whole, says("As stored: EXIF's number, 1 to 8. Pictures are shown upright.")]
    frames: Annotated[Whole, says("Frames of an animation, else 1.")]
    pages: Annotated[Whole, says("Pages of a TIFF without its previews, else 1.")]
    duration_ms: Annotated[Whole | None, says("How long an animation takes once.")]
    plays: Annotated[Whole | None, says("How often an animation is played; 0: for ever.")]
    alpha: Annotated[bool, says("Whether it can have transparent pixels.")]
    opaque: Annotated[bool, says("Whether all pixels of the first picture are opaque.")]
    bits: Annotated[Whole | None, says("Bits of a sample.")]
    space: Annotated[str | None, says("`gray`, `rgb`, `cmyk` or `palette`.")]
    chroma: Annotated[str | None, says("How colours are stored beside luma, as `4:2:0`.")]
    progressive: Annotated[bool, says("Whether it is stored in passes, each finer.")]
    density: Annotated[Number | None, says("Pixels an inch on paper.")]
    profile: Annotated[str | None, says("The name of its ICC profile.")]
    code_points: Annotated[
        Sequence[int] | None, says("CICP's numbers of its primaries and of its transfer function, as `[12, 13]`.")
    ]
    unmet: Annotated[
        Sequence[str],
        says(
            "`colours`: they were not converted. `hdr`: light beyond white was brought down. [More](recipes.md#unmet)."
        ),
    ]
    gain_map: Annotated[bool, says("Whether it has a gain map, which is not applied.")]
    captured_at: Annotated[str | None, says("When it was taken, ISO 8601: with an offset only if the camera told one.")]
    make: Annotated[str | None, says("Of the camera.")]
    model: Annotated[str | None, says("Of the camera.")]
    lens: Annotated[str | None, says("The lens's model.")]
    exposure: Annotated[Number | None, says("Seconds.")]
    f_number: Annotated[Number | None, says("The aperture, as 2.8.")]
    iso: Annotated[Whole | None, says("The sensitivity.")]
    focal_mm: Annotated[Number | None, says("The focal length.")]
    artist: Annotated[str | None, says("Who made it.")]
    copyright: Annotated[str | None, says("The notice.")]
    phash: Annotated[str, says("`dhash64`: 64 bits in hex. Alike pictures differ in few bits.")]
    average: Annotated[str | None, says("The mean colour, `#rrggbb`; null if it is transparent.")]
    palette: Annotated[Sequence[str], says("The colours that `palette` asks for, the most frequent one first.")]
    location: Annotated[Location | None, says("Only with `location`, and never under a grant.")]
    serial: Annotated[str | None, says("The same for the camera's serial number.")]
    owner: Annotated[str | None, says("The same for the camera's owner.")]


class JobError(Struct, frozen=True, gc=False):
    """Why a try, or a job, did not end well."""

    code: Annotated[str, says("One of [the codes](#states).")]
    detail: Annotated[str, says("For people.")]


class Original(Struct, frozen=True, gc=False):
    """The upload."""

    format: Annotated[str, says("By its first bytes, as `jpeg`.")]
    width: Annotated[Whole | None, says("Pixels as stored; null until known.")]
    height: Annotated[Whole | None, says("Pixels as stored; null until known.")]
    upright_width: Annotated[
        Whole | None,
        says(
            "Pixels as a viewer shows it, after the EXIF orientation: use these for layout. Null until known, and for "
            "originals from before this field."
        ),
    ]
    upright_height: Annotated[Whole | None, says("The same for the height.")]
    bytes: Annotated[Whole, says("Its size.")]
    digest: Annotated[Digest, says("SHA-256, in hex.")]
    url: Annotated[Url, says("Its bytes. A grant does not open it.")]
    info: Annotated[
        Info | None, says("Facts, if [the recipe asks for them](recipes.md#facts), as soon as it is read. Else null.")
    ]


class Box(Struct, frozen=True, gc=False):
    """A part of the original, in its upright pixels."""

    left: Annotated[Number, says("Pixels from the left edge.")]
    top: Annotated[Number, says("Pixels from the upper edge.")]
    width: Annotated[Number, says("Pixels; an edge may lie within a pixel.")]
    height: Annotated[Number, says("Pixels.")]


class Rendition(Struct, frozen=True, gc=False):
    """A picture that was made of the upload."""

    name: Annotated[str, says("From the recipe.")]
    width: Annotated[Whole, says("Pixels, upright.")]
    height: Annotated[Whole, says("Pixels, upright.")]
    format: Annotated[str, says("As `webp`.")]
    bytes: Annotated[Whole, says("Its size.")]
    digest: Annotated[Digest, says("SHA-256, in hex.")]
    quality: Annotated[
        Whole | None, says("With which it was encoded; null if its format has none, or was written without loss.")
    ]
    box: Annotated[
        Box | None,
        says(
            "The part of the original that it shows: `left`, `top`, `width` and `height` in upright pixels. Null if "
            "its worker is of a release that did not tell it."
        ),
    ]
    unmet: Annotated[Sequence[str], says("[What could not be kept or done](recipes.md#unmet).")]
    url: Annotated[Url, says("Its bytes; they never change.")]


class SourceSet(Struct, frozen=True, gc=False):
    """The renditions of one picture in one format, for HTML."""

    name: Annotated[str, says("The name in the recipe, before the sizes and the format.")]
    type: Annotated[str, says("As `image/webp`, for `type` of a `source`.")]
    srcset: Annotated[str, says("For `srcset`: each address with its width (`640w`) or its density (`2x`).")]


class TimelineEntry(Struct, frozen=True, gc=False):
    """One thing that happened to a job."""

    at: Annotated[Moment, says("When.")]
    event: Annotated[str, one_of(EventKind), says("What.")]
    lease: Annotated[Whole, says("The number of the try's lease.")]
    worker: Annotated[str | None, says("The worker's name.")]
    detail: Annotated[str | None, says("More, for people.")]


class Cost(Struct, frozen=True, gc=False):
    """What the last try cost."""

    cpu_ms: Annotated[Number, says("CPU time of the decoder.")]
    peak_bytes: Annotated[Whole, says("The most memory that the decoder had.")]


class Job(Struct, frozen=True, kw_only=True):
    """A job: one upload, and what becomes of it."""

    id: Annotated[Id, says("26 characters, in the order of time.")]
    state: Annotated[StateName, says("One of [the states](#states).")]
    filename: Annotated[str, says("A label, as it was sent, at most 255 characters.")]
    reference: Annotated[str | None, says("Yours, from the upload.")]
    metadata: Annotated[Json, says("Yours: any JSON of up to 2 KiB.")]
    preset: Annotated[str | None, says("The preset's name; null if a recipe was sent.")]
    recipe: Annotated[
        Raw | UnsetType,
        Meta(extra_json_schema={"$ref": "#/components/schemas/Recipe"}),
        says("The whole [recipe](recipes.md) with all defaults. Not in lists and batches."),
    ] = UNSET
    priority: Annotated[PriorityName, says("`high`, `normal` or `low`.")]
    attempts: Annotated[Whole, says("How many tries were charged.")]
    cached: Annotated[bool, says("Whether the result cache answered.")]
    error: Annotated[
        JobError | None,
        says("`code` and `detail` of the last fault, also while the job waits for its next try; else null."),
    ]
    original: Annotated[Original, says("The upload, below.")]
    source_url: Annotated[
        str | None,
        says(
            "The address from which the original is fetched, without its query; null for an upload. Before it is "
            "fetched, `original` is empty."
        ),
    ]
    renditions: Annotated[
        Sequence[Rendition], says("The pictures so far, below. Each is there as soon as it is published.")
    ]
    srcset: Annotated[
        Sequence[SourceSet] | UnsetType,
        says(
            "For the pictures that `widths`, `dpr` or `formats` made: one of each format, the best first. Not in lists "
            "and batches."
        ),
    ] = UNSET
    dominant_colour: Annotated[
        str | None,
        says("`#rrggbb` of the original, once a rendition or the placeholder is there; null if it is transparent."),
    ]
    placeholder: Annotated[
        Placeholder | None,
        says("Those that [the recipe asks for](recipes.md#placeholders), as soon as the original is read. Else null."),
    ]
    timeline: Annotated[
        Sequence[TimelineEntry] | UnsetType,
        says("All that happened: `at`, `event`, `lease`, `worker`, `detail`. Not in lists and batches."),
    ] = UNSET
    cost: Annotated[
        Cost | None, says("`cpu_ms` and `peak_bytes` of the decoder; null before the end and from the cache.")
    ]
    queue_position: Annotated[Whole | None, says("1 is the next to be served; null if the job does not wait.")]
    eta_seconds: Annotated[Number | None, says("The expected time until the end; null if it is not known.")]
    batch: Annotated[Id, says("The batch of its POST; a single job's own id.")]
    accepted_at: Annotated[Moment, says("RFC 3339, UTC.")]
    ended_at: Annotated[Moment | None, says("RFC 3339, UTC; null until the end.")]
    expires_at: Annotated[
        Moment | None, says("When it ends as `expired` unless it was begun before (`expires_in`); null: never.")
    ]
    change: Annotated[Whole, says("The number of its latest change. Of two answers the higher one is newer.")]
    trace: Annotated[str | None, says("The id of [its trace](traces.md); null if it was made in none.")]
    status_url: Annotated[Url, says("This job. Under a grant all its addresses carry a grant.")]
    events_url: Annotated[Url, says("Its event stream.")]
    deliveries: Annotated[
        Sequence[Delivery] | UnsetType,
        says("What receivers were told of it, [each](#a-delivery). Only in `GET /jobs/{job}`."),
    ] = UNSET
    receipt: Annotated[
        str | UnsetType, says("The [receipt](reliability.md#receipts), in the answer to an upload that waited.")
    ] = UNSET
    ignored: Annotated[
        Sequence[str] | UnsetType, says("Of an upload that waited: the names of the form's other fields.")
    ] = UNSET


class BatchLink(Struct, frozen=True, gc=False):
    """The batch of one POST."""

    id: Annotated[Id, says("The batch's; a single job's own id.")]
    status_url: Annotated[Url, says("The batch.")]
    events_url: Annotated[Url, says("One stream of all its jobs.")]


class PromisedJob(Struct, frozen=True, gc=False):
    """A job that was promised: it is stored, and will be worked on."""

    id: Annotated[Id, says("The job's. All fields of the job are also at the top if there is one image.")]
    state: Annotated[StateName, says("`queued`, mostly.")]
    filename: Annotated[str, says("A label, as it was sent.")]
    status_url: Annotated[Url, says("The job.")]
    events_url: Annotated[Url, says("Its event stream.")]
    url: Annotated[Url, says("The original's bytes.")]
    receipt: Annotated[str, says("[Proves the promise](reliability.md#receipts). Keep it.")]


class Promise(Struct, frozen=True):
    """The promise of several jobs."""

    jobs: Annotated[Sequence[PromisedJob], says("Each job.")]
    batch: Annotated[BatchLink, says("All of them.")]
    ignored: Annotated[Sequence[str], says("The names of the form's other fields.")]


class PromiseOfOne(PromisedJob, frozen=True):
    """The promise of one job: its fields are at the top, too."""

    jobs: Annotated[Sequence[PromisedJob], says("The job.")]
    batch: Annotated[BatchLink, says("The job as a batch.")]
    ignored: Annotated[Sequence[str], says("The names of the form's other fields.")]


class Batch(Struct, frozen=True, kw_only=True):
    """Several jobs, or one."""

    id: Annotated[Id, says("Its name; a single job's own id.")]
    open: Annotated[bool, says("Whether jobs may join it.")]
    total: Annotated[Whole, says("How many jobs it has.")]
    ended: Annotated[Whole, says("How many have ended.")]
    counts: Annotated[Counts, says("Jobs by state.")]
    events_url: Annotated[Url | None, says("One stream of all; null while it has no job.")]
    jobs: Annotated[
        Sequence[Job] | UnsetType, says("The jobs, in the order in which they came, without `recipe` and `timeline`.")
    ] = UNSET
    ignored: Annotated[
        Sequence[str] | UnsetType, says("Of an upload that waited: the names of the form's other fields.")
    ] = UNSET


class OpenedBatch(Struct, frozen=True, gc=False):
    """A batch that was opened."""

    id: Annotated[Id, says("For the field `batch` of uploads.")]
    status_url: Annotated[Url, says("The batch.")]


class JobPage(Struct, frozen=True):
    """A page of jobs, the newest first. It tells how a page looks: web/handlers/jobs.py writes it in parts."""

    jobs: Annotated[Sequence[Job], says("Without `recipe` and `timeline`.")]
    next: Annotated[str | None, says("To be sent as `after`, for the next page; null: this is the last one.")]
