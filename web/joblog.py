"""GET /jobs/{job}/logs: what all roles of this machine logged of a job, from the file of LOG_PATH.

For operators only: a line may hold what a tenant should not see, as an address of another client or a path of the host.
Owns no file; host/log/tail.py reads it, in a thread.
"""

from functools import partial

from starlette.responses import Response

from host.log.tail import lines_of
from jobs import ids
from jobs.errors import ClientFault
from web.access.call import Call
from web.http.json import as_json
from web.views.logged import JobLog


async def get_log(call: Call) -> Response:
    """The newest lines. Raises ClientFault `not_found` where there is no file, or what is asked for is no id."""
    job, path = call.parameter("job"), call.web.settings.log_path
    if not ids.is_id(job):
        raise ClientFault(f"there is no job {job}", code="not_found")
    if not path:
        raise ClientFault("this server has no file of its log: PIXMILL_LOG_PATH names one", code="not_found")
    try:
        found = await call.web.log_threads.do(partial(lines_of, path, job))
    except OSError as fault:
        detail = f"the file of the log cannot be read: {fault.strerror or 'unknown'}"
        raise ClientFault(detail, code="not_found") from None
    return as_json(JobLog(job, found.lines, found.complete), 200, {"Cache-Control": "no-store"})
