"""The commands that change something."""

from tests.support.harnesses.command import JPEG, Commands


def test_jobs_are_cancelled_and_requeued(commands: Commands) -> None:
    client = commands.service.client()
    commands.service.hold()
    job = client.upload(JPEG, filename="a.jpg").id
    assert commands.run("cancel", job).lines == [f"{job} cancelled a.jpg"]
    commands.service.release()
    assert commands.run("requeue", job, "--json").objects[0]["state"] == "done"
    done = commands.run("requeue", job, "none")
    assert (done.status, done.lines) == (3, [])
    assert [line.rpartition("(")[2] for line in done.errors.splitlines()] == ["not_requeueable)", "not_found)"]


def test_the_queue_is_paused_and_resumed(commands: Commands) -> None:
    assert commands.run("pause").lines == ["paused: accepted jobs wait"]
    assert commands.run("stats").lines[0].endswith(", paused")
    assert commands.run("resume", "--json").objects == [{"paused": False}]


def test_who_did_what_is_listed(commands: Commands) -> None:
    assert commands.run("actions").lines == []
    commands.run("pause")
    job = commands.service.client().upload(JPEG, reference="a\nb").id
    commands.run("cancel", job)
    commands.service.client().cancel_all(reference="a\nb")
    lines = commands.run("actions").lines
    assert [line.split()[1:] for line in lines] == [
        ["-", "cancel", "0", r"reference=a\nb"],
        ["-", "cancel", "1", f"job={job}"],
        ["-", "pause", "1"],
    ]
    assert len(commands.run("actions", "--limit", "1").lines) == 1
    (newest,) = commands.run("actions", "--limit", "1", "--json").objects
    assert (newest["verb"], newest["filter"], newest["count"]) == ("cancel", {"reference": "a\nb"}, 0)


def test_one_tenant_is_paused_and_resumed(commands: Commands) -> None:
    assert commands.run("pause", "--tenant", "acme").lines == ["acme is paused: accepted jobs wait"]
    assert commands.run("stats").lines[1] == "paused tenants: acme"
    assert commands.run("resume", "--tenant", "acme", "--json").objects == [{"paused": False, "tenant": "acme"}]
    assert commands.run("resume", "--tenant", "acme").lines == ["acme is not paused"]
    assert not any("paused" in line for line in commands.run("stats").lines)
    refused = commands.run("pause", "--tenant", "a b")
    assert refused.status and "64 letters" in refused.errors


def test_deliveries_are_listed_and_replayed(commands: Commands) -> None:
    client = commands.service.client()
    jobs = [client.upload(JPEG, webhook_url="https://app.example/hooks?key=1", key=str(number)).id for number in (1, 2)]
    lines = commands.run("deliveries").lines
    assert [line.split()[:4] for line in lines] == [
        ["d2-0000000", "waiting", "job.done", jobs[1]],
        ["d1-0000000", "waiting", "job.done", jobs[0]],
    ]
    assert "https://app.example/hooks " in lines[0]
    assert len(commands.run("deliveries", "--limit", "1").lines) == 1
    assert commands.run("deliveries", "--job", jobs[0], "--json").objects[0]["id"] == "d1-0000000"
    assert commands.run("deliveries", "--state", "failed").lines == []
    assert commands.run("replay", "d1-0000000", "--json").objects[0]["id"] == "d1-0000000"
    assert commands.run("replay", "--type", "job.done", "--dry-run").lines == ["2 match, 0 are tried again"]
    assert commands.run("replay", "--all").lines == ["2 match, 2 are tried again"]
    assert commands.run("replay", "none").status == 3


def test_a_replay_takes_ids_or_filters(commands: Commands) -> None:
    assert commands.run("replay").status == 2
    assert commands.run("replay", "d1-0000000", "--all").status == 2
