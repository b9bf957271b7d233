"""A request to the stand-in, as its routes read it. Owns no job."""

import json
from dataclasses import dataclass
from typing import Any

import httpx2

from pixmill.testing import rules
from pixmill.testing.grants import Grants, Opened
from pixmill.testing.jobs import FakeJob, Jobs
from pixmill.testing.messages import Refusal

IN_QUERY = "grant"


@dataclass(frozen=True)
class Asked:
    """A request, with the parts of its path, and the grant that was shown with it."""

    jobs: Jobs
    recipes: rules.Recipes
    request: httpx2.Request
    parts: tuple[str, ...]
    grants: Grants
    grant: Opened | None

    @property
    def job(self) -> FakeJob:
        """The job of the path. Raises Refusal."""
        job = self.jobs.found(self.parts[0])
        if self.grant and self.grant.terms["job"] != job.id:
            raise Refusal("not_found", f"there is no job {job.id}")
        return job

    @property
    def shown(self) -> str:
        """The grant by which a job is looked at; else empty."""
        return self.grant.text if self.grant else ""

    def flag(self, name: str) -> bool:
        """A query parameter that is on or off."""
        return self.request.url.params.get(name) in ("1", "true")

    def known(self, *names: str) -> None:
        """Raises Refusal for another query parameter than these."""
        for name in self.request.url.params:
            if name not in (*names, IN_QUERY):
                raise Refusal("bad_parameter", f"there is no parameter {name!r}", parameter=name)

    def body(self) -> Any:
        """The JSON of the body. Raises Refusal."""
        try:
            return json.loads(self.request.read())
        except ValueError:
            raise Refusal("bad_parameter", "the body is no JSON", parameter="body") from None
