"""Health: whether this process answers, and whether uploads are accepted and worked on."""

import asyncio

from starlette.responses import Response

from jobs import ids
from jobs.errors import StoreFault
from web.access.call import Call, read_job
from web.access.parts import Web
from web.broker.reads import BEHIND, READABLE, UNREADABLE
from web.http.json import as_json
from web.views.numbers import able_workers, warnings
from web.views.replies import Live, Readiness

NO_JOB = "0" * ids.ID_CHARACTERS
"""A valid id that no job has. Looking it up shows that the ledger can be read."""


REFUSED_SECONDS = 3.0
"""A refusal counts once no beat came for so long: of several brokers one may refuse us while another serves."""


async def live(_call: Call) -> Response:
    """GET /health/live."""
    return as_json(Live("live"))


async def ready(call: Call) -> Response:
    """GET /health/ready: 200, or 503 with the reasons. With warnings only it is 200: uploads are accepted and kept."""
    web, reasons, beat = call.web, [], call.web.feed.latest_beat
    if web.draining:
        reasons.append("draining")
    if web.feed.silent_seconds() > web.settings.accept_seconds:
        reasons.append("broker unheard")
        beat = None
    if web.feed.refusal and web.feed.silent_seconds() > REFUSED_SECONDS:
        reasons.append(web.feed.refusal)
    ledger, replica = await _ledgers(web)
    if ledger == UNREADABLE:
        reasons.append("ledger unreadable")
    try:
        if web.blobs.free_bytes() < web.settings.disk_free_bytes_min:
            reasons.append("disk nearly full")
        await web.looks.latest()
    except StoreFault as fault:
        reasons.append(fault.detail)
    view = Readiness(
        status="unready" if reasons else "ready",
        reasons=reasons,
        warnings=[*(warnings(beat) if beat else []), *_of_replica(replica)],
        workers=able_workers(beat) if beat else None,
        durability=beat.durability if beat else None,
        ledger=ledger,
        replica=replica,
    )
    return as_json(view, 503 if reasons else 200)


async def _ledgers(web: Web) -> tuple[str, str | None]:
    """The states of the ledger and of its replica (None: there is none), which are asked at the same time."""
    states = await asyncio.gather(_ledger(web), web.reads.replica.state() if web.reads.replica else _none())
    return states[0], states[1]


async def _ledger(web: Web) -> str:
    try:
        await read_job(web, NO_JOB)
    except StoreFault:
        return UNREADABLE
    return READABLE


async def _none() -> None:
    pass


def _of_replica(state: str | None) -> list[str]:
    return [f"replica {state}"] if state in (BEHIND, UNREADABLE) else []
