"""`pixmill upload`: what is sent, what is told, what is saved, and that nothing is sent twice."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pixmill.client import AsyncClient
from tests.support.harnesses.command import Commands


def told(lines: list[str]) -> list[tuple[str, str]]:
    """(state, file name) of each job's line, sorted."""
    return sorted((words[1], words[2]) for line in lines if not line.startswith(" ") for words in [line.split()])


def test_each_promise_is_a_line(commands: Commands) -> None:
    commands.service.hold()
    done = commands.run("upload", commands.image("a.jpg"), commands.image("b.jpg"))
    assert (done.status, done.errors) == (0, "2 files, 2 sent by this run\n")
    assert told(done.lines) == [("queued", "a.jpg"), ("queued", "b.jpg")]


def test_what_is_asked_is_sent(commands: Commands) -> None:
    (commands.folder / "r.json").write_text('{"renditions": [{"name": "x"}]}')
    words = ["--recipe", commands.folder / "r.json", "--reference", "user 17", "--priority", "low"]
    commands.run("upload", commands.image("a.jpg"), *words, "--metadata", '{"a": [1]}')
    with commands.service.client() as client:
        (listed,) = client.jobs()
        job = client.job(listed.id)
    assert (job.reference, job.priority, job.metadata) == ("user 17", "low", {"a": [1]})
    assert [each["name"] for each in (job.recipe or {})["renditions"]] == ["x"]


def test_a_receiver_is_named_and_told_of_what_is_chosen(commands: Commands) -> None:
    words = ["--webhook-url", "https://app.example/hooks", "--webhook-events", "job.rendition"]
    commands.run("upload", commands.image("a.jpg"), "--wait", *words)
    with commands.service.client() as client:
        (listed,) = client.jobs()
        deliveries = client.job(listed.id).deliveries
    assert {each.url for each in deliveries} == {"https://app.example/hooks"}
    assert {each.type for each in deliveries} == {"job.rendition", "job.done"}


def test_a_folder_stands_for_the_pictures_below_it(commands: Commands) -> None:
    for name in ("in/a.jpg", "in/deep/b.PNG", "in/notes.txt", "in/.hidden.jpg", "in/.git/c.jpg", "in/out/d.jpg"):
        commands.image(name)
    done = commands.run("upload", commands.folder / "in", "--out", commands.folder / "in/out")
    assert (done.status, told(done.lines)) == (0, [("done", "a.jpg"), ("done", "b.PNG")])
    assert "1 other file in these folders is no picture" in done.errors
    saved = sorted(
        str(path.relative_to(commands.folder / "in/out")) for path in (commands.folder / "in/out").rglob("*.png")
    )
    assert saved == ["a.large.png", "a.thumb.png", "deep/b.large.png", "deep/b.thumb.png"]


def test_each_saved_path_is_told(commands: Commands) -> None:
    done = commands.run("upload", commands.image("a.jpg"), "--out", commands.folder / "out")
    assert done.lines[1:] == [f"  {commands.folder}/out/a.large.png", f"  {commands.folder}/out/a.thumb.png"]


def test_standard_input_is_a_file(commands: Commands) -> None:
    done = commands.run("upload", "-", "--filename", "x.jpg", "--wait", data=b"\xff\xd8\xff piped")
    assert (done.status, told(done.lines)) == (0, [("done", "x.jpg")])
    assert told(commands.run("upload", "-", "--wait", data=b"\xff\xd8\xff other").lines) == [("done", "stdin")]


def test_a_second_upload_sends_nothing_twice(commands: Commands) -> None:
    for number in range(5):
        commands.image(f"in/{number}.jpg")
    out = commands.folder / "out"
    first = commands.run("upload", commands.folder / "in", "--out", out)
    files = sorted(out.rglob("*"))
    second = commands.run("upload", commands.folder / "in", "--out", out)
    assert (commands.uploads, len(commands.service.jobs)) == (5, 5)
    assert sorted(out.rglob("*")) == files
    assert second.errors == "5 files, 0 sent by this run\n"
    assert sorted(second.lines) == sorted(
        line if line.startswith(" ") else f"{line}  (uploaded before)" for line in first.lines
    )


def test_a_file_that_changed_is_sent_again_and_one_that_moved_is_not(commands: Commands) -> None:
    commands.run("upload", commands.image("in/a.jpg"), commands.image("in/b.jpg"))
    commands.image("in/a.jpg", b"new")
    (commands.folder / "in").rename(commands.folder / "moved")
    commands.run("upload", commands.folder / "moved")
    assert commands.uploads == 3
    commands.run("upload", commands.folder / "moved", "--preset", "web")
    assert commands.uploads == 5


def test_what_was_purged_is_sent_again(commands: Commands) -> None:
    image = commands.image("a.jpg")
    commands.run("upload", image)
    with commands.service.client() as client:
        client.purge_all(everything=True)
    assert told(commands.run("upload", image, "--wait").lines) == [("done", "a.jpg")]
    (commands.folder / ".state/pixmill/uploads.sqlite3").unlink()
    assert told(commands.run("upload", image, "--wait").lines) == [("done", "a.jpg")]
    assert len(commands.service.jobs) == 2, "without its state it makes a second job of a file that was purged before"


def test_renditions_that_were_removed_are_saved_again(commands: Commands) -> None:
    image, out = commands.image("a.jpg"), commands.folder / "out"
    commands.run("upload", image, "--out", out)
    for path in out.iterdir():
        path.unlink()
    commands.run("upload", image, "--out", out)
    assert sorted(path.name for path in out.iterdir()) == ["a.large.png", "a.thumb.png"]
    commands.run("upload", image, "--out", commands.folder / "second")
    assert len(list((commands.folder / "second").iterdir())) == 2
    assert commands.uploads == 1


def test_out_replaces_nothing_that_is_there(commands: Commands) -> None:
    out = commands.folder / "out"
    out.mkdir()
    (out / "a.thumb.png").write_text("mine")
    (out / "a-2.large.png").symlink_to(commands.folder / "missing")
    commands.run("upload", commands.image("a.jpg"), "--out", out)
    assert (out / "a.thumb.png").read_text() == "mine"
    assert {path.name for path in out.iterdir()} == {"a.thumb.png", "a-2.large.png", "a-3.large.png", "a-3.thumb.png"}


def test_a_job_that_did_not_end_well_is_status_1_with_its_reason(commands: Commands) -> None:
    commands.service.fail("undecodable", "cut\nshort")
    done = commands.run("upload", commands.image("a.jpg"), "--wait")
    assert done.status == 1
    assert done.lines[0].endswith(r"failed    a.jpg  undecodable: cut\nshort")


def test_no_fault_of_one_file_stops_the_others(commands: Commands) -> None:
    odd = commands.image(os.fsdecode(b"caf\xe9\n.jpg"))
    os.mkfifo(commands.folder / "pipe")
    (commands.folder / "text.txt").write_text("no image")
    files = [commands.folder / name for name in ("none.jpg", "text.txt", "pipe")]
    done = commands.run("upload", *files, odd, commands.image("good.jpg"))
    assert (done.status, told(done.lines)) == (1, [("done", "caf\ufffd\\n.jpg"), ("done", "good.jpg")])
    faults = sorted(line for line in done.errors.splitlines() if ": " in line)
    assert [line.partition(": ")[0] for line in faults] == sorted(map(str, files))
    assert "this is text" in done.errors and "no regular file" in done.errors and "No such file" in done.errors


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [("unsupported_type", 3, "told to refuse"), ("key_missing", 4, "set PIXMILL_API_KEY, or --key-file FILE")],
)
def test_a_refusal_has_a_status(commands: Commands, code: str, status: int, said: str) -> None:
    commands.service.refuse(code)
    done = commands.run("upload", commands.image("a.jpg"))
    assert (done.status, done.lines) == (status, [])
    assert said in done.errors


def test_without_a_server_no_further_file_is_tried(commands: Commands) -> None:
    commands.service.refuse("broker_silent", "nobody hears", times=10_000)
    files = [commands.image(f"{number}.jpg") for number in range(20)]
    done = commands.run("upload", *files)
    assert (done.status, done.lines) == (5, [])
    assert done.errors.count("not there yet, trying for 60 s") == 1
    assert "20 files, 0 sent by this run" in done.errors
    commands.service.accept()
    assert len(commands.run("upload", *files).lines) == 20


@pytest.fixture
def listening() -> Iterator[None]:
    """SIGINT is heard, also where a shell started these tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
def test_ctrl_c_tells_what_was_promised_and_the_next_run_goes_on(commands: Commands) -> None:
    files = [commands.image(f"{number}.jpg") for number in range(6)]
    answer = commands.service.answer

    def interrupted(request: httpx2.Request) -> httpx2.Response:
        if commands.uploads == 3 and request.url.path == "/upload":
            signal.raise_signal(signal.SIGINT)  # asyncio cancels the run, while this upload is under way
        return answer(request)

    commands.service.hold()
    commands.service.answer = interrupted  # type: ignore[method-assign]
    done = commands.run("upload", *files, "--out", commands.folder / "out")
    assert done.status == 130
    assert {state for state, _ in told(done.lines)} == {"queued"}
    assert "interrupted: the same command goes on from here" in done.errors
    commands.service.answer = answer  # type: ignore[method-assign]
    commands.service.release()
    again = commands.run("upload", *files, "--out", commands.folder / "out")
    assert (again.status, len(told(again.lines)), len(commands.service.jobs)) == (0, 6, 6)
    assert not any("before" in line for line in again.lines)


def test_json_is_an_object_a_line(commands: Commands) -> None:
    commands.service.fail("undecodable", "cut short")
    (commands.folder / "t.txt").write_text("no image")
    image = commands.image("a.jpg")
    done = commands.run("upload", image, commands.folder / "t.txt", "--wait", "--json")
    by_file = {each.get("file", each.get("of")): each for each in done.objects}
    assert by_file[str(image)]["state"] == "failed"
    assert by_file[str(image)]["error"] == {"code": "undecodable", "detail": "cut short"}
    assert by_file[str(commands.folder / "t.txt")]["error"]["code"] == "unsupported_type"
    saved = commands.run("--json", "upload", commands.image("b.jpg"), "--out", commands.folder / "out").objects
    assert [Path(path).name for path in saved[0]["saved"]] == ["b.large.png", "b.thumb.png"]
    assert (saved[0]["before"], saved[0]["attempts"]) == (False, 1)


def test_a_rendition_that_cannot_be_saved_stops_no_other(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    download = AsyncClient.download

    async def gone(client: AsyncClient, url: Any, path: Path, *, exclusive: bool = False) -> None:
        await download(client, url.replace("large", "none"), path, exclusive=exclusive)

    monkeypatch.setattr(AsyncClient, "download", gone)
    done = commands.run("upload", commands.image("a.jpg"), "--out", commands.folder / "out")
    assert (done.status, [path.name for path in (commands.folder / "out").iterdir()]) == (1, ["a.thumb.png"])
    assert f"{commands.folder}/out/a.large.png: there is no rendition none (not_found)\n" in done.errors


def test_a_long_name_is_cut_and_saved(commands: Commands) -> None:
    done = commands.run("upload", commands.image("\u00e9" * 125 + ".jpg"), "--out", commands.folder / "out")
    assert done.status == 0
    assert {path.name[:100] for path in (commands.folder / "out").iterdir()} == {"\u00e9" * 100}


@pytest.mark.parametrize(
    "words", [["--recipe", "odd"], ["--key-file", "odd"], ["--metadata", "{"], ["--preset", "a", "--recipe", "r"]]
)
def test_what_cannot_be_used_at_all_is_one_line(
    commands: Commands, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (commands.folder / "odd").write_bytes(b"\xff\xfe")
    (commands.folder / "r").write_text("{}")
    monkeypatch.chdir(commands.folder)
    done = commands.run("upload", commands.image("a.jpg"), *words)
    assert (done.status in (1, 2), done.lines, commands.uploads) == (True, [], 0)
    assert "Traceback" not in done.errors
    assert done.errors.splitlines()[-1].startswith("Error: ")


def test_receipts_are_kept_before_a_job_is_told(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = commands.folder / "receipts.txt"
    seen: list[int] = []
    synced, sync = [], os.fsync

    def recorded(descriptor: int) -> None:
        sync(descriptor)
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)

    monkeypatch.setattr(os, "fsync", recorded)
    monkeypatch.setattr(
        "pixmill.commands.report.Report.job", lambda *_, **__: seen.append(len(kept.read_text().split()))
    )
    commands.run("upload", commands.image("a.jpg"), commands.image("b.jpg"), "--receipts", kept)
    assert [count >= place for place, count in enumerate(seen, 1)] == [True, True]
    assert synced == [commands.folder.name, kept.name, kept.name]
    assert sorted(kept.read_text().split()) == [f"fake.{job}" for job in commands.service.jobs]


def test_a_receipt_that_cannot_be_kept_hides_no_job(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: object, _receipt: str) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("pixmill.commands.receipts.ReceiptFile.append", full)
    done = commands.run("upload", commands.image("a.jpg"), commands.image("b.jpg"), "--receipts", commands.folder / "k")
    assert (done.status, len(done.lines), done.errors.count("no space left")) == (1, 2, 2)


def test_a_line_of_receipts_that_was_cut_short_stays_alone(commands: Commands) -> None:
    (commands.folder / "kept").write_text("r1.jo")
    commands.run("upload", commands.image("a.jpg"), "--receipts", commands.folder / "kept")
    assert (commands.folder / "kept").read_text() == f"r1.jo\nfake.{commands.service.jobs[0]}\n"


def test_a_file_that_cannot_be_written_is_told_before_anything_is_uploaded(commands: Commands) -> None:
    done = commands.run("upload", commands.image("a.jpg"), "--receipts", commands.folder / "none" / "kept")
    assert (done.status, done.lines, commands.uploads) == (1, [], 0)
    assert "No such file" in done.errors


def test_without_a_place_for_its_memory_it_says_so_and_uploads(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(commands.image("file")))
    done = commands.run("upload", commands.image("a.jpg"))
    assert (done.status, told(done.lines)) == (0, [("done", "a.jpg")])
    assert "uploads are not remembered" in done.errors and "set XDG_STATE_HOME" in done.errors
    commands.run("upload", commands.image("a.jpg"))
    assert (commands.uploads, len(commands.service.jobs)) == (2, 1), "the server knows the key"


def test_two_files_with_one_content_and_name_share_a_job_and_are_both_told(commands: Commands) -> None:
    files = [commands.image(f"in/{folder}/a.jpg", b"same") for folder in "xy"]
    for _ in range(2):
        done = commands.run("upload", commands.folder / "in", "--out", commands.folder / "out", "--json")
        assert sorted(each["file"] for each in done.objects) == sorted(map(str, files))
        assert len({path for each in done.objects for path in each["saved"]}) == 4
        assert len(list((commands.folder / "out").rglob("*.png"))) == 4
    assert len(commands.service.jobs) == 1
