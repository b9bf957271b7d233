"""The walk of an upload: which files of web/ a POST /upload enters, and how often it comes back to one.

`python -m tests.support.house.walk [--each]` sends uploads through the real application in one process, and counts by
sys.setprofile: a call into another file enters a room, and a room that was entered before is a return. What goes on
after an await enters nothing anew, and a function that is called for each piece of the body counts at its first call.
"""

import asyncio
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from jobs.access.grants import UploadGrant, sign
from jobs.access.keys import Scope, entry_of
from tests.support.harnesses.web_harness import WebHarness, png, serve

ROOT = Path(__file__).resolve().parents[3]
TOOLS: tuple[str, ...] = (
    "web/http/body",
    "web/http/headers",
    "web/http/json",
    "web/http/multipart",
    "web/http/problems",
)
TOOLS += ("web/streams/", "web/views/", "web/broker/changes", "web/broker/waiting")
TOOLS += ("web/access/call", "web/access/caller", "web/access/guard", "web/access/parts")
"""Files that decide nothing about this upload: they read bytes, write JSON, or are used by every request."""
FORM_HEADERS = {"Content-Type": "multipart/form-data; boundary=walk"}
FORM = (
    b'--walk\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    + png()
    + b"\r\n--walk--\r\n"
)
"""The body in one piece, as a connection passes on a segment. A client library would cut it into other pieces."""
Step = tuple[str, str]


async def walked(harness: WebHarness, grant: bool, form: bool) -> list[Step]:
    """(file, function) of each first call into web/ by one upload."""
    steps: dict[Step, None] = {}
    kept: dict[int, FrameType] = {}  # a frame that goes on is called anew; kept, for its id would be another's
    task = asyncio.current_task()

    def seen(frame: FrameType, event: str, _arg: Any) -> None:
        path = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
        if event == "call" and path.startswith("web/") and frame.f_code.co_name[0] != "<" and id(frame) not in kept:
            kept[id(frame)] = frame
            if asyncio.current_task() is task:
                steps[path, frame.f_code.co_name] = None

    headers = {"Idempotency-Key": "walk"} | (_grant(harness) if grant else {})
    sys.setprofile(seen)
    try:
        if form:
            answer = await harness.client.post("/upload", content=FORM, headers=headers | FORM_HEADERS)
        else:
            answer = await harness.client.post(
                "/upload", content=png(), headers={**headers, "Content-Type": "image/png"}
            )
    finally:
        sys.setprofile(None)
    assert answer.status_code == 202, answer.text
    return list(steps)


def _grant(harness: WebHarness) -> dict[str, str]:
    grant = UploadGrant("u" * 16, "acme", "default", 100_000, 5, int(time.time()) + 60)
    return {"Authorization": f"Bearer {sign(harness.web.grant_secrets[0], grant)}"}


def counted(steps: list[Step], without: tuple[str, ...] = ()) -> tuple[list[Step], int]:
    """The steps at which a room is entered from another, and how many of them are returns."""
    entered: list[Step] = []
    for step in steps:
        if not step[0].startswith(without or ("-",)) and (not entered or entered[-1][0] != step[0]):
            entered.append(step)
    return entered, len(entered) - len({room for room, _ in entered})


def main(each: bool) -> None:
    """Print both counts of four uploads, and with `each` the walk of the first."""
    for grant, form in ((True, True), (True, False), (False, True), (False, False)):
        steps: list[Step] = []

        async def one(harness: WebHarness, grant: bool = grant, form: bool = form, steps: list[Step] = steps) -> None:
            steps += await walked(harness, grant, form)

        serve(one, **({"api_keys": entry_of("acme", Scope.WRITE, "secret")} if grant else {}))
        name = f"{'form' if form else 'raw body'}, key{' and grant' if grant else ''}"
        for kind, without in (("that decide", TOOLS), ("of all kinds", ())):
            entered, returns = counted(steps, without)
            print(f"{name}: {len({room for room, _ in entered})} rooms {kind}, {returns} returns")
        if each and grant and form:
            print(*(f"    {room}: {function}" for room, function in counted(steps)[0]), sep="\n")


if __name__ == "__main__":
    main("--each" in sys.argv)
