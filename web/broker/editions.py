"""Whether the broker knows what a request says, which during an upgrade may be of the release before."""

from jobs.wire import Beat
from web.broker.requests import NotPromised


def refuse_older(beat: Beat | None, edition: int, what: str) -> None:
    """Raises NotPromised if the broker that was heard last does not know `what`, which came with this edition."""
    if beat is not None and beat.edition < edition:
        raise NotPromised(f"the broker is of an earlier release, and knows no {what}")
