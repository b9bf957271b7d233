"""What couriers say of their deliveries, and what the ledger has of them.

Which delivery goes when is broker/core/couriers/deliveries.py's.
"""

from broker.core.audit import actions
from broker.core.books.events import DeliveriesRead, DueRead, Replayed
from broker.core.books.model import Worker
from broker.core.books.state import Books
from jobs import wire
from jobs.wire import COMMITTED, REFUSED, Ack


def delivered(books: Books, courier: Worker, message: wire.Delivered, now: float) -> None:
    """Attempts ended."""
    books.deliveries.delivered(courier, message, now + books.offset)


def due_read(books: Books, event: DueRead, now: float) -> None:
    """The ledger named the next deliveries of a lane."""
    books.deliveries.refilled(event.refill, event.found, now + books.offset)


def rows_read(books: Books, event: DeliveriesRead, now: float) -> None:
    """The rows of attempts that begin."""
    books.deliveries.read(event.asked, event.rows, now + books.offset)


def replayed(books: Books, event: Replayed, now: float) -> None:
    """Replay one delivery, or a step of many."""
    command, rows = event.command, event.rows
    if command.tenant is not None:
        rows = [row for row in rows if row.tenant == command.tenant]
    changed = sum(books.deliveries.replay(row, now + books.offset) for row in rows)
    if command.id is not None and not rows:
        return books.ack(command.web, Ack(command.request, REFUSED, code="not_found"))
    actions.record(books, command, changed, now)
    ack = Ack(command.request, COMMITTED, matched=len(rows), changed=changed, following=event.following)
    return books.ack(command.web, ack)
