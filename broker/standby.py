"""Waits for the term: the right to be the ledger's one writer. Until then this process binds nothing and says nothing.

Owns how long a broker waits, and for whom. Knows no ledger: the candidate tries (stores/ledger/__init__.py).
"""

import logging
import socket
import time

from host.process import notify
from host.sockets.readiness import readable
from jobs.errors import LedgerDamaged, LedgerFailed, SetupFault
from stores.ledger import Candidate, Ledger


def await_term(candidate: Candidate, several: bool, signals: socket.socket, log: logging.Logger) -> Ledger | None:
    """The ledger, once the term is ours; None: a stop signal came first.

    If there are `several` brokers, this one stands by while another has the term, and is ready from then on. Otherwise
    it waits for its predecessor only, then raises SetupFault. In both cases it waits for a ledger that cannot be
    reached.
    """
    watchdog, stands_by, unreached = notify.Watchdog(), False, ""
    until = time.monotonic() + candidate.predecessor_seconds
    while (ledger := _tried(candidate)) is None or isinstance(ledger, LedgerFailed):
        now = time.monotonic()
        if ledger is not None:
            until = now + candidate.predecessor_seconds
            if ledger.detail != unreached:
                log.warning("ledger_awaited", extra={"why": ledger.detail})
                notify.status(f"waits for the ledger: {ledger.detail}")
            unreached = ledger.detail
        elif several:
            if not stands_by:
                log.info("stands_by")
                notify.status("stands by")
                notify.ready()
            stands_by = True
        elif now >= until:
            raise SetupFault(candidate.refusal)
        if stands_by:
            watchdog.turned(now)
        if readable({}, [signals.fileno()], candidate.again_seconds):
            candidate.close()
            return None
    return ledger


def _tried(candidate: Candidate) -> Ledger | LedgerFailed | None:
    try:
        return candidate.take()
    except LedgerDamaged:
        raise
    except LedgerFailed as fault:
        return fault
