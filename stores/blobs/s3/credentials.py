"""Where the keys of a bucket come from: the environment, a shared credentials file, or the instance. Never from a
setting, because settings are shown.

Owns the file's form (AWS_SHARED_CREDENTIALS_FILE, AWS_PROFILE), which the client library does not read.
"""

import configparser
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from jobs.errors import StoreFault

if TYPE_CHECKING:
    from obstore.store import S3Credential

FILE, PROFILE = "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE"
READ_AGAIN_SECONDS = 60
"""A file of keys is read again after this time: whoever rotates keys replaces it."""


class Keys(NamedTuple):
    """A key of the store, its secret, and the token of a key that expires (else empty)."""

    id: str
    secret: str
    token: str


def given(environ: Mapping[str, str]) -> Keys | None:
    """The keys that the environment or its file has; None: the client asks the instance. Raises StoreFault."""
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        token = environ.get("AWS_SESSION_TOKEN", "")
        return Keys(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], token)
    if path := environ.get(FILE):
        return _read(path, environ.get(PROFILE) or "default")
    return None


def _read(path: str, profile: str) -> Keys:
    parser = configparser.RawConfigParser()
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
        section = parser[profile]
        return Keys(
            section["aws_access_key_id"], section["aws_secret_access_key"], section.get("aws_session_token", "")
        )
    except (OSError, UnicodeDecodeError, configparser.Error, KeyError) as error:
        raise StoreFault(f"{FILE} has no keys of the profile {profile} ({type(error).__name__})") from None


class FromFile:
    """The client's source of keys. The file is read again each minute, and not more often: the client asks for keys
    that expire soon before most calls, and a file that is just being replaced has none."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._keys: Keys | None = None
        self._again_at = 0.0

    def __call__(self) -> "S3Credential":
        now = self._clock()
        if self._keys is None or now >= self._again_at:
            self._keys, self._again_at = given(os.environ), now + READ_AGAIN_SECONDS
        assert self._keys is not None
        return {
            "access_key_id": self._keys.id,
            "secret_access_key": self._keys.secret,
            "token": self._keys.token or None,
            "expires_at": datetime.now(UTC) + timedelta(seconds=self._again_at - now),
        }


def reads_file(environ: Mapping[str, str]) -> bool:
    """Whether the keys are in a file: keys in the environment go first."""
    return bool(environ.get(FILE)) and not (environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"))
