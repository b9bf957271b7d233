"""The command: lines, files and exit status, with a stand-in for the client."""

import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pixmill import Refused, Unreachable, command
from pixmill.report import Report


class FakeClient:
    """Promises every file but those named `refused.*`; its jobs end in the state of the file's stem."""

    key: str | None = None

    def __init__(self, url: str, *, api_key: str | None) -> None:
        self.url = url
        FakeClient.key = api_key
        self.files: dict[str, Path] = {}

    def __enter__(self) -> "FakeClient":
        return self

    def __exit__(self, *_: object) -> None: ...

    def upload(self, file: Path, *, preset: str | None, recipe: str | None) -> dict[str, Any]:
        if file.stem == "refused":
            raise Refused(415, {"code": "unsupported_type", "detail": "no image"})
        if file.stem == "away":
            raise Unreachable("nobody answers")
        if file.stem == "interrupted":
            raise KeyboardInterrupt
        file.read_bytes()
        job = f"job{len(self.files)}"
        self.files[job] = file
        return {"id": job, "state": "queued", "filename": file.name, "receipt": f"r1.{job}"}

    def audit(self, receipts: list[str]) -> list[str]:
        if "away" in self.url:
            raise Unreachable("nobody answers")
        return [receipt.rpartition(".")[2] for receipt in receipts]

    def wait(self, job: str) -> dict[str, Any]:
        state = self.files[job].stem if job in self.files else job
        state = state if state == "failed" else "done"
        renditions = [{"name": "../thumb", "format": "jpeg", "url": f"{self.url}/{job}"}] if state == "done" else []
        if job in self.files and self.files[job].stem == "two":
            renditions = [{"name": name, "format": "jpeg", "url": f"{self.url}/{name}"} for name in ("a", "b")]
        error = None if state == "done" else {"code": "undecodable", "detail": "cut short"}
        return {"id": job, "state": state, "filename": "x.jpg", "error": error, "renditions": renditions}

    def download(self, url: str, path: Path, *, exclusive: bool) -> None:
        with path.open("x" if exclusive else "w") as file:
            file.write(url)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "Client", FakeClient)
    monkeypatch.delenv("PIXMILL_URL", raising=False)
    for name in ("good.jpg", "failed.jpg", "refused.txt", "deep/good.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def run(*words: object) -> tuple[int, list[str], str]:
    result = CliRunner().invoke(command.main, [str(word) for word in words])
    return result.exit_code, result.stdout.splitlines(), result.stderr


def test_each_promise_is_a_line(folder: Path) -> None:
    status, lines, errors = run("upload", folder / "good.jpg", folder / "failed.jpg")
    assert (status, errors) == (0, "")
    assert [line.split() for line in lines] == [["job0", "queued", "good.jpg"], ["job1", "queued", "failed.jpg"]]


def test_a_key_is_in_a_file_and_on_no_command_line(folder: Path) -> None:
    (folder / "key").write_text("pm_secret\n")
    assert run("wait", "job0", "--key-file", folder / "key")[0] == 0
    assert FakeClient.key == "pm_secret"
    assert run("wait", "job0")[0] == 0
    assert FakeClient.key is None


def test_one_refusal_does_not_stop_the_others(folder: Path) -> None:
    status, lines, errors = run("upload", folder / "refused.txt", folder / "good.jpg")
    assert status == 1
    assert len(lines) == 1
    assert errors == f"{folder / 'refused.txt'}: no image (unsupported_type)\n"


def test_no_fault_of_one_file_stops_the_others(folder: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9\n.jpg"))
    odd.write_bytes(b"x")
    (folder / "away.jpg").write_bytes(b"x")
    files = [folder / "none.jpg", folder / "deep", folder / "away.jpg", odd, folder / "good.jpg"]
    status, lines, errors = run("upload", *files)
    assert status == 1
    assert [line.split() for line in lines] == [
        ["job0", "queued", r"caf\udce9\n.jpg"],
        ["job1", "queued", "good.jpg"],
    ]
    told = errors.splitlines()
    assert [line.startswith(f"{file}: ") for line, file in zip(told, files[:3], strict=True)] == [True] * 3
    assert "No such file" in told[0]
    assert "Is a directory" in told[1]
    assert "nobody answers" in told[2]


def test_what_was_promised_is_told_however_it_ends(folder: Path) -> None:
    (folder / "interrupted.jpg").write_bytes(b"x")
    status, lines, _ = run("upload", folder / "good.jpg", folder / "interrupted.jpg", "--out", folder / "out")
    assert status == 1
    assert [line.split() for line in lines] == [["job0", "queued", "good.jpg"]]


def test_a_receipt_that_cannot_be_kept_hides_no_job(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: object, _receipt: str) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("pixmill.receipts.ReceiptFile.append", full)
    status, lines, errors = run("upload", folder / "good.jpg", folder / "failed.jpg", "--receipts", folder / "kept")
    assert status == 1
    assert [line.split()[0] for line in lines] == ["job0", "job1"]
    assert errors.count("no space left") == 2


def test_out_replaces_nothing_that_is_there(folder: Path) -> None:
    out = folder / "out"
    for number in (1, 2):
        status, _, errors = run("upload", folder / "good.jpg", "--out", out, "--url", f"http://run{number}")
        assert (status, errors) == (0, "")
    (out / "good-3..._thumb.jpg").symlink_to(folder / "missing")
    run("upload", folder / "good.jpg", "--out", out, "--url", "http://run3")
    made = {path.name: path.read_text() for path in out.iterdir() if not path.is_symlink()}
    assert made == {
        "good..._thumb.jpg": "http://run1/job0",
        "good-2..._thumb.jpg": "http://run2/job0",
        "good-4..._thumb.jpg": "http://run3/job0",
    }


def test_a_rendition_that_cannot_be_saved_stops_no_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "two.jpg").write_bytes(b"x")
    download = FakeClient.download

    def gone(client: FakeClient, url: str, path: Path, *, exclusive: bool) -> None:
        if url.endswith("/a"):
            raise Refused(404, {"code": "not_found", "detail": "gone"})
        download(client, url, path, exclusive=exclusive)

    monkeypatch.setattr(FakeClient, "download", gone)
    status, _, errors = run("upload", folder / "two.jpg", "--out", folder / "out")
    assert (status, [path.name for path in (folder / "out").iterdir()]) == (1, ["two.b.jpg"])
    assert errors == f"{folder / 'out' / 'two.a.jpg'}: gone (not_found)\n"


def test_a_long_name_is_cut_and_saved(folder: Path) -> None:
    long = folder / ("\u00e9" * 125 + ".jpg")
    long.write_bytes(b"x")
    assert run("upload", long, "--out", folder / "out")[0] == 0
    (made,) = (folder / "out").iterdir()
    assert made.name.startswith("\u00e9" * 100)


@pytest.mark.parametrize("words", [["--recipe", "odd"], ["--key-file", "odd"], ["--url", "localhost:3000"]])
def test_what_cannot_be_used_at_all_is_one_line(
    folder: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    (folder / "odd").write_bytes(b"\xff\xfe")
    monkeypatch.chdir(folder)
    status, lines, errors = run("upload", "good.jpg", *words)
    assert (status in (1, 2), lines) == (True, [])
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith("Error: ")


def test_out_waits_and_saves_within_the_folder_under_differing_names(folder: Path) -> None:
    out = folder / "made" / "here"
    status, _, errors = run(
        "upload", folder / "good.jpg", folder / "deep" / "good.jpg", "--out", out, "--url", "http://s"
    )
    assert (status, errors) == (0, "")
    made = {str(path.relative_to(out)): path.read_text() for path in out.rglob("*")}
    assert made == {"good..._thumb.jpg": "http://s/job0", "good-2..._thumb.jpg": "http://s/job1"}


def test_a_job_that_did_not_end_well_is_status_1_with_its_reason(folder: Path) -> None:
    status, lines, _ = run("upload", folder / "failed.jpg", "--out", folder / "out")
    assert status == 1
    assert lines == ["job0 failed    x.jpg  undecodable: cut short"]


def test_wait_shows_every_job(folder: Path) -> None:
    status, lines, _ = run("wait", "aaa", "failed")
    assert status == 1
    assert [line.split()[:2] for line in lines] == [["aaa", "done"], ["failed", "failed"]]


def test_preset_and_recipe_exclude_each_other(folder: Path) -> None:
    status, _, errors = run("upload", folder / "good.jpg", "--preset", "web", "--recipe", folder / "good.jpg")
    assert status == 2
    assert "exclude each other" in errors


def test_receipts_are_appended_as_they_come(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = folder / "receipts.txt"
    seen: list[str] = []
    show = Report.show

    def shown(report: Report, job: dict[str, Any]) -> None:
        seen.append(kept.read_text())
        show(report, job)

    monkeypatch.setattr(Report, "show", shown)
    status, _, _ = run("upload", folder / "good.jpg", folder / "refused.txt", folder / "failed.jpg", "--receipts", kept)
    assert status == 1
    assert seen == ["r1.job0\n", "r1.job0\nr1.job1\n"]
    run("upload", folder / "good.jpg", "--receipts", kept)
    assert kept.read_text() == "r1.job0\nr1.job1\nr1.job0\n"


def test_each_receipt_is_synced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, sync = [], os.fsync

    def recorded(descriptor: int) -> None:
        sync(descriptor)
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)

    monkeypatch.setattr(os, "fsync", recorded)
    run("upload", folder / "good.jpg", folder / "good.jpg", "--receipts", folder / "kept")
    assert synced == [folder.name, "kept", "kept"]


def test_a_line_that_was_cut_short_stays_alone(folder: Path) -> None:
    (folder / "kept").write_text("r1.jo")
    run("upload", folder / "good.jpg", "--receipts", folder / "kept")
    assert (folder / "kept").read_text() == "r1.jo\nr1.job0\n"


def test_a_file_that_cannot_be_written_is_told_before_anything_is_uploaded(folder: Path) -> None:
    status, lines, errors = run("upload", folder / "good.jpg", "--receipts", folder / "none" / "kept")
    assert (status, lines) == (1, [])
    assert errors.startswith("Error: receipts cannot be kept: ")


def test_an_audit_counts_and_names_what_is_broken(folder: Path) -> None:
    (folder / "kept").write_bytes(b"a.ended\nb.lost\r\n\nc.ended\nd.\xff.forged\ne.purged")
    status, lines, _ = run("audit", folder / "kept")
    assert status == 1
    counts = {words[0]: words[1] for words in map(str.split, lines[:7])}
    assert counts == {
        "verdict": "receipts", "ended": "2", "unfinished": "0", "purged": "1", "expired": "0", "lost": "1",
        "forged": "1",
    }  # fmt: skip
    assert lines[7:] == ["lost: b.lost", "forged: d.\ufffd.forged"]


def test_an_audit_without_fault_is_status_0(folder: Path) -> None:
    (folder / "kept").write_text("a.ended\nb.unfinished\nc.purged\nd.expired\n")
    assert run("audit", folder / "kept")[0] == 0
    (folder / "kept").write_text("")
    assert run("audit", folder / "kept")[0] == 0


def test_an_audit_that_gets_no_answer_says_so(folder: Path) -> None:
    (folder / "kept").write_text("a.ended\n")
    assert run("audit", folder / "kept", "--url", "http://away")[::2] == (1, "Error: nobody answers\n")
