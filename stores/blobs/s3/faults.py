"""What an answer of the store means: whose fault it is, in the words of jobs/errors.py. Pure.

Knows the store's answers as text only, because the client library gives nothing else: a status and a code.
"""

import re
from typing import NamedTuple

from jobs.errors import BlobMissing, StoreAway, StoreFault, StoreFull

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9._]{1,64})</Code>")
NO_KEYS, NO_UPLOAD = "NoKeys", "NoSuchUpload"
_NO_KEYS = re.compile(r"/latest/api/token|/latest/meta-data|credential provider")
"""The client asked the instance for keys, because the environment has none; or the file has none."""
_FULL = frozenset({"QuotaExceeded", "InsufficientStorage", "StorageFull", "XMinioStorageFull", "EntityTooLarge"})
_OF_THE_BLOB = frozenset({"InvalidObjectState", "InvalidRange", "EntityTooLarge", "InvalidDigest", "BadDigest"})
"""Codes that blame one blob. All other refusals concern every blob: a lost key, say, or a bucket that is gone."""
FIXES = {
    NO_KEYS: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or correct AWS_SHARED_CREDENTIALS_FILE",
    "NoSuchBucket": "make the bucket, or correct PIXMILL_BLOBS_URL",
    "InvalidAccessKeyId": "correct AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "correct AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "renew AWS_SESSION_TOKEN",
    "InvalidToken": "renew AWS_SESSION_TOKEN",
    "RequestTimeTooSkewed": "set this machine's clock",
    "PermanentRedirect": "correct the region or the endpoint in PIXMILL_BLOBS_URL",
    "AuthorizationHeaderMalformed": "correct the region in PIXMILL_BLOBS_URL",
}
"""What an operator does about the answers that only they can mend."""
OTHER_FIX = "let this key read, write, list and delete in the bucket, or correct PIXMILL_BLOBS_URL"


class Answer(NamedTuple):
    """What the store answered: `status` 0 if it did not answer."""

    status: int
    code: str

    def sentence(self) -> str:
        """It in words."""
        if self.code == NO_KEYS:
            return "there are no keys for the store"
        return f"the store said {self.status} {self.code}".strip() if self.status else "the store did not answer"


def answer(text: str) -> Answer:
    """The answer in the client's description of an error."""
    if _NO_KEYS.search(text):
        return Answer(401, NO_KEYS)
    status, code = _STATUS.search(text), _CODE.search(text)
    return Answer(int(status[1]) if status else 0, code[1] if code else "")


def fault(what: str, found: Answer, *, missing: bool) -> StoreFault:
    """The error for this answer on `what` (a blob's name, or what was asked). `missing`: the client calls it so."""
    detail = f"blob {what}: {found.sentence()}"
    if found.status == 507 or found.code in _FULL:
        return StoreFull(detail)
    if missing and found.code not in ("NoSuchBucket", NO_UPLOAD):
        return BlobMissing(f"there is no blob {what}")
    if found.code in _OF_THE_BLOB or (found.status in (400, 405, 409, 411, 412, 416) and found.code not in FIXES):
        return StoreFault(detail)
    return StoreAway(detail)


def fix(found: Answer) -> str:
    """What an operator must do before anything works; empty if the store may come back by itself."""
    if found.code in FIXES:
        return FIXES[found.code]
    return OTHER_FIX if found.status in (301, 400, 401, 403, 404) else ""
