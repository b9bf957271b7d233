"""Records each command that was carried out, in the transaction of its changes. A refused one changes nothing, and is
not recorded.

Owns what an action says, and when old ones are dropped. How many were changed is the caller's to say.
"""

from typing import Any

import msgspec

from broker.core.books.state import Books
from jobs.records import ActionEntry
from jobs.wire import Cancel, CloseBatch, DrainWorker, Pause, Purge, Replay, Requeue, Resume

Command = Cancel | Requeue | Purge | Replay | Pause | Resume | DrainWorker | CloseBatch
VERBS: dict[type, str] = {
    Cancel: "cancel",
    Requeue: "requeue",
    Purge: "purge",
    Replay: "replay",
    Pause: "pause",
    Resume: "resume",
    DrainWorker: "drain",
    CloseBatch: "close",
}
TRIM_SECONDS = 3600.0
"""Between two looks for actions that are too old. After a command there is one at the next beat."""


def record(books: Books, command: Command, count: int, now: float) -> None:
    """The command, or this step of it, changed `count`. A later step that changed nothing writes nothing: most steps
    over a large ledger may be such."""
    action = command.action
    if action is None or not (count or is_first(command)):
        return
    entries = books.records.actions
    if (known := entries.get(action.id)) is not None:
        entries[action.id] = msgspec.structs.replace(known, count=known.count + count)
    else:
        verb, at = VERBS[type(command)], now + books.offset
        entries[action.id] = ActionEntry(action.id, action.who, verb, filter_of(command), count, at)
    books.trim_at = now


def is_first(command: Command) -> bool:
    """Whether it is not a later step of a command over many."""
    return isinstance(command, Pause | Resume | DrainWorker | CloseBatch) or not command.after


def filter_of(command: Command) -> str:
    """What the command names, as JSON: one job, delivery, worker, tenant or batch; or the filters that are set."""
    named: dict[str, Any] = {}
    if isinstance(command, DrainWorker):
        named["worker"] = command.incarnation
    elif isinstance(command, CloseBatch):
        named["batch"] = command.batch
    elif isinstance(command, Pause | Resume):
        if command.tenant is not None:
            named["tenant"] = command.tenant
    elif command.id is not None:
        named["delivery" if isinstance(command, Replay) else "job"] = command.id
    elif command.where is not None:
        named = {name: value for name, value in msgspec.structs.asdict(command.where).items() if value is not None}
    return msgspec.json.encode(named).decode()


def look(books: Books, now: float) -> None:
    """At a beat: let old actions be dropped, if it is time. While the clock is not trusted, none is too old."""
    if now < books.trim_at:
        return
    books.trim_at = now + TRIM_SECONDS
    kept = books.policy.retention_seconds
    books.forget_actions = now + books.offset - kept if kept and now >= books.trusted_at else 0.0
