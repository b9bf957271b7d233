"""The receipts that a 202 carries. Their audit is web/handlers/receipts.py's, the signature
jobs/access/receipts.py's."""

from jobs.access.receipts import Receipt, sign
from jobs.job import Row, decode_spec
from web.access.parts import Web


def signed(web: Web, row: Row) -> str:
    """The receipt of a promised job: the same one each time, so that a repeated upload is answered alike."""
    digest = decode_spec(row.spec).original.digest
    return sign(web.receipt_secrets[0], Receipt(row.id, digest, row.seq, row.accepted_at), row.tenant)
