"""Numbers and limits as people say them: sizes of files in MB, memory in MiB, pixels in megapixels. Pure.

Owns the sentence for each limit that was passed. A limit without words of its own gets general ones, so that no
refusal fails for want of them.
"""

_STEPS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))
_SIZES = ((10**9, "GB"), (10**6, "MB"))
SETTINGS = ("upload_bytes_max", "pixels_max", "frames_max", "decoder_bytes_max")
"""The limits that a setting gives to all tenants alike. Such a limit is told by the setting's name."""
PASSED = {
    "upload_bytes_max": "the upload has {}",
    "bytes_max": "the upload has {}",
    "pixels_max": "the picture has {}",
    "frames_max": "the animation has {} frames",
    "files_per_post_max": "the upload has {} images",
    "batch_jobs_max": "the batch would have {} jobs",
    "rate_per_minute": "the upload has {} images for one minute",
    "queued_max": "the upload has {} images for the queue",
    "reference_characters_max": "the reference has {} characters",
    "metadata_bytes_max": "the metadata has {}",
    "metadata_depth_max": "the metadata has {} levels",
    "form_bytes_max": "the form has {} beside its files",
    "form_parts_max": "the form has {} parts",
    "field_bytes_max": "the text has {}",
    "part_headers_max": "a part of the form has {} headers",
    "part_headers_bytes_max": "the headers of a part of the form have {}",
    "parameters_max": "the query has {} parameters",
    "stream_jobs_max": "the stream has {} jobs",
    "open_batches_max": "there would be {} open batches",
    "audit_receipts_max": "the request has {} receipts",
    "audit_bytes_max": "the request has {}",
    "frame_bytes_max": "the data of the images has {}",
    "spec_bytes_max": "what is asked has {}",
    "grant_count_max": "the grant is for {} images",
    "grant_seconds_max": "the grant would live for {}",
}
"""By limit: what came, as the first half of a sentence."""
AT_ONCE = {
    "uploads_at_once_max": "uploads",
    "streams_at_once_max": "streams of events",
    "waits_at_once_max": "requests that wait for a job",
    "over_many_at_once_max": "commands over many jobs",
    "exports_max": "exports of lists",
    "exports_at_once_max": "exports of lists",
    "connections_at_once_max": "connections",
}
"""By limit: of what there may be only so many at the same time."""


def exceeded(limit: str, allowed: float, actual: float, *, came: str = "", or_more: bool = False) -> str:
    """The sentence for a limit that was passed: what came, what is allowed, and the limit's name. The end of the name
    tells the unit: bytes, pixels, seconds, or a count. `came`: the first half in other words, with {} for the number.
    `or_more`: nobody counted to the end."""
    say = _SAY.get(next((unit for unit in _SAY if unit in limit), ""), _exact)
    many, most = say(actual), say(allowed)
    if many == most:  # too close to be told apart by words
        many, most = f"{_exact(actual)}{_of(limit)}", f"{_exact(allowed)}{_of(limit)}"
    elif most.endswith(tuple(unit for _, unit in _SIZES)):
        most = f"{most} ({_exact(allowed)} bytes)"
    first = (came or PASSED.get(limit, "this has {}")).format(many) + (" or more" if or_more else "")
    return f"{first}; at most {most} are allowed ({spoken_limit(limit)})"


def full(limit: str, allowed: int) -> str:
    """The sentence for so many at the same time that no other may begin."""
    what = AT_ONCE.get(limit, "of these")
    return f"at most {_exact(allowed)} {what} are allowed at the same time, and as many are under way ({limit})"


def spoken_limit(limit: str) -> str:
    """The name by which people can change a limit, or look it up."""
    return f"PIXMILL_{limit.upper()}" if limit in SETTINGS else limit


def spoken_bytes(number: float) -> str:
    """Memory, such as "64 MiB", "1.4 GiB", "800 bytes"."""
    for size, unit in _STEPS:
        if number >= size:
            return f"{_rounded(number / size)} {unit}"
    return f"{_exact(number)} bytes"


def spoken_size(number: float) -> str:
    """A file's or a body's size, such as "67.1 MB", "2,048 bytes"."""
    for size, unit in _SIZES:
        if number >= size:
            return f"{_rounded(number / size)} {unit}"
    return f"{_exact(number)} bytes"


def spoken_pixels(number: float) -> str:
    """Such as "100 megapixels"; below one, the pixels."""
    return f"{_rounded(number / 1e6)} megapixels" if number >= 1e6 else f"{_exact(number)} pixels"


def _seconds(number: float) -> str:
    return f"{_exact(number)} s"


def _rounded(number: float) -> str:
    """At most three significant digits, without trailing zeros."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _exact(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,.6g}"


def _of(limit: str) -> str:
    return next((f" {unit}" for unit in ("bytes", "pixels", "seconds") if unit in limit), "")


_SAY = {"bytes": spoken_size, "pixels": spoken_pixels, "seconds": _seconds}
