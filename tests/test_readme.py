"""The examples of README.md, as they stand there, on one cluster. Its browser example: tests/browser/test_uploaders.py.

What an example prints must look as the README says: ids, ports and numbers may differ, and `...` stands for anything.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixmill import Client
from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.patience import stretched

pytestmark = pytest.mark.cluster
README = (ROOT / "README.md").read_text()
ID = r"[0-9a-z]{26}"
ANYTHING = "…"


def block(under: str, language: str, number: int = 0) -> str:
    """A block of code after the words `under`."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```", README.partition(under)[2], re.MULTILINE | re.DOTALL)
    return found[number]


def commands(console: str) -> list[tuple[str, str]]:
    """Each command of a console, and what it prints."""
    parts = re.findall(r"^\$ (.*(?:\n> .*)*)\n((?:(?!\$ ).*\n)*)", console, re.MULTILINE)
    return [(re.sub(r"^> ", "", command, flags=re.MULTILINE), printed) for command, printed in parts]


def looks_like(printed: str) -> re.Pattern[str]:
    """What matches all that differs from run to run."""
    printed = printed.replace("http://localhost:3000", "URL").replace("/srv/pixmill/", "FOLDER")
    kinds = {ANYTHING: ".*", "URL": r"http://localhost:\d+", "FOLDER": r"\S*/"}

    def pattern(part: str) -> str:
        if part in kinds:
            return kinds[part]
        return ID if re.fullmatch(ID, part) else r"\d+" if part.isdecimal() else r"\s+" if part.isspace() else ""

    parts = re.split(rf"({ANYTHING}|URL|FOLDER|{ID}|\d+|\s+)", printed.strip())
    return re.compile("".join(pattern(part) or re.escape(part) for part in parts), re.DOTALL)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster without keys, as `make run-all` starts one."""
    made = Cluster(tmp_path_factory.mktemp("readme"), workers=2)
    try:
        yield made.start()
    finally:
        made.stop()


def run(cluster: Cluster, folder: Path, command: str) -> str:
    """What a command of the README prints in a folder that has the test data and the programs."""
    for name, place in (("test-data", ROOT / "test-data"), (".venv/bin", Path(sys.executable).parent)):
        (folder / name).parent.mkdir(exist_ok=True)
        if not (folder / name).exists():
            (folder / name).symlink_to(place)
    environ = cluster.environ | {"PIXMILL_URL": cluster.url, "NO_COLOR": "1"}
    typed = command.replace("localhost:3000", cluster.url.removeprefix("http://"))
    done = subprocess.run(
        ["bash", "-c", typed], cwd=folder, env=environ, capture_output=True, text=True, timeout=stretched(60)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl_uploads_and_waits(cluster: Cluster, tmp_path: Path) -> None:
    (upload, promised), (ask, shown) = commands(block("**With curl**", "console"))
    answer = run(cluster, tmp_path, f"{upload} --silent")
    assert looks_like(promised).fullmatch(answer.strip())
    (job,) = re.findall(rf'^{{"id":"({ID})"', answer)
    assert looks_like(shown).fullmatch(run(cluster, tmp_path, re.sub(ID, job, ask)).strip())


def test_the_command_saves_what_it_uploads(cluster: Cluster, tmp_path: Path) -> None:
    ((upload, printed),) = commands(block("**With the command**", "console"))
    assert looks_like(printed).fullmatch(run(cluster, tmp_path, upload).strip())
    assert {path.name for path in (tmp_path / "thumbs").iterdir()} == {"rotated.large.jpg", "rotated.small.jpg"}


def test_python_uploads_and_waits(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        block("**From Python**", "python").replace("http://localhost:3000", cluster.url)
    )
    printed = run(cluster, tmp_path, f"{sys.executable} program.py")
    assert printed.startswith(f"done None ['{cluster.url}/jobs/")


def test_a_killed_worker_loses_no_job(cluster: Cluster, tmp_path: Path) -> None:
    (upload, codes), _status, (kill, _), (_, stats) = commands(block("## Kill a worker", "console")) + commands(
        block("## Kill a worker", "console", 1)
    )
    few = upload.replace("seq 60 79", "seq 60 65")
    assert set(run(cluster, tmp_path, few).split()) == set(codes.split()) == {"202"}
    with Client(cluster.url) as client:
        held = wait_until(lambda: [each for each in client.stats().workers if each.jobs], 20, "a busy worker")
        run(cluster, tmp_path, re.sub(r"\d+$", held[0].name.rpartition("-")[2], kill))
        jobs = [client.wait(job) for job in client.jobs() if job.filename == "12mp.jpg"]
        assert [job.state for job in jobs] == ["done"] * 6
        assert any(entry.event == "lost" for job in jobs for entry in job.timeline)
        wait_until(lambda: not client.stats().queue.depth, 10, "a beat of the broker after the last job")
        assert looks_like(stats).fullmatch(run(cluster, tmp_path, "curl -s localhost:3000/stats"))
