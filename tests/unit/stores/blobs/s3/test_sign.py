"""stores/blobs/s3/sign.py: signed addresses, compared with those of AWS's own library."""

import datetime
from typing import Any
from unittest import mock

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from host.settings.buckets import Bucket
from stores.blobs.s3.credentials import Keys
from stores.blobs.s3.sign import WINDOW_SECONDS, address

NOW = 1_790_000_123.5
NAME = "processed/ab/one.thumb.12345678.jpeg"
HEADERS = {
    "Content-Type": "image/jpeg",
    "Content-Disposition": "inline; filename=\"caf_.jpeg\"; filename*=UTF-8''caf%C3%A9.jpeg",
    "Cache-Control": "private, max-age=31536000, immutable",
}


def theirs(url: str, keys: Keys, at: float, region: str) -> str:
    """The same address, signed by botocore."""
    unsigned = "&".join(part for part in url.partition("?")[2].split("&") if part.startswith("response-"))
    request = AWSRequest("GET", f"{url.partition('?')[0]}?{unsigned}".rstrip("?"))

    class Fixed(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Fixed":
            return cls.fromtimestamp(at, datetime.UTC)

        @classmethod
        def utcnow(cls) -> "Fixed":
            return cls.now()

    fixed = mock.Mock(wraps=datetime, datetime=Fixed)
    signer = S3SigV4QueryAuth(Credentials(*keys[:2], keys.token or None), "s3", region, 2 * WINDOW_SECONDS)
    with (
        mock.patch("botocore.auth.datetime", fixed, create=True),
        mock.patch("botocore.auth.get_current_datetime", Fixed.now, create=True),
    ):
        signer.add_auth(request)
    return str(request.url)


@pytest.mark.parametrize("token", ["", "to/ken+="])
@pytest.mark.parametrize("headers", [{}, HEADERS])
@pytest.mark.parametrize(
    "bucket",
    [Bucket("pix", "a/b", "http://127.0.0.1:9000", "us-east-1"), Bucket("pix", "", "", "eu-west-1")],
)
def test_the_signature_is_that_of_aws(bucket: Bucket, headers: dict[str, str], token: str) -> None:
    keys = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    url, _ = address(bucket, NAME, keys, NOW, headers)
    signed = theirs(url, keys, NOW - NOW % WINDOW_SECONDS, bucket.region)
    assert sorted(url.partition("?")[2].split("&")) == sorted(signed.partition("?")[2].split("&"))
    assert url.partition("?")[0] == signed.partition("?")[0]


def test_an_address_is_the_same_within_its_window_and_works_until_the_end_of_the_next() -> None:
    keys, bucket = Keys("id", "secret", ""), Bucket("pix", "", "", "us-east-1")
    begins = NOW - NOW % WINDOW_SECONDS
    first, seconds = address(bucket, NAME, keys, begins, HEADERS)
    last, fewer = address(bucket, NAME, keys, begins + WINDOW_SECONDS - 1, HEADERS)
    following, _ = address(bucket, NAME, keys, begins + WINDOW_SECONDS, HEADERS)
    assert first == last != following
    assert (seconds, fewer) == (2 * WINDOW_SECONDS, WINDOW_SECONDS + 1)
    assert "secret" not in first
