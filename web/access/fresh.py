"""New ids: of this moment, and random."""

import secrets
import time

from jobs import ids


def fresh_id() -> str:
    """The id of a new job, batch or action."""
    return ids.mint(time.time(), secrets.token_bytes(ids.RANDOM_BYTES))
