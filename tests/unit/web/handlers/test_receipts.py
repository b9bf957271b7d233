"""POST /receipts/audit, and the receipt in every 202."""

import asyncio
import hashlib
import time
from pathlib import Path

import pytest

from jobs.access import receipts
from jobs.access.keys import Scope, entry_of
from jobs.access.receipts import Receipt, sign, verify
from jobs.limits import AUDIT_BYTES_MAX, AUDIT_RECEIPTS_MAX
from jobs.records import PURGED
from tests.support.harnesses.web_harness import WebHarness, png, serve
from web.handlers.receipts import verdict

SECRET = b"r" * 32
ONE = Receipt("01m87tmt9j05srya2xnm5w4zyp", "ab" * 32, 17, 100.0)


async def audited(harness: WebHarness, *receipts: str) -> list[str]:
    response = await harness.client.post("/receipts/audit", json=list(receipts))
    assert response.status_code == 200, response.text
    verdicts: list[str] = response.json()
    return verdicts


def test_a_202_carries_a_receipt_of_what_was_committed() -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = (await harness.upload(png(), png(9))).json()
        for uploaded, image in zip(answer["jobs"], (png(), png(9)), strict=True):
            row = harness.ledger.job(uploaded["id"])
            assert row
            said = verify([SECRET], uploaded["receipt"], [""])
            assert said == Receipt(row.id, hashlib.sha256(image).hexdigest(), row.seq, round(row.accepted_at, 3))
        reprocessed = await harness.client.post("/jobs", json={"original": answer["jobs"][0]["id"]})
        assert await audited(harness, reprocessed.json()["receipt"]) == ["unfinished"]

    serve(scenario)


def test_a_repeat_under_its_key_gets_the_same_receipt() -> None:
    async def scenario(harness: WebHarness) -> None:
        first, again = [(await harness.upload(headers={"Idempotency-Key": "k"})).json() for _ in range(2)]
        assert first["receipt"] == again["receipt"]

    serve(scenario)


def test_a_row_that_cannot_be_read_is_receipted_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(harness: WebHarness) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(harness.ledger, "jobs", lambda _ids: [])
            harness.answers = False
            posted = asyncio.ensure_future(harness.upload())
            while not harness.sent:
                await asyncio.sleep(0)
            harness.answers = True
            harness.restart_broker()  # the acknowledgement of a repeat does not say when it was accepted
            uploaded = (await posted).json()
        said = verify([SECRET], uploaded["receipt"], [""])
        assert said and (said.job, said.change) == (uploaded["id"], 0)
        assert abs(said.at - time.time()) < 60
        assert await audited(harness, uploaded["receipt"]) == ["unfinished"]

    serve(scenario)


def test_an_audit_answers_each_receipt_in_its_place() -> None:
    async def scenario(harness: WebHarness) -> None:
        uploads = [(await harness.upload(png(width))).json() for width in (1, 2, 3, 4)]
        done, failed, purged, waits = [uploaded["id"] for uploaded in uploads]
        harness.finish(done)
        harness.broker.fail(failed)
        harness.broker.cancel(purged)
        assert (await harness.client.delete(f"/jobs/{purged}?purge=1")).status_code == 204
        receipts = [uploaded["receipt"] for uploaded in uploads]
        lost = sign(SECRET, ONE._replace(at=time.time()), "")
        foreign = sign(b"another server's secret", ONE, "")
        texts = [lost, *receipts, "nonsense", foreign, receipts[0]]
        verdicts = await audited(harness, *texts)
        assert verdicts == ["lost", "ended", "ended", "purged", "unfinished", "forged", "forged", "ended"]
        assert waits in receipts[3]
        assert await audited(harness) == []

    serve(scenario)


def test_an_operator_knows_the_receipts_of_tenants_whose_keys_are_gone() -> None:
    async def scenario(harness: WebHarness) -> None:
        uploaded = (await harness.upload(headers={"Authorization": "Bearer shop-key"})).json()
        harness.web.keys = tuple(key for key in harness.web.keys if key.tenant != "shop")
        harness.client.headers["Authorization"] = "Bearer operator-key"
        assert await audited(harness, uploaded["receipt"]) == ["unfinished"]

    keys = {"shop:write": b"shop-key", "ops:operate": b"operator-key"}
    serve(scenario, api_keys=",".join(f"{who}:{hashlib.sha256(key).hexdigest()}" for who, key in keys.items()))


def test_with_a_retention_an_old_receipt_without_a_row_is_expired() -> None:
    async def scenario(harness: WebHarness) -> None:
        ages = [sign(SECRET, ONE._replace(at=time.time() - days * 86_400), "") for days in (31, 29)]
        assert await audited(harness, *ages) == ["expired", "lost"]

    serve(scenario, retention_days=30.0)


@pytest.mark.parametrize(
    ("fate", "at", "expected"),
    [
        ("done", 9.0, "ended"), ("cancelled", 9.0, "ended"), ("delayed", 9.0, "unfinished"), ("done", 11.0, "ended"),
        (PURGED, 11.0, "purged"), (PURGED, 9.0, "expired"), (None, 9.0, "expired"), (None, 11.0, "lost"),
    ],
)  # fmt: skip
def test_the_verdict_on_a_true_receipt(fate: str | None, at: float, expected: str) -> None:
    fates = {} if fate is None else {ONE.job: fate}
    assert verdict(ONE._replace(at=at), fates, 10.0) == expected


@pytest.mark.parametrize("body", ["{}", '"r1"', "[1]", '[["r1"]]', "[null]", "no json", "", '["\\ud800'])
def test_a_body_that_is_no_list_of_texts(body: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.client.post("/receipts/audit", content=body)
        assert (response.status_code, response.json()["code"]) == (400, "bad_parameter")

    serve(scenario)


def test_too_many_receipts_are_refused_by_the_name_of_the_limit() -> None:
    async def scenario(harness: WebHarness) -> None:
        assert await audited(harness, *["x"] * AUDIT_RECEIPTS_MAX) == ["forged"] * AUDIT_RECEIPTS_MAX
        response = await harness.client.post("/receipts/audit", json=["x"] * (AUDIT_RECEIPTS_MAX + 1))
        found = response.json()
        assert (response.status_code, found["code"], found["limit"]) == (400, "bad_parameter", "audit_receipts_max")
        assert (found["allowed"], found["actual"]) == (AUDIT_RECEIPTS_MAX, AUDIT_RECEIPTS_MAX + 1)
        response = await harness.client.post("/receipts/audit", json=["x" * AUDIT_BYTES_MAX])
        assert (response.status_code, response.json()["limit"]) == (413, "audit_bytes_max")

    serve(scenario)


def test_an_operator_s_audit_tries_one_tenant_for_a_job_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    tenants = 50
    keys = ",".join(entry_of(f"t{number}", Scope.WRITE, f"k{number}") for number in range(tenants))
    keys += f",{entry_of('ops', Scope.OPERATE, 'o')}"

    async def scenario(harness: WebHarness) -> None:
        image, said = png(), []
        for number in range(3):
            headers = {"Authorization": f"Bearer k{number}", "Content-Type": "image/png"}
            said.append((await harness.client.post("/upload", content=image, headers=headers)).json()["receipt"])
        tried: list[str] = []
        real = receipts._signature

        def signature(secret: bytes, tenant: str, text: str) -> str:
            tried.append(tenant)
            return real(secret, tenant, text)

        monkeypatch.setattr(receipts, "_signature", signature)
        headers = {"Authorization": "Bearer o"}
        answer = await harness.client.post("/receipts/audit", json=[*said, said[0][:-1]], headers=headers)
        assert answer.json() == ["unfinished"] * 3 + ["forged"]
        assert tried == ["t0", "t1", "t2", "t0"]
        tried.clear()
        unknown = sign(SECRET, ONE, "t7")
        assert (await harness.client.post("/receipts/audit", json=[unknown], headers=headers)).json() == ["lost"]
        assert len(set(tried)) == tenants + 2

    serve(scenario, api_keys=keys)


@pytest.mark.parametrize("caller", ["shop-key", "operator-key"])
def test_a_receipt_expires_with_the_retention_of_its_tenant(caller: str, tmp_path: Path) -> None:
    file = tmp_path / "tenants.toml"
    file.write_text("[shop]\nretention = 2\n[ops]\nretention = 0\n[lab]\nretention = 1")

    async def scenario(harness: WebHarness) -> None:
        harness.client.headers["Authorization"] = f"Bearer {caller}"
        old, young = (sign(SECRET, ONE._replace(at=time.time() - days * 86_400), "shop") for days in (2.1, 1.9))
        assert await audited(harness, old, young) == ["expired", "lost"]
        others = [sign(SECRET, ONE._replace(at=time.time() - 29 * 86_400), name) for name in ("ops", "lab", "bolt")]
        expected = ["lost", "expired", "lost"] if caller == "operator-key" else ["forged"] * 3
        assert await audited(harness, *others) == expected

    keys = {"shop:write": "shop-key", "ops:operate": "operator-key", "lab:read": "l", "bolt:read": "b"}
    entries = ",".join(f"{who}:{hashlib.sha256(key.encode()).hexdigest()}" for who, key in keys.items())
    serve(scenario, api_keys=entries, tenants=str(file), retention_days=30.0)
