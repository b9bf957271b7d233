"""The audit of receipts: tells whether each promise was kept.

Owns the verdicts. The signature is jobs/access/receipts.py's, the fate of each job the ledger's.
"""

import time
from collections.abc import Mapping
from math import inf

from starlette.responses import Response

from host.settings.settings import retention_seconds
from jobs.access.receipts import Receipt, job_named, verify
from jobs.errors import LimitExceeded
from jobs.job import ENDED
from jobs.limits import AUDIT_BYTES_MAX, AUDIT_RECEIPTS_MAX
from jobs.records import PURGED
from jobs.requests.texts import bad_parameter, read_json
from jobs.tenants import retention_of
from stores.ledger import LedgerReader
from web.access.call import Call, read_body
from web.access.parts import Web
from web.http.json import as_json


async def audit(call: Call) -> Response:
    """POST /receipts/audit: takes a JSON list of receipts, and answers with a verdict on each, in the same order. The
    receipt of a job that the caller may not see counts as forged."""
    web, sees = call.web, call.caller.sees
    texts = _texts(await read_body(call.request, "audit_bytes_max", AUDIT_BYTES_MAX))

    def verdicts(ledger: LedgerReader) -> list[str]:
        verified = _verified(web, ledger, texts, sees)
        fates = ledger.fates([receipt.job for receipt, _ in verified if receipt])
        now = time.time()
        return [verdict(receipt, fates, now - kept) for receipt, kept in verified]

    return as_json(await web.reads.long.do(verdicts), 200, {"Cache-Control": "no-store"})


Kept = dict[float, set[str]]
"""Tenants, by the seconds for which their ended jobs are kept (infinite: for ever)."""


def _verified(web: Web, ledger: LedgerReader, texts: list[str], sees: str | None) -> list[tuple[Receipt | None, float]]:
    """Each receipt if it is genuine and of a tenant that the caller may see; else None. And for how many seconds the
    tenant's jobs are kept. The signature depends on the tenant. A job's row names it; only for jobs without a row all
    tenants are tried."""
    if sees is not None:
        own = _kept(web, {sees})
        return [_genuine(web, text, own) for text in texts]
    everyone = _kept(web, {"", *(key.tenant for key in web.keys), *ledger.tenants()})
    rows = ledger.jobs([job for text in texts if (job := job_named(text))])
    whose = {row.id: _kept(web, {row.tenant}) for row in rows}
    return [_genuine(web, text, whose.get(job_named(text), everyone)) for text in texts]


def _kept(web: Web, tenants: set[str]) -> Kept:
    everyone, kept = retention_seconds(web.settings), Kept()
    for tenant in tenants:
        kept.setdefault(retention_of(web.limits, tenant, everyone) or inf, set()).add(tenant)
    return kept


def _genuine(web: Web, text: str, kept: Kept) -> tuple[Receipt | None, float]:
    for seconds, tenants in kept.items():
        if receipt := verify(web.receipt_secrets, text, tenants):
            return receipt, seconds
    return None, inf


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
