"""All jobs that match, one a line: read step by step, for as long as the client takes them."""

import asyncio
import contextlib
import json
from typing import Any

import pytest

from jobs.errors import StoreFault
from jobs.limits import EXPORTS_MAX
from jobs.records import Records
from stores.ledger.memory import MemoryLedger
from tests.contracts.rows import job_id
from tests.support.harnesses.web_harness import BASE, WebHarness, reads_of, serve
from tests.unit.web.uploads.test_admission import KEYS
from web.handlers import export
from web.handlers.export import MEDIA_TYPE, STEP_JOBS
from web.http.unsent import ABORT

BY_LINES = {"Accept": MEDIA_TYPE}
JOBS = 2 * STEP_JOBS + 50


def filled(harness: WebHarness, **changed: Any) -> list[str]:
    """So many jobs are in the ledger: their ids, the newest first."""
    template = harness.ledger.rows[1]
    rows = [template._replace(seq=seq, id=job_id(seq), change=seq, **changed) for seq in range(2, JOBS + 1)]
    harness.ledger.commit(Records(jobs=rows))
    return [each.id for each in reversed(rows)] + [template.id]


def lines(answer: Any) -> list[Any]:
    """The objects of an answer by lines."""
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    return [json.loads(line) for line in answer.text.splitlines()]


def test_all_jobs_that_match_are_told_as_in_a_page() -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.accepted()
        ids = filled(harness)
        told = lines(await harness.client.get("/jobs", headers=BY_LINES))
        assert [job["id"] for job in told] == ids
        page = (await harness.client.get("/jobs?limit=10")).json()["jobs"]
        assert told[:10] == page
        some = lines(await harness.client.get(f"/jobs?limit={STEP_JOBS + 1}&after={ids[4]}", headers=BY_LINES))
        assert [job["id"] for job in some] == ids[5 : STEP_JOBS + 6]
        assert lines(await harness.client.get("/jobs?state=dead", headers=BY_LINES)) == []
        assert (await harness.client.head("/jobs", headers=BY_LINES)).text == ""

    serve(scenario)


@pytest.mark.parametrize(
    ("accept", "by_lines"),
    [
        ("application/x-ndjson", True),
        ("application/json;q=0.5, Application/X-NDJSON ; q=1.0", True),
        ("application/x-ndjson;q=0, application/json", False),
        ("application/x-ndjson; q=0.000", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_a_client_asks_for_lines_by_name(accept: str, by_lines: bool) -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = await harness.client.get("/jobs", headers={"Accept": accept})
        assert (answer.headers["Content-Type"] == MEDIA_TYPE) == by_lines

    serve(scenario)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1000000001", "after=?", "after=00000000000000000000000000", "state=x"]
)
def test_what_it_cannot_do_is_an_answer_of_its_own(query: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        refused = await harness.client.get(f"/jobs?{query}", headers=BY_LINES)
        assert (refused.status_code, refused.json()["code"]) in [(400, "bad_parameter"), (404, "not_found")]

    serve(scenario)


class Failing(MemoryLedger):
    """A ledger that cannot be read after so many pages."""

    def __init__(self, good: int) -> None:
        super().__init__()
        self.pages, self._good = 0, good

    def page(self, *asked: Any) -> Any:
        self.pages += 1
        if self.pages > self._good:
            raise StoreFault("the disk is gone")
        return super().page(*asked)


class Sparse(MemoryLedger):
    """A ledger of which so many scans find nothing."""

    def __init__(self, gaps: int) -> None:
        super().__init__()
        self._gaps = gaps

    def page(self, *asked: Any) -> Any:
        self._gaps -= 1
        return ([], 10**9) if self._gaps >= 0 else super().page(*asked)


def test_a_scan_that_finds_nothing_for_long_says_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.accepted()
        texts = []
        for seconds in (0.0, 1000.0):
            monkeypatch.setattr(export, "QUIET_SECONDS", seconds)
            of_ledger(harness, Sparse(gaps=3))
            texts.append((await harness.client.get("/jobs", headers=BY_LINES)).text)
        assert texts[0] == "\n\n\n" + texts[1]
        assert texts[1].startswith("{")

    serve(scenario)


async def stream(harness: WebHarness, leave_after: int) -> tuple[list[Any], bool]:
    """What the application sends to a client who leaves after so many messages, and whether it cut the connection."""
    sent, cut, left = list[Any](), list[bool](), asyncio.Event()
    body = iter([{"type": "http.request", "body": b""}])

    async def receive() -> Any:
        if message := next(body, None):
            return message
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) >= leave_after:
            left.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    scope = {
        "type": "http", "method": "GET", "path": "/jobs", "raw_path": b"/jobs", "query_string": b"",
        "headers": [(b"host", BASE.rpartition("/")[2].encode()), (b"accept", MEDIA_TYPE.encode())], "scheme": "http",
        "http_version": "1.1", "client": ("::1", 1), "server": ("localhost", 3000), "root_path": "",
        "extensions": {ABORT: lambda: cut.append(True)},
    }  # fmt: skip
    await harness.app(scope, receive, send)
    return sent, bool(cut)


def of_ledger(harness: WebHarness, lists: MemoryLedger) -> None:
    """Lists are read from this ledger, which has many jobs."""
    lists.commit(Records(jobs=[harness.ledger.rows[1]._replace(seq=seq, id=job_id(seq)) for seq in range(1, JOBS)]))
    harness.web.reads = reads_of(harness.ledger, lists)


def test_it_ends_when_its_client_has_left() -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.accepted()
        lists = Failing(9)
        of_ledger(harness, lists)
        sent, cut = await stream(harness, leave_after=2)
        assert (lists.pages, len([message for message in sent if message.get("body")]), cut) == (1, 1, False)
        assert harness.web.exports.total == 0

    serve(scenario)


def test_it_is_cut_where_the_ledger_fails_so_that_no_part_seems_to_be_all() -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.accepted()
        of_ledger(harness, Failing(1))
        sent, cut = await stream(harness, leave_after=99)
        assert cut
        assert all(message.get("more_body") for message in sent[1:])
        of_ledger(harness, Failing(0))
        refused = await harness.client.get("/jobs", headers=BY_LINES)
        assert (refused.status_code, refused.json()["code"]) == (503, "store_error")
        assert harness.web.exports.total == 0

    serve(scenario)


def test_exports_at_once_are_bounded_for_each_caller_and_in_all() -> None:
    async def scenario(harness: WebHarness) -> None:
        with contextlib.ExitStack() as held:
            for tenant, limit in (("acme", "exports_at_once_max"), ("bolt", "exports_max")):
                for _ in range(EXPORTS_MAX // 2):
                    held.enter_context(harness.web.exports.one(("keys", tenant), "", EXPORTS_MAX))
                refused = await harness.client.get("/jobs", headers=BY_LINES | {"Authorization": "Bearer w"})
                assert (refused.status_code, refused.json()["limit"]) == (429, limit)
        assert (await harness.client.get("/jobs", headers=BY_LINES | {"Authorization": "Bearer w"})).status_code == 200

    serve(scenario, api_keys=KEYS)
