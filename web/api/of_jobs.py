"""The routes of jobs, batches and events in words. The order is that of web/routes.py. Owns words and shapes only."""

from web.api.words import BROKER, FRESH, JSON, LINES, MANY, STREAM, Answer, Told
from web.views.logged import JobLog
from web.views.shapes import Batch, Job, JobPage, OpenedBatch, Promise, PromiseOfOne
from web.views.variants import MEDIA_TYPES

IMAGES = tuple(MEDIA_TYPES.values())
_ADMITTED = (
    "bad_key unknown_preset bad_recipe rate_limited too_many_at_once grant_used_up idempotency_key_reused "
    f"pixels_over_limit too_many_parts disk_full wait_too_long batch_closed {BROKER}"
)
_UPLOAD = f"no_image unsupported_type upload_too_large digest_mismatch memory_over_limit {_ADMITTED}"
_JOB, _BATCH = Answer("[a job](#a-job)", (Job,)), Answer("[a batch](#a-batch)", (Batch,), headers=FRESH)
_STREAM = Answer("[a stream of events](#events)", (str,), (STREAM,), FRESH)
_PROMISE = Answer(
    "[a promise](#a-promise) for each image",
    (PromiseOfOne, Promise),
    headers=("Location", "Preference-Applied", "Server-Timing"),
)
_WAITED = Answer(
    "[a job](#a-job) or [a batch](#a-batch) that has ended, after `Prefer: wait=SECONDS`; of an open batch that the "
    "POST joined, its numbers and the jobs of this POST, which have ended",
    (Job, Batch),
    headers=("Preference-Applied", "Server-Timing"),
)
_KEPT = ("ETag", "Cache-Control", "Vary")
_FILE = (*_KEPT, "Repr-Digest", "Content-Disposition", "Accept-Ranges")
_BYTES = {
    200: Answer("the bytes", (bytes,), IMAGES, _FILE),
    206: Answer("the part that `Range` asks for", (bytes,), IMAGES, (*_FILE, "Content-Range")),
    304: Answer("nothing: `If-None-Match` has the `ETag`", headers=_KEPT),
}

JOBS = {
    "POST /upload": Told(
        "upload",
        "Accepts images: all of them or none.",
        {
            202: _PROMISE,
            200: _WAITED,
            303: Answer("nothing: the browser goes to the form's `redirect`", headers=("Location", "Cache-Control")),
        },
        _UPLOAD,
        "a form or one image ([below](#what-an-upload-sends))",
    ),
    "POST /jobs": Told(
        "make_jobs",
        "Runs another recipe on a stored original, or fetches one from its address. With `originals` it makes a job of "
        "each, all of them or none: one batch.",
        {202: _PROMISE, 200: _WAITED},
        f"original_missing unsupported_type upload_too_large memory_over_limit source_refused {_ADMITTED}",
        '`{"original": job id}`, `{"originals": [up to 1,000 job ids]}` or `{"source_url": address}`, and the fields '
        "of an upload, as JSON values",
    ),
    "GET /jobs": Told(
        "list_jobs",
        "Lists jobs, the newest first, in pages of at most 500 jobs and 1 MiB. To get the next page, send the answer's "
        "`next` as `after`. `accepted_after` is a time, and means this time or later; `accepted_before` means earlier. "
        "A time has its zone: `2026-11-30T09:00:00Z` or `2026-11-30T10:00:00%2B01:00`. With `Accept: "
        "application/x-ndjson` the answer is all jobs that match, one a line, or the first `limit` of them. An empty "
        "line only says that the search goes on. They are read as the client takes them. If the server cannot go on, "
        "the answer is cut. To continue it, send the last job's id as `after`. `tenant=NAME` is for keys with "
        "`operate`, which see the jobs of all tenants.",
        {
            200: Answer(
                '`{"jobs": […], "next": TEXT or null}`, or a job a line; without each `recipe` and `timeline`',
                (JobPage,),
                (JSON, LINES),
                FRESH,
            )
        },
        "too_many_at_once",
    ),
    "DELETE /jobs": Told(
        "cancel_jobs",
        "Cancels all jobs that match, by the filters of `GET /jobs`. `purge=1` removes them with their files; "
        "`dry_run=1` only counts them. Without a filter it needs `all=1`. It works in steps, the oldest job first, and "
        "stops when the client leaves. A 503 says how many jobs it `changed`.",
        {200: MANY},
        f"too_many_at_once rate_limited sweeps_full {BROKER}",
    ),
    "POST /jobs/requeue": Told(
        "requeue_jobs",
        "Runs all jobs that match once more. Without a filter it needs `all=1`. It works in steps, as above. Jobs "
        "beyond the caller's rate, or for which the queue has no room, stay as they are.",
        {200: MANY},
        f"too_many_at_once rate_limited {BROKER}",
    ),
    "GET /jobs/{job}": Told(
        "get_job",
        "Shows the job. `wait=SECONDS` holds the answer until the job has ended, or that time is over. Until then the "
        "answer has `Retry-After`.",
        {200: _JOB._replace(headers=("Retry-After", "Cache-Control"))},
        "too_many_at_once",
    ),
    "DELETE /jobs/{job}": Told(
        "cancel_job",
        "Cancels the job; a running decoder is killed. `purge=1` removes an ended job and its files.",
        {
            202: _JOB,
            200: Answer("[a job](#a-job) that was cancelled before", (Job,)),
            204: Answer("nothing: it is purged"),
        },
        f"job_ended job_not_ended sweeps_full {BROKER}",
    ),
    "POST /jobs/{job}/requeue": Told(
        "requeue_job",
        "Runs a failed, dead or cancelled job once more.",
        {202: _JOB},
        f"not_requeueable rate_limited {BROKER}",
    ),
    "GET /jobs/{job}/events": Told(
        "follow_job",
        "Streams the events of one job, until its end.",
        {200: _STREAM, 204: Answer("nothing: `Last-Event-ID` is at its end")},
        "too_many_at_once",
    ),
    "GET /jobs/{job}/logs": Told(
        "get_job_log",
        "Reads what all roles of this machine [logged](logs.md) of a job, from the file of `LOG_PATH`. Without such a "
        "file it is a 404. A job that was removed may have lines, too.",
        {200: Answer("`job`, `lines`, `complete`", (JobLog,), headers=FRESH)},
    ),
    "GET /jobs/{job}/original": Told(
        "get_original",
        "Sends the uploaded bytes, as an attachment; knows `ETag` and `Range`.",
        _BYTES,
        "range_not_satisfiable",
    ),
    "GET /jobs/{job}/renditions/{name}": Told(
        "get_rendition",
        "Sends a rendition's bytes; knows `ETag` and `Range`. If the recipe has `formats`, the name without the format "
        "gives the best one that `Accept` allows.",
        {
            **_BYTES,
            302: Answer(
                "nothing: `Location` is at the S3 store (`BLOBS_REDIRECT`)",
                headers=("Location", "Cache-Control", "Vary"),
            ),
        },
        "range_not_satisfiable",
    ),
    "POST /batches": Told(
        "open_batch",
        "Opens a batch. Uploads and `POST /jobs` join it by their field `batch`, up to 1,000 jobs. It ends when it is "
        "closed and all its jobs have ended. If nobody closes it, it is closed `PARTIAL_SECONDS` after the last one "
        "came. `webhook_url` is told of its end. A repeat under its `Idempotency-Key` opens no other one. A tenant has "
        "up to 1,000 open batches.",
        {201: Answer('`{"id", "status_url"}`', (OpenedBatch,), headers=("Location",))},
        f"bad_key idempotency_key_reused rate_limited too_many_at_once {BROKER}",
        'nothing, or `{"webhook_url": address}`',
    ),
    "POST /batches/{batch}/close": Told(
        "close_batch",
        "Closes the batch: no more jobs join it. To close it again changes nothing.",
        {202: _BATCH},
        BROKER,
    ),
    "GET /batches/{batch}": Told("get_batch", "Shows a batch with its jobs. `jobs=0` leaves them out.", {200: _BATCH}),
    "GET /batches/{batch}/events": Told(
        "follow_batch",
        "Streams the events of the jobs that the batch has now, until all have ended. A batch without a job is a 404. "
        "`GET /events` tells the end of each batch, whatever joined it.",
        {200: _STREAM, 204: Answer("nothing: `Last-Event-ID` is at their end")},
        "too_many_at_once",
    ),
    "GET /events": Told(
        "follow_jobs",
        "Streams every change, and a `beat` each second; resumes after `Last-Event-ID`. With `job=ID&job=ID…` (or "
        "`grant=…&grant=…`) it follows these jobs, up to 100, until all have ended.",
        {200: _STREAM, 204: Answer("nothing: `Last-Event-ID` is at their end")},
        "too_many_at_once",
    ),
}
