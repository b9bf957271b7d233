"""Addresses that carry their permission: AWS Signature Version 4 in the query, for GET. Pure.

The client library signs, too, but it cannot ask for headers of the answer (`response-content-type` and others).
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from host.settings.buckets import Bucket
from stores.blobs.s3.credentials import Keys

WINDOW_SECONDS = 300
"""An address is signed for the beginning of its window, and works until the end of the next. So all requests of a
window get the same address, and a browser's cache knows it again."""
_OVERRIDES = {
    "Content-Type": "response-content-type",
    "Content-Disposition": "response-content-disposition",
    "Cache-Control": "response-cache-control",
}


def address(bucket: Bucket, name: str, keys: Keys, now: float, headers: Mapping[str, str]) -> tuple[str, int]:
    """The address of a blob at wall time `now`, and the seconds for which it works. The answer has those `headers`
    that S3 lets a request choose."""
    begins = int(now // WINDOW_SECONDS) * WINDOW_SECONDS
    key = f"{bucket.prefix}/{name}" if bucket.prefix else name
    path = quote(f"/{bucket.name}/{key}", safe="/-_.~")
    day = time.strftime("%Y%m%d", time.gmtime(begins))
    scope = f"{day}/{bucket.region}/s3/aws4_request"
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{keys.id}/{scope}",
        "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(begins)),
        "X-Amz-Expires": str(2 * WINDOW_SECONDS),
        "X-Amz-SignedHeaders": "host",
        **({"X-Amz-Security-Token": keys.token} if keys.token else {}),
        **{_OVERRIDES[header]: value for header, value in headers.items() if header in _OVERRIDES},
    }
    asked = "&".join(f"{_quoted(each)}={_quoted(value)}" for each, value in sorted(query.items()))
    request = f"GET\n{path}\n{asked}\nhost:{urlsplit(bucket.origin).netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    digest = hashlib.sha256(request.encode()).hexdigest()
    signed = f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{digest}"
    secret = f"AWS4{keys.secret}".encode()
    for part in (day, bucket.region, "s3", "aws4_request"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    signature = hmac.digest(secret, signed.encode(), "sha256").hex()
    return f"{bucket.origin}{path}?{asked}&X-Amz-Signature={signature}", int(begins + 2 * WINDOW_SECONDS - now)


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
