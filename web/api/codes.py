"""What the codes, states and events of the API mean: one home for each word. Knows no route.

docs/http.md, /openapi.json and /docs are made of them.
"""

EVERYWHERE = "malformed bad_parameter not_found method_not_allowed too_slow wrong_host origin_not_allowed "
EVERYWHERE += "head_too_large internal"
"""The codes that every route may answer."""
KEYED = "key_missing key_wrong forbidden grant_expired store_error"
"""Those of every route that needs a scope."""
CODES = {
    "malformed": "The request is not valid HTTP, its body ended early, or it is no form.",
    "no_image": "The upload has no image, or an empty one.",
    "bad_parameter": "`parameter` names the field or the parameter that is unknown, given twice or wrong.",
    "bad_key": "The `Idempotency-Key` is not 1 to 255 visible ASCII characters.",
    "key_missing": "This server needs a key.",
    "key_wrong": "There is no such key, session or grant.",
    "forbidden": "The key's scope, or the grant, does not allow this.",
    "grant_expired": "The grant is over: ask for another.",
    "grant_used_up": "The grant's `count` is used up; `left` says what is left.",
    "origin_not_allowed": "A page of this origin may not do this.",
    "not_found": "There is no such path or job, or it is another tenant's.",
    "original_missing": "The bytes of the original are gone.",
    "method_not_allowed": "`Allow` has the methods of this path.",
    "too_slow": "The body came too slowly, or stopped.",
    "job_ended": "The job has ended, so it cannot be cancelled. `?purge=1` removes it and its files.",
    "job_not_ended": "Only an ended job is purged: cancel it first.",
    "batch_closed": "The batch takes no more jobs: open another.",
    "not_requeueable": "Only a failed, dead or cancelled job runs once more.",
    "upload_too_large": "`limit` is passed: `allowed` and `actual` are in its unit.",
    "too_many_parts": "The POST has too many images or parts, or the batch has no room for them.",
    "unsupported_type": "The bytes are no image that this server reads. `detail` says what they are, if it is known.",
    "range_not_satisfiable": "The range begins behind the end.",
    "wrong_host": "On loopback: the `Host` is not one of this machine.",
    "undecodable": "The image is damaged.",
    "pixels_over_limit": "The image has too many pixels.",
    "frames_over_limit": "The animation has too many frames.",
    "memory_over_limit": "The recipe needs too much memory for this image.",
    "digest_mismatch": "The body is not that of `Content-Digest`: something changed it on its way.",
    "idempotency_key_reused": "This key was used for other content within 24 hours.",
    "bad_recipe": "`path` is the place in the recipe.",
    "operation_failed": "The recipe cannot be done with this image.",
    "unknown_preset": "`detail` lists the presets.",
    "source_refused": "This address must not be fetched: by its text, or because `SOURCES` does not list it.",
    "rate_limited": "Too many uploads a minute (`RATE_PER_MINUTE`).",
    "too_many_at_once": "Too many uploads, streams, waits or open batches of one caller at the same time.",
    "head_too_large": "The request's head is too long.",
    "internal": "A fault of the server; its log says more.",
    "disk_full": "The store has no room.",
    "broker_silent": "Not promised: the broker did not answer in time. The upload may still be done: repeat it under "
    "the same `Idempotency-Key`.",
    "queue_full": "The queue is full.",
    "wait_too_long": "A job would wait longer than `ETA_SECONDS_MAX`.",
    "sweeps_full": "Too many files wait to be deleted.",
    "store_error": "The ledger or a store cannot be read now.",
}
"""All codes of HTTP. Those of a job are in ENDS."""

ENDS = {
    "undecodable": "The image is damaged. Ask the person for another file.",
    "pixels_over_limit": "The image has too many pixels, which its head did not tell.",
    "frames_over_limit": "The animation has too many frames.",
    "operation_failed": "The recipe cannot be done with this image.",
    "sandbox_violation": "The decoder tried what it may not do: the file may be an attack.",
    "deadline_exceeded": "It took longer than `JOB_SECONDS`.",
    "memory_over_limit": "It needed more memory than a decoder may have.",
    "decoder_crashed": "The file crashed the decoder, twice.",
    "decoder_lost": "The decoder or its worker was lost. A job seldom ends with this: it is tried again.",
    "store_error": "A store failed. It is tried again.",
    "original_missing": "The original is gone.",
    "quarantined": "These bytes with this recipe crashed a decoder before. A requeue lifts it.",
    "source_refused": "The address of its original must not be fetched, or its server refuses it.",
    "source_unreachable": "The address of its original gave nothing, five times.",
    "upload_too_large": "The original at its address is larger than an upload may be.",
    "unsupported_type": "The file at its address is no image of a type that is read.",
    "attempts_used_up": "It was tried `ATTEMPTS_MAX` times. Requeue it when the cause is mended.",
    "lost_too_often": "Its workers were lost 20 times before they began.",
    "expired": "It was not begun within its `expires_in`. Requeue it if it is still wanted: then it does not expire.",
    "cancelled": "Someone cancelled it.",
}

STATES = {
    "queued": ("It waits.", "Show `queue_position` or `eta_seconds`. Wait."),
    "running": ("A worker has it.", "Wait."),
    "delayed": ("A try failed; the next one comes by itself.", "Wait. `error` says why."),
    "done": ("All renditions are there.", "Show them."),
    "failed": ("The image or the recipe is at fault.", "Say so by `error.code`. The same again fails again."),
    "dead": ("It was tried as often as is allowed.", "Say that it failed on our side. Requeue it later."),
    "cancelled": ("Someone cancelled it.", "Requeue it, or leave it."),
}
EVENTS = {
    "job": "The job changed: `id`, `state`, `change`, `attempts`, `error`. `removed` is true if it was purged. "
    "**The end is one of these**, also a failure.",
    "described": "The original was read, and its recipe asks for facts: `id`, `change`, `dominant_colour`, "
    "`placeholder`, `info`. It comes before the renditions.",
    "rendition": "A rendition is there: `id`, `change`, `rendition`.",
    "batch": "`GET /events` without `job` only, once for each POST of several files and each batch that was opened: "
    "all its jobs have ended, however they did. `id`, `state` (`ended`), `change`.",
    "beat": "`GET /events` without `job` only, each second: what `/stats` answers.",
    "reset": "`GET /events` without `job`: too much was missed. Read the list anew. A stream of some jobs has it only "
    "if the ledger has lost commits: forget what was told of them, because all of it is told anew.",
}
