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

    def decide(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields of an upload, with those that the grant decides. Raises Refusal `forbidden`."""
        names = ("preset", "reference", "webhook_url")
        decided = {name: self.terms[name] for name in names if self.terms[name] is not None}
        for name, value in fields.items():
            undecided = name == "recipe" or (name == "webhook_url" and name not in decided)
            if undecided or (name, value) == ("priority", "high") or decided.get(name, value) != value:
                raise Refusal("forbidden", f"this grant does not allow this {name}", parameter=name)
        return {**fields, **decided}


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
        """Count the images of an upload. Raises Refusal `upload_too_large` or `grant_used_up`."""
        name, most, size = grant.terms["id"], grant.terms["bytes_max"], sum(len(data) for _, data in files)
        if size > most:
            what = f"bytes_max is {most}, these are {size} bytes"
            raise Refusal("upload_too_large", what, limit="bytes_max", allowed=most, actual=size)
        left = grant.terms["count"] - self.used[name]
        if len(files) > left:
            raise Refusal("grant_used_up", f"the grant has {left} uses left", left=left)
        self.used[name] += len(files)
