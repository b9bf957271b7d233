"""Links: which operation an answer leads to, by the ids in it. Owns that and nothing else."""

from typing import Any

_JOB, _BATCH, _OPENED = "$response.body#/jobs/0/id", "$response.body#/batch/id", "$response.body#/id"
_OF_PROMISE = {
    **dict.fromkeys(("get_job", "follow_job", "get_original", "cancel_job", "requeue_job"), ("job", _JOB)),
    "get_batch": ("batch", _BATCH),
    "follow_batch": ("batch", _BATCH),
}
_OF_BATCH = {"get_batch": ("batch", _OPENED), "close_batch": ("batch", _OPENED)}
_LINKS = {("upload", 202): _OF_PROMISE, ("make_jobs", 202): _OF_PROMISE, ("open_batch", 201): _OF_BATCH}


def links(operation: str, status: int) -> dict[str, Any]:
    """The links of an answer, as OpenAPI has them."""
    found = _LINKS.get((operation, status), {})
    return {name: {"operationId": name, "parameters": {asked: place}} for name, (asked, place) in found.items()}
