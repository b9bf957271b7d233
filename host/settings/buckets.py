"""The address of a bucket: s3://BUCKET[/PREFIX][?endpoint=https://HOST[:PORT]&region=REGION]. Pure.

It never holds a key: addresses are shown in logs and by `config`. stores/blobs/s3/credentials.py says where keys come
from.
"""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

SCHEME = "s3://"
REGION = "us-east-1"
"""The region that S3-compatible stores without regions expect in a signature."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*", re.ASCII)
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+", re.ASCII)
_REGION = re.compile(r"[A-Za-z0-9-]+", re.ASCII)


class Bucket(NamedTuple):
    """Where blobs are. `endpoint` is empty for AWS; `prefix` may be."""

    name: str
    prefix: str
    endpoint: str
    region: str

    @property
    def origin(self) -> str:
        """Scheme, host and port of its addresses."""
        return self.endpoint or f"https://s3.{self.region}.amazonaws.com"

    def __str__(self) -> str:
        return f"{SCHEME}{self.name}" + (f"/{self.prefix}" if self.prefix else "")


def bucket(url: str) -> Bucket:
    """The bucket of this address. Raises ValueError with the reason, which never quotes a key."""
    parts = urlsplit(url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    asked = dict(given)
    if (
        not url.startswith(SCHEME)
        or parts.fragment
        or len(given) != len(asked)
        or asked.keys() - {"endpoint", "region"}
    ):
        raise ValueError("must be as s3://BUCKET[/PREFIX][?endpoint=https://HOST[:PORT]&region=REGION]")
    if "@" in parts.netloc:
        raise ValueError("must be without a key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    prefix, endpoint, region = parts.path.strip("/"), asked.get("endpoint", "").rstrip("/"), asked.get("region", REGION)
    if not _BUCKET.fullmatch(parts.netloc):
        raise ValueError("must be of a bucket of 3 to 63 lower-case letters, digits, dots and hyphens")
    if prefix and not _PREFIX.fullmatch(prefix):
        raise ValueError("must be of a prefix of letters, digits, _, . and -, with / between")
    if ("endpoint" in asked and not _ENDPOINT.fullmatch(endpoint)) or not _REGION.fullmatch(region):
        raise ValueError("must be of an endpoint as https://HOST[:PORT], and of a region as us-east-1")
    return Bucket(parts.netloc, prefix, endpoint, region)
