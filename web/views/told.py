"""Deliveries as the API shows them. Pure."""

from jobs.deliveries import DeliveryRow
from web.views.answers import View, at


def delivery(row: DeliveryRow) -> View:
    """A delivery. Its address is without the query, which may be a secret."""
    return {
        "id": row.id,
        "type": row.type,
        "job": row.job,
        "batch": row.batch,
        "url": row.url.partition("?")[0],
        "state": row.state,
        "attempts": row.attempts,
        "status": row.status or None,
        "error": row.error or None,
        "answer": row.answer or None,
        "change": row.change,
        "created_at": at(row.created_at),
        "due_at": at(row.due_at),
        "ended_at": at(row.ended_at),
    }
