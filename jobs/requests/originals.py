"""Which stored originals a recipe is to run on, as a body of JSON names them. Knows no ledger: they may not exist."""

from typing import Any

from jobs.errors import LimitExceeded
from jobs.limits import BATCH_JOBS_MAX
from jobs.requests.texts import bad_parameter

ONE, MANY = "original", "originals"


def named_originals(values: dict[str, Any]) -> list[str]:
    """The ids of the jobs whose originals are meant. Raises ClientFault `bad_parameter`, LimitExceeded."""
    one, many = values.get(ONE), values.get(MANY)
    if many is None:
        if not isinstance(one, str):
            raise bad_parameter(ONE, f"{ONE} is the id of a job whose original is stored")
        return [one]
    if one is not None:
        raise bad_parameter(MANY, f"give {ONE} or {MANY}, not both")
    if not isinstance(many, list) or not many or not all(isinstance(each, str) for each in many):
        raise bad_parameter(MANY, f"{MANY} are the ids of 1 to {BATCH_JOBS_MAX} jobs whose originals are stored")
    if len(many) > BATCH_JOBS_MAX:
        raise LimitExceeded("bad_parameter", "batch_jobs_max", BATCH_JOBS_MAX, len(many))
    return many
