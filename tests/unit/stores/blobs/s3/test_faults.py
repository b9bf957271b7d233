"""stores/blobs/s3/faults.py: what an answer of the store means. The texts are those of the client, cut short."""

import pytest

from jobs.errors import BlobMissing, StoreAway, StoreFault, StoreFull
from stores.blobs.s3.faults import Answer, answer, fault, fix

SAID = (
    "Generic S3 error: Error performing PUT http://127.0.0.1:8333/pix/raw/ab/x in 1ms - Server returned non-2xx status "
    'code: {status}: <?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>m</Message></Error>'
)
SILENT = "Generic S3 error: Error performing PUT http://h/x in 2.0s - HTTP error: error sending request"


@pytest.mark.parametrize(
    ("status", "code", "kind", "mends"),
    [
        (403, "SignatureDoesNotMatch", StoreAway, "correct AWS_SECRET_ACCESS_KEY"),
        (403, "InvalidAccessKeyId", StoreAway, "correct AWS_ACCESS_KEY_ID"),
        (400, "ExpiredToken", StoreAway, "renew AWS_SESSION_TOKEN"),
        (403, "AccessDenied", StoreAway, "let this key read"),
        (404, "NoSuchBucket", StoreAway, "make the bucket"),
        (400, "AuthorizationHeaderMalformed", StoreAway, "correct the region"),
        (500, "InternalError", StoreAway, ""),
        (503, "SlowDown", StoreAway, ""),
        (429, "TooManyRequests", StoreAway, ""),
        (507, "InsufficientStorage", StoreFull, ""),
        (403, "QuotaExceeded", StoreFull, "let this key"),
        (403, "InvalidObjectState", StoreFault, "let this key"),
        (412, "PreconditionFailed", StoreFault, ""),
        (416, "InvalidRange", StoreFault, ""),
    ],
)
def test_an_answer_blames_the_store_the_blob_or_an_operator(
    status: int, code: str, kind: type[StoreFault], mends: str
) -> None:
    found = answer(SAID.format(status=status, code=code))
    assert found == Answer(status, code)
    judged = fault("raw/ab/x", found, missing=False)
    assert type(judged) is kind
    assert f"{status} {code}" in judged.detail
    assert fix(found).startswith(mends)
    assert bool(fix(found)) == bool(mends)


def test_silence_is_a_store_that_is_away_and_nobody_need_mend_it() -> None:
    found = answer(SILENT)
    judged = fault("raw/ab/x", found, missing=False)
    assert type(judged) is StoreAway
    assert judged.detail == "blob raw/ab/x: the store did not answer"
    assert fix(found) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Error performing PUT http://169.254.169.254/latest/api/token in 3ms - Server returned status code: 403",
        "Error performing GET http://[fd00:ec2::254]/latest/meta-data/iam in 1s - HTTP error: error sending request",
        "lacked valid authentication credentials for path External AWS credential provider: StoreFault: no keys",
    ],
)
def test_a_store_without_keys_is_told_from_one_that_is_away(text: str) -> None:
    found = answer(text)
    assert type(fault("raw/ab/x", found, missing=False)) is StoreAway
    assert found.sentence() == "there are no keys for the store"
    assert fix(found).startswith("set AWS_ACCESS_KEY_ID")


def test_a_missing_blob_is_no_missing_bucket() -> None:
    assert type(fault("raw/ab/x", Answer(404, "NoSuchKey"), missing=True)) is BlobMissing
    assert type(fault("raw/ab/x", Answer(404, ""), missing=True)) is BlobMissing
    assert type(fault("raw/ab/x", Answer(404, "NoSuchBucket"), missing=True)) is StoreAway
