"""Three hosts, each cut off in turn, under uploads: web, the broker, and two workers, over CURVE, with blobs in S3.

    python -m torture.hosts                     each host for 20 s, by a pulled cable and by lost packets
    python -m torture.hosts --seconds 4 --hosts workers --cuts drop
    python -m torture.hosts --standby           a standby takes the term of a broker that cannot reach its database

Fails if an accepted job is lost or ends twice, or if something works again later than WORKING_SECONDS after the
healing.
"""

import argparse
import sys
import time
from contextlib import AbstractContextManager

from bench.parts.report import close_scenarios, skipped
from tests.support.clusters import lab
from tests.support.clusters.cluster import wait_until
from tests.support.servers import postgres, seaweed
from torture.hosts.clients import Clients, asked
from torture.hosts.installation import BROKER_PORT, END_SECONDS, Installation, installed
from torture.hosts.listener import Listener
from torture.hosts.verdict import Figures, broken, ends_of, first

CUT_SECONDS = 20.0
BEFORE_SECONDS, AFTER_SECONDS = 3.0, 8.0


def cut_off(here: Installation, name: str, cut: str, seconds: float) -> Figures:
    """Cut one host off under load."""
    return under_load(here, lab.CUTS[cut](here.hosts[name]), seconds)


def steal_term(here: Installation, seconds: float) -> Figures:
    """Cut the broker off from its database alone, so that the standby takes its term while web and the workers still
    hear both."""
    assert here.ledger is not None
    addresses = [(here.hosts[name].address, BROKER_PORT) for name in here.brokers]
    with Listener(here.keys, addresses) as listener:
        figures = under_load(here, here.hosts["broker"].without(lab.HERE, here.ledger.port), seconds)
    return {**figures, "epochs": len(listener.epochs()), "late_messages": listener.late()}


def under_load(here: Installation, cut: AbstractContextManager[None], seconds: float) -> Figures:
    """Upload before, during and after a cut. The figures; times are seconds from the healing."""
    with Clients(here.address) as clients:
        time.sleep(BEFORE_SECONDS)
        before = len(clients.promises)
        with cut:
            time.sleep(seconds)
            healed = time.time()
        time.sleep(AFTER_SECONDS)
    jobs = here.jobs(clients.promises)
    ends = [ends_of(job) for job in jobs.values()]
    return {
        "accepted": len(jobs),
        "accepted_before": before,
        "lost": sum(job.get("state") != "done" for job in jobs.values()),
        "ended_twice": sum(len(each) > 1 for each in ends),
        "attempts_max": max((job.get("attempts", 0) for job in jobs.values()), default=0),
        "unexpected": sorted(set(clients.unexpected)),
        "accepting_after": first(healed, (promise.at for promise in clients.promises)),
        "working_after": first(healed, (at for each in ends for at in each)),
    }


def main() -> int:
    """Run all scenarios. The exit status is 1 if a promise was broken."""
    parser = argparse.ArgumentParser("python -m torture.hosts", description="Cuts hosts off under load.")
    parser.add_argument("--seconds", type=float, default=CUT_SECONDS, help="how long each is cut off")
    parser.add_argument("--hosts", nargs="+", default=["workers", "broker", "web"])
    parser.add_argument("--cuts", nargs="+", default=list(lab.CUTS), choices=list(lab.CUTS))
    parser.add_argument("--standby", action="store_true", help="cut the broker off from its database instead")
    given = parser.parse_args()
    if skipped(lab.possible(), lab.MISSING) or skipped(seaweed.program(), seaweed.MISSING):
        return 0
    if given.standby and skipped(postgres.programs(), postgres.MISSING):
        return 0
    with installed(standby=given.standby) as here:
        wait_until(lambda: asked(here.address, "GET", "/health/ready")[0] == 200, END_SECONDS, "web to be ready")
        if given.standby:
            found = {"term stolen": steal_term(here, given.seconds)}
        else:
            cuts = [(name, cut) for name in given.hosts for cut in given.cuts]
            found = {f"{name} {cut}": cut_off(here, name, cut, given.seconds) for name, cut in cuts}
    return close_scenarios("hosts", found, broken)


if __name__ == "__main__":
    sys.exit(main())
