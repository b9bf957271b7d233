"""What docs/http.md says of each route, event and code, beyond what the code tells by itself. (The words of a field are
beside it, in web/views.)

tests/support/api/http.py makes the page of it. Every answer of the unit tests of web is held to it
(`judge_answer`), so a code or a field that is not here fails the test that meets it. Owns words only.
"""

from typing import NamedTuple


class Told(NamedTuple):
    """A route: what it does, its body, its answers by status, and the codes of its errors beyond EVERYWHERE and, if it
    needs a scope, KEYED."""

    does: str
    answers: dict[int, str]
    codes: str = ""
    body: str = ""


EVERYWHERE = (
    "malformed bad_parameter not_found method_not_allowed too_slow wrong_host origin_not_allowed head_too_large"
)
EVERYWHERE += " internal"
KEYED = "key_missing key_wrong forbidden grant_expired store_error"
_BROKER = "broker_silent queue_full"
_ADMITTED = (
    "bad_key unknown_preset bad_recipe rate_limited too_many_at_once grant_used_up idempotency_key_reused "
    f"pixels_over_limit too_many_parts disk_full wait_too_long batch_closed {_BROKER}"
)
_UPLOAD = f"no_image unsupported_type upload_too_large digest_mismatch memory_over_limit {_ADMITTED}"
_JOB, _BATCH, _STREAM = "[a job](#a-job)", "[a batch](#a-batch)", "[a stream of events](#events)"
_PROMISE = "[a promise](#a-promise)"
_WAITED = f"{_JOB} or {_BATCH} that has ended, after `Prefer: wait=SECONDS`; of an open batch that the POST joined, "
_WAITED += "its numbers and the jobs of this POST, which have ended"
_BYTES = {200: "the bytes", 206: "the part that `Range` asks for", 304: "nothing: `If-None-Match` has the `ETag`"}
_MANY = '`{"matched": N, "changed": N}`'
_GONE = {204: "nothing"}

ROUTES = {
    "POST /upload": Told(
        "Accepts images: all of them or none.",
        {
            202: f"{_PROMISE} for each image",
            200: _WAITED,
            303: "nothing: the browser goes to the form's `redirect`",
        },
        _UPLOAD,
        "a form or one image ([below](#what-an-upload-sends))",
    ),
    "POST /jobs": Told(
        "Runs another recipe on a stored original, or fetches one from its address. With `originals` it makes a job of "
        "each, all of them or none: one batch.",
        {202: _PROMISE, 200: _WAITED},
        f"original_missing unsupported_type upload_too_large memory_over_limit source_refused {_ADMITTED}",
        '`{"original": job id}`, `{"originals": [up to 1,000 job ids]}` or `{"source_url": address}`, and the fields '
        "of an upload, as JSON values",
    ),
    "GET /jobs": Told(
        "Lists jobs, the newest first, in pages of at most 500 jobs and 1 MiB. To get the next page, send the answer's "
        "`next` as `after`. `accepted_after` is a time, and means this time or later; `accepted_before` means earlier. "
        "A time has its zone: `2026-11-30T09:00:00Z` or `2026-11-30T10:00:00%2B01:00`. With `Accept: "
        "application/x-ndjson` the answer is all jobs that match, one a line, or the first `limit` of them. An empty "
        "line only says that the search goes on. They are read as the client takes them. If the server cannot go on, "
        "the answer is cut. To continue it, send the last job's id as `after`. `tenant=NAME` is for keys with "
        "`operate`, which see the jobs of all tenants.",
        {200: '`{"jobs": […], "next": TEXT or null}`, or a job a line; without each `recipe` and `timeline`'},
        "too_many_at_once",
    ),
    "DELETE /jobs": Told(
        "Cancels all jobs that match, by the filters of `GET /jobs`. `purge=1` removes them with their files; "
        "`dry_run=1` only counts them. Without a filter it needs `all=1`. It works in steps, the oldest job first, and "
        "stops when the client leaves. A 503 says how many jobs it `changed`.",
        {200: _MANY},
        f"too_many_at_once rate_limited sweeps_full {_BROKER}",
    ),
    "POST /jobs/requeue": Told(
        "Runs all jobs that match once more. Without a filter it needs `all=1`. It works in steps, as above. Jobs "
        "beyond the caller's rate, or for which the queue has no room, stay as they are.",
        {200: _MANY},
        f"too_many_at_once rate_limited {_BROKER}",
    ),
    "GET /jobs/{job}": Told(
        "Shows the job. `wait=SECONDS` holds the answer until the job has ended, or that time is over. Until then the "
        "answer has `Retry-After`.",
        {200: _JOB},
        "too_many_at_once",
    ),
    "DELETE /jobs/{job}": Told(
        "Cancels the job; a running decoder is killed. `purge=1` removes an ended job and its files.",
        {202: _JOB, 200: f"{_JOB} that was cancelled before", 204: "nothing: it is purged"},
        f"job_ended job_not_ended sweeps_full {_BROKER}",
    ),
    "POST /jobs/{job}/requeue": Told(
        "Runs a failed, dead or cancelled job once more.",
        {202: _JOB},
        f"not_requeueable rate_limited {_BROKER}",
    ),
    "GET /jobs/{job}/events": Told(
        "Streams the events of one job, until its end.",
        {200: _STREAM, 204: "nothing: `Last-Event-ID` is at its end"},
        "too_many_at_once",
    ),
    "GET /jobs/{job}/original": Told(
        "Sends the uploaded bytes, as an attachment; knows `ETag` and `Range`.", _BYTES, "range_not_satisfiable"
    ),
    "GET /jobs/{job}/renditions/{name}": Told(
        "Sends a rendition's bytes; knows `ETag` and `Range`.",
        {**_BYTES, 302: "nothing: `Location` is at the S3 store (`BLOBS_REDIRECT`)"},
        "range_not_satisfiable",
    ),
    "POST /batches": Told(
        "Opens a batch. Uploads and `POST /jobs` join it by their field `batch`, up to 1,000 jobs. It ends when it is "
        "closed and all its jobs have ended. If nobody closes it, it is closed `PARTIAL_SECONDS` after the last one "
        "came. `webhook_url` is told of its end. A repeat under its `Idempotency-Key` opens no other one. A tenant has "
        "up to 1,000 open batches.",
        {201: '`{"id", "status_url"}`'},
        f"bad_key idempotency_key_reused rate_limited too_many_at_once {_BROKER}",
        'nothing, or `{"webhook_url": address}`',
    ),
    "POST /batches/{batch}/close": Told(
        "Closes the batch: no more jobs join it. To close it again changes nothing.", {202: _BATCH}, _BROKER
    ),
    "GET /batches/{batch}": Told("Shows a batch with its jobs. `jobs=0` leaves them out.", {200: _BATCH}),
    "GET /batches/{batch}/events": Told(
        "Streams the events of the jobs that the batch has now, until all have ended. A batch without a job is a 404. "
        "`GET /events` tells the end of each batch, whatever joined it.",
        {200: _STREAM, 204: "nothing: `Last-Event-ID` is at their end"},
        "too_many_at_once",
    ),
    "GET /events": Told(
        "Streams every change, and a `beat` each second; resumes after `Last-Event-ID`. With `job=ID&job=ID…` (or "
        "`grant=…&grant=…`) it follows these jobs, up to 100, until all have ended.",
        {200: _STREAM, 204: "nothing: `Last-Event-ID` is at their end"},
        "too_many_at_once",
    ),
    "GET /deliveries": Told(
        "Lists what receivers were told ([webhooks](webhooks.md)), the newest first, in pages. `since` is a time: "
        "those that were created then or later. To get the next page, send the answer's `next` as `after`.",
        {200: '`{"deliveries": […], "next": TEXT or null}`, each as [below](#a-delivery)'},
    ),
    "POST /deliveries/replay": Told(
        "Replays all deliveries that match. `dry_run=1` only counts them. Without a filter it needs `all=1`.",
        {200: _MANY},
        f"too_many_at_once {_BROKER}",
    ),
    "POST /deliveries/{delivery}/replay": Told(
        "Tries a delivery again from now on, in whatever state it is. It keeps its `id`, so a receiver knows it.",
        {202: "[the delivery](#a-delivery)"},
        _BROKER,
    ),
    "GET /presets": Told("Lists the presets and their recipes.", {200: '`{"presets": {NAME: recipe}}`'}),
    "POST /recipes/explain": Told(
        "Says what the recipe would do to this image, without doing it: decode scale, boxes, the source of each "
        "rendition, expected cost, warnings.",
        {200: "[the plan](recipes.md#before-you-upload)"},
        "no_image unsupported_type upload_too_large undecodable pixels_over_limit memory_over_limit operation_failed "
        "unknown_preset bad_recipe digest_mismatch",
        "an image",
    ),
    "GET /stats": Told(
        "Shows the queue, counts of jobs, the workers with their jobs, and deletions of files that wait or fail "
        "(`sweeps`). If keys are on, it counts the caller's own jobs only.",
        {200: "[the numbers](#statistics)"},
        "broker_silent",
    ),
    "GET /stats/history": Told(
        "Shows the last `hours` (1 to 24, by default 24) in intervals of five minutes, and the slowest jobs and the "
        "most frequent codes of the last hour. The ledger keeps a day, also over restarts. The figures are some 10 s "
        "old. A broker that is killed may lose what it counted in its last 10 s; `counted_seconds` is less then.",
        {200: "[the history](#history)"},
    ),
    "POST /queue/pause": Told(
        "Stops dispatch, also over restarts. Uploads go on. With `tenant=NAME` only that tenant's jobs wait.",
        {200: '`{"paused": true}`, with the `tenant` that was named'},
        _BROKER,
    ),
    "POST /queue/resume": Told(
        "Starts dispatch again, or that of `tenant=NAME`. The pause of all and those of tenants are separate: a job "
        "runs when neither holds it.",
        {200: '`{"paused": false}`, with the `tenant` that was named'},
        _BROKER,
    ),
    "POST /workers/{incarnation}/drain": Told(
        "Lets this worker finish what it holds and leave. `/stats` has its `incarnation`.",
        {202: '`{"incarnation": TEXT, "state": "draining"}`'},
        _BROKER,
    ),
    "GET /actions": Told(
        "Lists [who did what](operations.md#who-did-what), the newest first, in pages. To get the next page, send the "
        "answer's `next` as `after`.",
        {200: '`{"actions": […], "next": TEXT or null}`, each as [below](#an-action)'},
    ),
    "POST /grants": Told(
        "Makes a grant: to upload without a key, or to view one job.",
        {201: "`grant`, and all terms as they hold"},
        "unknown_preset unsupported_type upload_too_large",
        '`{"preset", "bytes_max", "count", "expires_at", "reference", "origin"}`, all optional; or `{"job", '
        '"expires_at"}`',
    ),
    "POST /receipts/audit": Told(
        "Says of each receipt what became of its job.",
        {200: "a list, in the same order, of `ended`, `unfinished`, `purged`, `expired`, `lost` or `forged`"},
        "unsupported_type upload_too_large",
        "a JSON list of up to 1,000 receipts",
    ),
    "GET /session": Told(
        "Says who is calling. A key with `operate` gets the names of the tenants, too, up to 1,000.",
        {200: '`{"keys": whether a key is needed, "tenant", "scope"}`, and `"tenants": [NAME]` for `operate`'},
    ),
    "POST /session": Told(
        "The page's log-in.",
        {200: "as `GET /session`, with `expires_at`, and a cookie"},
        "key_wrong unsupported_type upload_too_large",
        '`{"key": "…"}`',
    ),
    "DELETE /session": Told("Logs out.", _GONE),
    "GET /metrics": Told(
        "Tells Prometheus what the web processes of this machine and the broker have counted "
        "([metrics](metrics.md)). With `Accept: application/openmetrics-text` it is OpenMetrics. "
        "`METRICS=0` makes it a 404.",
        {200: "text: the metrics"},
    ),
    "GET /health/live": Told("Answers while the process lives.", {200: '`{"status": "live"}`'}),
    "GET /health/ready": Told(
        "Says whether uploads are accepted (`reasons` if not). It counts the `workers` that take jobs. `warnings` are "
        "problems with the processing of accepted jobs. `durability` says what a 202 rests on. `ledger` and `replica` "
        "say whether they can be read.",
        {200: "`status`: `ready`", 503: "`status`: `unready`"},
    ),
}

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
    "job_ended": "The job has ended, so it cannot be cancelled.",
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
    "rendition": "A rendition is there: `id`, `change`, `rendition`.",
    "batch": "`GET /events` without `job` only, once for each POST of several files and each batch that was opened: "
    "all its jobs have ended, however they did. `id`, `state` (`ended`), `change`.",
    "beat": "`GET /events` without `job` only, each second: what `/stats` answers.",
    "reset": "`GET /events` without `job`: too much was missed. Read the list anew. A stream of some jobs has it only "
    "if the ledger has lost commits: forget what was told of them, because all of it is told anew.",
}
