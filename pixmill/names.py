"""The names of `import pixmill`. The first use of one of them imports them all."""

from pixmill.client.aio import AsyncClient
from pixmill.client.blocking import Client
from pixmill.core.answers import (
    Action,
    Batch,
    BatchUpload,
    Changed,
    Delivery,
    Grant,
    Job,
    JobError,
    OpenedBatch,
    Original,
    Rendition,
    Stats,
    Upload,
    ViewGrant,
)
from pixmill.core.errors import Conflict, NoAccess, NotFound, PixmillError, RateLimited, Refused, Unreachable
from pixmill.core.events import BatchEnded, Beat, Event, JobChanged, RenditionMade, Reset
from pixmill.core.requests import Retry
from pixmill.grants import grant, view_grant

__all__ = [
    "Action",
    "AsyncClient",
    "Batch",
    "BatchEnded",
    "BatchUpload",
    "Beat",
    "Changed",
    "Client",
    "Conflict",
    "Delivery",
    "Event",
    "Grant",
    "Job",
    "JobChanged",
    "JobError",
    "NoAccess",
    "NotFound",
    "OpenedBatch",
    "Original",
    "PixmillError",
    "RateLimited",
    "Refused",
    "Rendition",
    "RenditionMade",
    "Reset",
    "Retry",
    "Stats",
    "Unreachable",
    "Upload",
    "ViewGrant",
    "grant",
    "view_grant",
]
