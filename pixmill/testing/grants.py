"""The stand-in's grants: signed and opened as the service's are, and how often each was used. Owns no job."""

import base64
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pixmill import grants
from pixmill.testing.messages import Refusal

UPLOAD, VIEW = "g1", "v1"
SECRET = "the stand-in's secret"
_FIELDS = {
    UPLOAD: ("id", "tenant", "preset", "bytes_max", "count", "expires_at", "reference", "origin", "webhook_url"),
    VIEW: ("tenant", "job", "expires_at"),
}


@dataclass(frozen=True)
class Opened:
    """A grant that was shown. `kind` is UPLOAD or VIEW, `terms` are its fields."""

    text: str
    kind: str
    terms: dict[str, Any]

    @property
    def decided(self) -> dict[str, str]:
        """The fields of an upload that the grant decides."""
        names = ("preset", "reference", "webhook_url")
        return {name: self.terms[name] for name in names if self.terms[name] is not None}


@dataclass
class Grants:
    """How often each grant was used."""

    used: Counter[str] = field(default_factory=Counter)

    def opened(self, text: str) -> Opened:
        """The grant of a text. Raises Refusal `key_wrong` or `grant_expired`."""
        signed, _, signature = text.rpartition(".")
        kind, _, fields = signed.partition(".")
        if kind not in _FIELDS or grants.signature(SECRET, signed) != signature:
            raise Refusal("key_wrong", "there is no such grant: it was not signed here, or was changed")
        values = json.loads(base64.urlsafe_b64decode(fields + "=" * (-len(fields) % 4)))
        left_out = [None] * (len(_FIELDS[kind]) - len(values))
        terms = dict(zip(_FIELDS[kind], [*values, *left_out], strict=True))
        if terms["expires_at"] <= time.time():
            raise Refusal("grant_expired", "the grant is over: ask for another")
        return Opened(text, kind, terms)

    def use(self, grant: Opened, files: list[tuple[str, bytes]]) -> None:
        """Count the images of an upload. Raises Refusal `grant_used_up`."""
        name = grant.terms["id"]
        left = grant.terms["count"] - self.used[name]
        if len(files) > left:
            raise Refusal("grant_used_up", f"the grant has {left} uses left", left=left)
        self.used[name] += len(files)
