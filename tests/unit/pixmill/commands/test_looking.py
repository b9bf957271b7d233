"""The commands that look: lines for people, objects for programs, and the exit status."""

import json

import pytest

from pixmill.client import Client
from tests.support.harnesses.command import JPEG, Commands


@pytest.fixture
def client(commands: Commands) -> Client:
    return commands.service.client()


def test_jobs_are_listed_by_what_they_are(commands: Commands, client: Client) -> None:
    made = [client.upload(JPEG + bytes([n]), filename=f"{n}.jpg", reference="mine").id for n in range(3)]
    commands.service.fail()
    client.upload(JPEG, filename="bad.jpg")
    done = commands.run("jobs", "--reference", "mine", "--state", "done", "--limit", "2")
    assert (done.status, [line.split()[0] for line in done.lines]) == (0, made[:0:-1])
    failed = commands.run("jobs", "--code", "undecodable", "--json")
    assert [each["filename"] for each in failed.objects] == ["bad.jpg"]
    assert commands.run("jobs", "--state", "asleep").status == 2
    for asked in (["--all"], ["--limit", "501"]):
        assert [each["id"] for each in commands.run("jobs", "--reference", "mine", "--json", *asked).objects] == made[
            ::-1
        ]


def test_a_job_is_shown_with_all_that_is_known(commands: Commands, client: Client) -> None:
    job = client.upload(JPEG, filename="a\n.jpg", reference="mine", wait=1)
    done = commands.run("show", job.id)
    assert done.lines[0] == f"{job.id} done a\\n.jpg"
    assert "  reference: mine" in done.lines
    assert any(line.startswith("  thumb: png 32 x 32") and line.endswith("/renditions/thumb") for line in done.lines)
    assert [line.split()[1] for line in done.lines[-2:]] == ["accepted", "ended"]
    assert commands.run("show", job.id, "--json").objects == [client.job(job.id).raw]


def test_a_job_that_is_not_there_is_refused(commands: Commands) -> None:
    done = commands.run("show", "none")
    assert (done.status, done.lines, done.errors) == (3, [], "there is no job none (not_found)\n")


def test_wait_shows_every_job(commands: Commands, client: Client) -> None:
    good = client.upload(JPEG, filename="a.jpg").id
    commands.service.fail("undecodable", "cut short")
    bad = client.upload(JPEG + b"2", filename="b.jpg").id
    done = commands.run("wait", good, bad, "none")
    assert done.status == 1
    assert done.lines == [f"{good} done      a.jpg", f"{bad} failed    b.jpg  undecodable: cut short"]
    assert done.errors == "none: there is no job none (not_found)\n"


def test_presets_and_numbers(commands: Commands, client: Client) -> None:
    assert "avatar: large (512 x 512), small (96 x 96)" in commands.run("presets").lines
    assert {each["name"] for each in commands.run("presets", "--json").objects} == {"default", "web", "avatar"}
    commands.service.hold()
    client.upload(JPEG)
    assert commands.run("stats").lines[0] == "queue: 1 jobs, a new one waits for 0.0 s"
    assert commands.run("stats", "--json").objects[0]["jobs"]["queued"] == 1


def test_a_plan_is_explained(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    image = commands.image("a.jpg")
    assert commands.run("explain", image, "--json").objects[0]["original"]["format"] == "jpeg"
    assert commands.run("explain", image, "--focus", "0.5,0.3", "--json").status == 0
    for wrong in ("0.5", "0.5,1.1", "a,b", "0.5,nan"):
        assert commands.run("explain", image, "--focus", wrong).status == 2
    done = commands.run("explain", image, "--preset", "none")
    assert (done.status, done.errors.startswith(f"{image}: there is no preset 'none'")) == (3, True)


def test_an_audit_counts_and_names_what_is_broken(commands: Commands, client: Client) -> None:
    receipts = [client.upload(JPEG + bytes([n])).receipt for n in range(2)]
    client.purge(receipts[1].removeprefix("fake."))
    kept = commands.folder / "kept"
    kept.write_bytes("\n".join([*receipts, "", "d.\udcff.x"]).encode("utf-8", "surrogateescape"))
    done = commands.run("audit", kept)
    counts = {words[0]: words[1] for words in map(str.split, done.lines[:7])}
    assert counts == {
        "verdict": "receipts", "ended": "1", "unfinished": "0", "purged": "1", "expired": "0", "lost": "0",
        "forged": "1",
    }  # fmt: skip
    assert (done.status, done.lines[7:]) == (1, ["forged: d.\ufffd.x"])
    assert [each["verdict"] for each in commands.run("audit", kept, "--json").objects] == ["ended", "purged", "forged"]
    kept.write_text("\n".join(receipts))
    assert commands.run("audit", kept).status == 0


def test_an_audit_that_gets_no_answer_says_so(commands: Commands) -> None:
    (commands.folder / "kept").write_text("a.ended\n")
    commands.service.refuse("broker_silent", "nobody hears", times=1000)
    done = commands.run("audit", commands.folder / "kept", "--json")
    assert (done.status, "nobody hears" in done.errors) == (5, True)
    assert json.loads(done.lines[0])["error"]["code"] == "broker_silent"
