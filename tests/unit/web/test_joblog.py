"""GET /jobs/{job}/logs: lines of one job, and what is said where there are none."""

import json
from pathlib import Path

import pytest

from tests.support.harnesses.web_harness import Inline, WebHarness, serve


def test_an_operator_reads_the_lines_of_a_job(tmp_path: Path) -> None:
    path = tmp_path / "l"

    async def scenario(harness: WebHarness) -> None:
        harness.web.log_threads = Inline()
        job = await harness.accepted()
        lines = [
            {"at": f"2026-11-30T21:36:0{at}.000Z", "role": "web", "event": "uploaded", "job": each}
            for at, each in enumerate((job, "k", job))
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        answer = await harness.client.get(f"/jobs/{job}/logs")
        assert answer.json() == {"job": job, "lines": [lines[0], lines[2]], "complete": True}
        assert answer.headers["cache-control"] == "no-store"

    serve(scenario, log_path=str(path))


@pytest.mark.parametrize(("is_set", "said"), [(True, "cannot be read"), (False, "PIXMILL_LOG_PATH")])
def test_without_a_file_it_is_not_found(tmp_path: Path, is_set: bool, said: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.web.log_threads = Inline()
        answer = await harness.client.get(f"/jobs/{await harness.accepted()}/logs")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert said in answer.json()["detail"]
        assert str(tmp_path) not in answer.text
        assert (await harness.client.get("/jobs/nobody/logs")).status_code == 404

    serve(scenario, log_path=str(tmp_path / "none") if is_set else "")
