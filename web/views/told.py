"""Deliveries as the API shows them. Pure."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Struct

from jobs.deliveries import DeliveryRow, EventType
from web.views.fields import DeliveryStateName, Id, Moment, Whole, at, moment, one_of, says


class Delivery(Struct, frozen=True, gc=False):
    """An event that one receiver is told of."""

    id: Annotated[str, says("Its `webhook-id` is `msg_` and this.")]
    type: Annotated[str, one_of(EventType), says("The event, as `job.done`.")]
    job: Annotated[Id | None, says("The job that it tells of; null for an event of a batch.")]
    batch: Annotated[Id | None, says("The batch, if it is one of several jobs.")]
    url: Annotated[str, says("The receiver, without the query.")]
    state: Annotated[
        DeliveryStateName,
        says(
            "`waiting`, `delivered`, `failed` (all attempts are used up, or the endpoint is paused) or `stopped` (410)."
        ),
    ]
    attempts: Annotated[Whole, says("How many there were.")]
    status: Annotated[Whole | None, says("The status of the last answer; null if there was none.")]
    error: Annotated[str | None, says("Why the last attempt failed; null if it did not.")]
    answer: Annotated[
        str | None,
        says("The beginning of the receiver's last answer, at most 500 characters; null if it was empty."),
    ]
    change: Annotated[Whole, says("The number of the change that it tells of, as in the event.")]
    created_at: Annotated[Moment, says("RFC 3339, UTC.")]
    due_at: Annotated[Moment | None, says("When the next attempt may begin; null if none follows.")]
    ended_at: Annotated[Moment | None, says("RFC 3339, UTC; null while it waits.")]


class DeliveryPage(Struct, frozen=True):
    """A page of deliveries, the newest first."""

    deliveries: Annotated[Sequence[Delivery], says("Each as [a delivery](#a-delivery).")]
    next: Annotated[str | None, says("To be sent as `after`, for the next page; null: this is the last one.")]


def delivery(row: DeliveryRow) -> Delivery:
    """A delivery. Its address is without the query, which may be a secret."""
    return Delivery(
        id=row.id,
        type=row.type,
        job=row.job,
        batch=row.batch,
        url=row.url.partition("?")[0],
        state=row.state,
        attempts=row.attempts,
        status=row.status or None,
        error=row.error or None,
        answer=row.answer or None,
        change=row.change,
        created_at=moment(row.created_at),
        due_at=at(row.due_at),
        ended_at=at(row.ended_at),
    )
