"""The audit of receipts: tells whether each promise was kept.

Owns the verdicts. The signature is jobs/access/receipts.py's, the fate of each job the ledger's.
"""

import time
from collections.abc import Mapping

from starlette.responses import Response

from host.settings.settings import retention_seconds
from jobs.access.receipts import Receipt, job_named, verify
from jobs.errors import LimitExceeded
from jobs.job import ENDED
from jobs.limits import AUDIT_BYTES_MAX, AUDIT_RECEIPTS_MAX
from jobs.records import PURGED
from web.access.call import Call, read_body
from web.access.parts import Web
from web.http.json import as_json, bad_parameter, read_json


async def audit(call: Call) -> Response:
    """POST /receipts/audit: takes a JSON list of receipts, and answers with a verdict on each, in the same order. The
    receipt of a job that the caller may not see counts as forged."""
    web, sees = call.web, call.caller.sees
    texts = _texts(await read_body(call.request, "audit_bytes_max", AUDIT_BYTES_MAX))

    def verdicts() -> list[str]:
        receipts = _verified(web, texts, sees)
        fates = web.lists.fates([receipt.job for receipt in receipts if receipt])
        kept = retention_seconds(web.settings)
        oldest = time.time() - kept if kept else 0.0
        return [verdict(receipt, fates, oldest) for receipt in receipts]

    return as_json(await web.list_thread.do(verdicts), 200, {"Cache-Control": "no-store"})


def _verified(web: Web, texts: list[str], sees: str | None) -> list[Receipt | None]:
    """Each receipt if it is genuine and of a tenant that the caller may see; else None. The signature depends on the
    tenant. A job's row names it; only for jobs without a row all tenants are tried."""
    if sees is not None:
        return [verify(web.receipt_secrets, text, {sees}) for text in texts]
    everyone = {"", *(key.tenant for key in web.keys), *web.lists.tenants()}
    rows = web.lists.jobs([job for text in texts if (job := job_named(text))])
    whose = {row.id: {row.tenant} for row in rows}
    return [verify(web.receipt_secrets, text, whose.get(job_named(text), everyone)) for text in texts]


def verdict(receipt: Receipt | None, fates: Mapping[str, str], oldest: float) -> str:
    """The verdict on one receipt. If it is older than wall time `oldest`, retention may have removed its job."""
    if receipt is None:
        return "forged"
    fate = fates.get(receipt.job)
    if fate is not None and fate != PURGED:
        return "ended" if fate in ENDED else "unfinished"
    if receipt.at < oldest:
        return "expired"
    return fate or "lost"


def _texts(body: bytes) -> list[str]:
    values = read_json(body, "body")
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise bad_parameter("body", "the body is a JSON list of receipts")
    if len(values) > AUDIT_RECEIPTS_MAX:
        raise LimitExceeded("bad_parameter", "audit_receipts_max", AUDIT_RECEIPTS_MAX, len(values))
    return values
