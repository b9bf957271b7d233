"""Jobs as callers name them: by id, or by what the server answered. Knows no request."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from pixmill.core.answers import Batch, BatchUpload, Job, OpenedBatch, Upload

OneJob = str | Job | Upload
OneBatch = str | Batch | BatchUpload | OpenedBatch


class Named(NamedTuple):
    """The id of a job, and the text of the grant that opens it, if it was uploaded under a grant."""

    id: str
    grant: str = ""

    @property
    def opened(self) -> tuple[tuple[str, str], ...]:
        """The query that opens it."""
        return (("grant", self.grant),) if self.grant else ()


def named(job: OneJob) -> Named:
    """The job of an id, or of an answer: its addresses have the grant."""
    if isinstance(job, str):
        return Named(job)
    return Named(job.id, parse_qs(urlsplit(job.status_url).query).get("grant", [""])[0])


def all_named(jobs: Sequence[OneJob | Batch | BatchUpload]) -> list[Named]:
    """All jobs, also those of batches, each once."""
    found: list[Named] = []
    for each in jobs:
        found += map(named, each.jobs) if isinstance(each, Batch | BatchUpload) else [named(each)]
    return list(dict.fromkeys(found))


def batch_id(batch: OneBatch) -> str:
    """The id of a batch."""
    return batch if isinstance(batch, str) else batch.id
