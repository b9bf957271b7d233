"""The routes of deliveries, recipes, the queue, keys and health in words, in the order of web/routes.py. Owns words and
shapes only.
"""

from typing import Any

from web.api.words import BROKER, FRESH, MANY, Answer, Told
from web.views.acted import ActionPage
from web.views.fields import Verdict
from web.views.hours import History
from web.views.numbers import Stats
from web.views.replies import (
    Draining,
    GrantMade,
    KnownPresets,
    Live,
    Paused,
    PlannedRecipe,
    Readiness,
    Session,
    ViewGrantMade,
)
from web.views.told import Delivery, DeliveryPage

SERVICE = {
    "GET /deliveries": Told(
        "list_deliveries",
        "Lists what receivers were told ([webhooks](webhooks.md)), the newest first, in pages. `since` is a time: "
        "those that were created then or later. To get the next page, send the answer's `next` as `after`.",
        {
            200: Answer(
                '`{"deliveries": […], "next": TEXT or null}`, each as [below](#a-delivery)',
                (DeliveryPage,),
                headers=FRESH,
            )
        },
    ),
    "POST /deliveries/replay": Told(
        "replay_deliveries",
        "Replays all deliveries that match. `dry_run=1` only counts them. Without a filter it needs `all=1`.",
        {200: MANY},
        f"too_many_at_once {BROKER}",
    ),
    "POST /deliveries/{delivery}/replay": Told(
        "replay_delivery",
        "Tries a delivery again from now on, in whatever state it is. It keeps its `id`, so a receiver knows it.",
        {202: Answer("[the delivery](#a-delivery)", (Delivery,))},
        BROKER,
    ),
    "GET /presets": Told(
        "list_presets",
        "Lists the presets and their recipes.",
        {200: Answer('`{"presets": {NAME: recipe}}`', (KnownPresets,))},
    ),
    "POST /recipes/explain": Told(
        "explain_recipe",
        "Says what the recipe would do to this image, without doing it: decode scale, boxes, the source of each "
        "rendition, expected cost, warnings.",
        {200: Answer("[the plan](recipes.md#before-you-upload)", (PlannedRecipe,), headers=FRESH)},
        "no_image unsupported_type upload_too_large undecodable pixels_over_limit memory_over_limit operation_failed "
        "unknown_preset bad_recipe digest_mismatch",
        "an image",
    ),
    "GET /stats": Told(
        "get_stats",
        "Shows the queue, counts of jobs, the workers with their jobs, and deletions of files that wait or fail "
        "(`sweeps`). If keys are on, it counts the caller's own jobs only.",
        {200: Answer("[the numbers](#statistics)", (Stats,), headers=FRESH)},
        "broker_silent",
    ),
    "GET /stats/history": Told(
        "get_history",
        "Shows the last `hours` (1 to 24, by default 24) in intervals of five minutes, and the slowest jobs and the "
        "most frequent codes of the last hour. The ledger keeps a day, also over restarts. The figures are some 10 s "
        "old. A broker that is killed may lose what it counted in its last 10 s; `counted_seconds` is less then.",
        {200: Answer("[the history](#history)", (History,), headers=FRESH)},
    ),
    "POST /queue/pause": Told(
        "pause_queue",
        "Stops dispatch, also over restarts. Uploads go on. With `tenant=NAME` only that tenant's jobs wait.",
        {200: Answer('`{"paused": true}`, with the `tenant` that was named', (Paused,))},
        BROKER,
    ),
    "POST /queue/resume": Told(
        "resume_queue",
        "Starts dispatch again, or that of `tenant=NAME`. The pause of all and those of tenants are separate: a job "
        "runs when neither holds it.",
        {200: Answer('`{"paused": false}`, with the `tenant` that was named', (Paused,))},
        BROKER,
    ),
    "POST /workers/{incarnation}/drain": Told(
        "drain_worker",
        "Lets this worker finish what it holds and leave. `/stats` has its `incarnation`.",
        {202: Answer('`{"incarnation": TEXT, "state": "draining"}`', (Draining,))},
        BROKER,
    ),
    "GET /actions": Told(
        "list_actions",
        "Lists [who did what](operations.md#who-did-what), the newest first, in pages. To get the next page, send the "
        "answer's `next` as `after`.",
        {
            200: Answer(
                '`{"actions": […], "next": TEXT or null}`, each as [below](#an-action)', (ActionPage,), headers=FRESH
            )
        },
    ),
    "POST /grants": Told(
        "make_grant",
        "Makes a grant: to upload without a key, or to view one job.",
        {201: Answer("`grant`, and all terms as they hold", (GrantMade, ViewGrantMade), headers=FRESH)},
        "unknown_preset unsupported_type upload_too_large",
        '`{"preset", "bytes_max", "count", "expires_at", "reference", "origin"}`, all optional; or `{"job", '
        '"expires_at"}`',
    ),
    "POST /receipts/audit": Told(
        "audit_receipts",
        "Says of each receipt what became of its job.",
        {
            200: Answer(
                "a list, in the same order, of `ended`, `unfinished`, `purged`, `expired`, `lost` or `forged`",
                (list[Verdict],),
                headers=FRESH,
            )
        },
        "unsupported_type upload_too_large",
        "a JSON list of up to 1,000 receipts",
    ),
    "GET /session": Told(
        "get_session",
        "Says who is calling. A key with `operate` gets the names of the tenants, too, up to 1,000.",
        {
            200: Answer(
                '`{"keys": whether a key is needed, "tenant", "scope"}`, and `"tenants": [NAME]` for `operate`',
                (Session,),
                headers=FRESH,
            )
        },
    ),
    "POST /session": Told(
        "open_session",
        "The page's log-in.",
        {
            200: Answer(
                "as `GET /session`, with `expires_at`, and a cookie",
                (Session,),
                headers=("Set-Cookie", "Cache-Control"),
            )
        },
        "key_wrong unsupported_type upload_too_large",
        '`{"key": "…"}`',
    ),
    "DELETE /session": Told(
        "close_session", "Logs out.", {204: Answer("nothing", headers=("Set-Cookie", "Cache-Control"))}
    ),
    "GET /metrics": Told(
        "get_metrics",
        "Tells Prometheus what the web processes of this machine and the broker have counted "
        "([metrics](metrics.md)). With `Accept: application/openmetrics-text` it is OpenMetrics. "
        "`METRICS=0` makes it a 404.",
        {200: Answer("text: the metrics", (str,), ("text/plain", "application/openmetrics-text"), FRESH)},
    ),
    "GET /health/live": Told(
        "is_live", "Answers while the process lives.", {200: Answer('`{"status": "live"}`', (Live,))}
    ),
    "GET /health/ready": Told(
        "is_ready",
        "Says whether uploads are accepted (`reasons` if not). It counts the `workers` that take jobs. `warnings` are "
        "problems with the processing of accepted jobs. `durability` says what a 202 rests on. `ledger` and `replica` "
        "say whether they can be read.",
        {200: Answer("`status`: `ready`", (Readiness,)), 503: Answer("`status`: `unready`", (Readiness,))},
    ),
    "GET /openapi.json": Told(
        "get_openapi",
        "Describes this API as OpenAPI 3.1, for programs that make clients and tests. It is made of the code.",
        {
            200: Answer("the document", (dict[str, Any],), headers=("ETag", "Cache-Control")),
            304: Answer("nothing: `If-None-Match` has the `ETag`", headers=("ETag", "Cache-Control")),
        },
    ),
    "GET /docs": Told(
        "get_docs",
        "Describes this API to people: the same as a page. It needs no script and no other host.",
        {
            200: Answer("the page", (str,), ("text/html",), ("ETag", "Cache-Control")),
            304: Answer("nothing: `If-None-Match` has the `ETag`", headers=("ETag", "Cache-Control")),
        },
    ),
}
