"""The table of routes: method, path, scope, handler, parameters.

POST /upload is web/uploads/receive.py's, the page web/page.py's; all others are in web/handlers/. Knows no job.
"""

from jobs.access.grants import UploadGrant, ViewGrant
from jobs.access.keys import Scope
from jobs.requests.fields import FIELDS
from web.access.call import keep_apart, route
from web.access.filters import DELIVERY_FILTERS, FILTERS, TENANT
from web.api import serve
from web.handlers import commands, deliveries, files, follow, grants, receipts, session
from web.handlers.explain import explain_recipe
from web.handlers.health import live, ready
from web.handlers.jobs import get_batch, get_history, get_job, get_jobs, get_presets, get_stats
from web.joblog import get_log
from web.making import batches, stored
from web.scrape import metrics
from web.uploads import receive
from web.uploads.reading import FILENAME

READ, WRITE, OPERATE = Scope.READ, Scope.WRITE, Scope.OPERATE
ROUTES = [
    route("POST", "/upload", WRITE, receive.upload, *sorted(FIELDS), FILENAME, by=UploadGrant),
    route("POST", "/jobs", WRITE, stored.make_jobs),
    route("GET", "/jobs", READ, get_jobs, *FILTERS, TENANT, "limit", "after"),
    route("DELETE", "/jobs", WRITE, commands.delete_jobs, *FILTERS, TENANT, "purge", "dry_run", "all"),
    route("POST", "/jobs/requeue", WRITE, commands.requeue_jobs, *FILTERS, TENANT, "dry_run", "all"),
    route("GET", "/jobs/{job}", READ, get_job, "wait", by=ViewGrant),
    route("DELETE", "/jobs/{job}", WRITE, commands.delete_job, "purge"),
    route("POST", "/jobs/{job}/requeue", WRITE, commands.requeue_job),
    route("GET", "/jobs/{job}/events", READ, follow.job_events, by=ViewGrant),
    route("GET", "/jobs/{job}/logs", OPERATE, get_log),
    route("GET", "/jobs/{job}/original", READ, files.original),
    route("GET", "/jobs/{job}/renditions/{name}", READ, files.rendition, by=ViewGrant),
    route("POST", "/batches", WRITE, batches.open_batch),
    route("POST", "/batches/{batch}/close", WRITE, batches.close_batch),
    route("GET", "/batches/{batch}", READ, get_batch, "jobs"),
    route("GET", "/batches/{batch}/events", READ, follow.batch_events),
    route("GET", "/events", READ, follow.events, "job", by=ViewGrant, many=follow.REPEATED),
    route("GET", "/deliveries", READ, deliveries.get_deliveries, *DELIVERY_FILTERS, "limit", "after"),
    route("POST", "/deliveries/replay", WRITE, deliveries.replay_deliveries, *DELIVERY_FILTERS, "dry_run", "all"),
    route("POST", "/deliveries/{delivery}/replay", WRITE, deliveries.replay_delivery),
    route("GET", "/presets", READ, get_presets),
    route("POST", "/recipes/explain", READ, explain_recipe, "preset", "recipe", "focus"),
    route("GET", "/stats", READ, get_stats),
    route("GET", "/stats/history", OPERATE, get_history, "hours"),
    route("POST", "/queue/pause", OPERATE, commands.pause, TENANT),
    route("POST", "/queue/resume", OPERATE, commands.resume, TENANT),
    route("POST", "/workers/{incarnation}/drain", OPERATE, commands.drain_worker),
    route("GET", "/actions", OPERATE, commands.get_actions, "limit", "after"),
    route("POST", "/grants", WRITE, grants.make),
    route("POST", "/receipts/audit", READ, receipts.audit),
    route("GET", "/session", READ, session.get_session),
    route("POST", "/session", None, session.open_by_key),
    route("DELETE", "/session", None, session.close),
    route("GET", "/metrics", OPERATE, metrics),
    route("GET", "/health/live", None, live),
    route("GET", "/health/ready", None, ready),
    route("GET", "/openapi.json", None, serve.get_document),
    route("GET", "/docs", None, serve.get_page),
]
keep_apart(ROUTES)
TITLES = [each.title for each in ROUTES]
"""The routes as they are counted."""
