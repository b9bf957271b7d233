"""The wheel serves: it carries the roles below `pixmill/`, and meets no module of the folder that it is started in.

A `web` or `jobs` in site-packages would replace other people's modules, and theirs must not replace ours.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from pixmill import targets
from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.house.tidy import ROLES
from tests.support.patience import stretched

pytestmark = pytest.mark.cluster
SAMPLE = (ROOT / "test-data" / "sample.jpg").read_bytes()
OURS = ("jobs", "host", "stores", *ROLES)
INSTALLED = Path(sysconfig.get_path("purelib"))
"""Where the packages of this Python are: nothing is downloaded."""


def tree() -> list[str]:
    """The files of the tree that may become a part of the wheel."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    left_out = ("tests/", "test-data/", "bench/", "torture/", "docs/")
    return [name for name in names if (ROOT / name).is_file() and not name.startswith(left_out)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools leaves a folder `build` in what it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in tree():
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "source" / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [*command, "--wheel-dir", folder, folder / "source"], check=True, capture_output=True, timeout=stretched(120)
    )
    (built,) = folder.glob("pixmill-*.whl")
    return built


def environment(folder: Path, wheel: Path, packages: Path) -> Path:
    """A fresh virtual environment in `folder` that has the wheel and the `packages`; its folder of programs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=stretched(60))
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "packages.pth").write_text(f"{packages}\n")
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    options = ["--no-index", "--no-deps", "--no-compile"]
    subprocess.run([*command, *options, wheel], check=True, capture_output=True, timeout=stretched(60))
    return folder / "bin"


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the extra `roles`."""
    return environment(tmp_path_factory.mktemp("with-roles") / "env", wheel, INSTALLED)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The folder of somebody who has a `web`, a `jobs` and a `worker.py` of their own."""
    for name in ("web/__init__.py", "jobs/__init__.py", "host/__init__.py", "worker.py", "msgspec.py"):
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_text(f"print('their own {name}')\n")
    return tmp_path / "site"


def bare_environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PIXMILL_", "PYTHON"))}


def run(folder: Path, *command: object, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder` to its end."""
    environ = bare_environ() | {f"PIXMILL_{name.upper()}": str(value) for name, value in settings.items()}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True, timeout=stretched(60))


class Installed(Cluster):
    """The cluster of an installed wheel, started by `pixmill serve` in `folder`."""

    def __init__(self, folder: Path, programs: Path) -> None:
        super().__init__(folder, package_folder=folder)
        self.programs = programs
        for name in ("PYTHONPATH", "PIXMILL_DATA"):
            del self.environ[name]

    def command_line(self, *arguments: str) -> list[str]:
        roles = [] if arguments == ("supervisor",) else ["--role", *arguments]
        return [str(self.programs / "pixmill"), "serve", *roles]


def test_the_wheel_has_every_file_of_the_roles_and_no_top_level_name_but_pixmill(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0].split("-")[0] for name in held} == {"pixmill"}
    roles = {name for name in tree() if name.split("/")[0] in (*OURS, "recipes.toml")}
    client = {name for name in tree() if name.startswith("pixmill/")}
    assert {name for name in held if ".dist-info/" not in name} == {f"pixmill/_roles/{name}" for name in roles} | client


def test_an_upload_is_done_in_a_folder_that_has_modules_of_the_same_names(site: Path, programs: Path) -> None:
    cluster = Installed(site, programs)
    try:
        cluster.start()
        lines = cluster.log().strip().splitlines()[-3:]
        job = cluster.ended(cluster.upload(SAMPLE)["id"])
        assert cluster.supervisor is not None
        second = run(site, programs / "pixmill", "serve", run=cluster.run)
        stop = second.stderr.partition(" runs already on uploads: python -m ")[2].partition(",")[0].split()
        killable = targets.processes(targets.supervisor_of(cluster.url))
        command_lines = [Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in cluster.everything()]
        cluster.supervisor.send_signal(signal.SIGINT)
        assert cluster.supervisor.wait(15) == 0
        assert cluster.everything() == []
    finally:
        cluster.stop()
    assert stop == ["pixmill.server", "supervisor", "stop"]
    assert (job["state"], len(job["renditions"])) == ("done", 2)
    assert lines == [
        f"pixmill runs: {cluster.url}/",
        f"  data: {site}/uploads",
        f"  curl -F image=@photo.jpg {cluster.url}/upload",
    ]
    assert "their own" not in cluster.log()
    assert {what: bool(pids) for what, pids in killable.items()} == dict.fromkeys(killable, True)
    assert {tuple(words[:2]) for words in command_lines} == {(os.fsencode(programs / "python"), b"-P")}
    assert {words[2].rpartition(b"/site-packages/")[2] for words in command_lines} == {b"pixmill/server/__main__.py"}


def test_their_modules_are_theirs_beside_an_installed_pixmill(site: Path, programs: Path, tmp_path: Path) -> None:
    program = "import pixmill, web, jobs, worker"
    assert run(site, programs / "python", "-c", program).stdout.count("their own") == 3
    assert "No module named 'web'" in run(tmp_path, programs / "python", "-c", program).stderr


def typed(program: Path, programs: Path, folder: Path) -> tuple[str, str]:
    """What mypy says of a program that imports the wheel, and what it read."""
    options = ["--strict", "--verbose", "--cache-dir", folder / "cache", "--python-executable", programs / "python"]
    done = run(folder, sys.executable, "-m", "mypy", *options, program)
    return done.stdout.strip(), done.stderr


def test_a_program_that_uses_every_method_of_the_installed_client_is_strictly_typed(
    programs: Path, tmp_path: Path
) -> None:
    text = (ROOT / "tests" / "unit" / "pixmill" / "client" / "every_method.py").read_text()
    (tmp_path / "program.py").write_text(text)
    said, read = typed(tmp_path / "program.py", programs, tmp_path)
    assert said == "Success: no issues found in 1 source file"
    assert re.search(rf"Parsing {re.escape(str(programs.parent))}/lib/\S+/pixmill/client/blocking\.py ", read)
    assert str(ROOT / "pixmill") not in read
    wrong = text.replace("client.job(job.id, wait=1)", "client.job(17, wait=1)", 1)
    (tmp_path / "program.py").write_text(wrong)
    said, _ = typed(tmp_path / "program.py", programs, tmp_path)
    assert "has incompatible type" in said and said.endswith("Found 1 error in 1 file (checked 1 source file)")


def test_roles_are_started_one_by_one(site: Path, programs: Path) -> None:
    cluster = Installed(site, programs)
    try:
        port = cluster.take_port()
        for role in ("broker", "web", "worker"):
            cluster.start_role(role, port=port)
        assert cluster.ended(cluster.upload(SAMPLE)["id"])["state"] == "done"
        for process in reversed(cluster.by_hand):
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
    finally:
        cluster.stop()
    assert "their own" not in cluster.log()


def test_a_program_beside_the_checkout_finds_the_client_and_not_the_folder(wheel: Path, tmp_path: Path) -> None:
    """A checkout is a folder `pixmill`, too. Python must not take that for the package of the editable install."""
    programs = environment(tmp_path / "env", wheel, INSTALLED)
    shutil.copytree(wheel.parent / "source", tmp_path / "pixmill")
    (line,) = re.findall(
        r"^\t@\$\(PY\) (-m pip install .*--editable \.)$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    done = run(tmp_path / "pixmill", programs / "python", *line.split(), "--no-index")
    assert done.returncode == 0, done.stderr
    (tmp_path / "program.py").write_text("import pixmill\nprint(pixmill.Client.__module__, pixmill.__file__)\n")
    found = run(tmp_path, programs / "python", tmp_path / "program.py")
    assert found.stdout.split() == ["pixmill.client.blocking", str(tmp_path / "pixmill" / "pixmill" / "__init__.py")]


def test_other_programs_of_the_roles_run_by_the_launcher(site: Path, programs: Path) -> None:
    made = run(site, programs / "python", "-m", "pixmill.server", "web", "key", "acme", "write")
    assert re.search(r"^pm_\S+\nPIXMILL_API_KEYS=acme:write:[0-9a-f]{64}$", made.stdout, re.MULTILINE)
    assert "python -m pixmill.server web key makes them" in run(site, programs / "pixmill", "serve", host="::").stderr
    unknown = run(site, programs / "python", "-m", "pixmill.server")
    assert (unknown.returncode, unknown.stderr.split(":")[0]) == (2, "usage")


def test_without_the_extra_the_client_works_and_serve_says_what_to_type(
    wheel: Path, site: Path, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    for name in _of_the_client():
        for top in {path.parts[0] for path in metadata.files(name) or () if path.parts[0] != ".."}:
            (packages / top).symlink_to(INSTALLED / top)
    programs = environment(tmp_path / "env", wheel, packages)
    refused = run(site, programs / "pixmill", "serve")
    assert refused.returncode == 2
    assert refused.stderr.endswith(f": {programs}/python -m pip install 'pixmill[roles]'\n")
    assert refused.stderr.count("\n") == 1
    assert not (site / "uploads").exists()
    helped = run(tmp_path, programs / "pixmill", "upload", "--help")
    assert (helped.returncode, helped.stderr) == (0, "")


def _of_the_client() -> set[str]:
    """The packages that the client needs, without any extra; of those that only some machines need, the installed."""
    here = {str(each.name).lower().replace("_", "-") for each in metadata.distributions()}
    found: set[str] = set()
    waiting = ["pixmill"]
    while waiting:
        for line in metadata.requires(waiting.pop()) or ():
            name = re.split(r"[^\w.-]", line)[0].lower().replace("_", "-")
            if "extra ==" not in line and name in here - found:
                found.add(name)
                waiting.append(name)
    return found


IMPORTED = """
import sys
path = list(sys.path)
import pixmill.names, pixmill.words
assert sys.path == path, sys.path
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_client_touches_no_path_and_imports_no_role(programs: Path, tmp_path: Path) -> None:
    done = run(tmp_path, programs / "python", "-c", IMPORTED)
    assert done.stderr == ""
    assert {"zmq", "msgspec", "starlette", "PIL", *OURS} & set(done.stdout.split()) == set()


@pytest.mark.parametrize(("folder", "named"), [("env", "the Python environment"), ("cache", "the cache")])
def test_data_that_would_not_last_refuses_the_start(
    programs: Path, site: Path, tmp_path: Path, folder: str, named: str
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
    kept = {"env": programs.parent, "cache": tmp_path / "cache"}[folder]
    refused = run(site, programs / "pixmill", "serve", data=kept / "uploads", run=tmp_path / "run", port=0)
    assert refused.returncode == 2
    assert refused.stderr == (
        f"supervisor: the data folder {kept}/uploads is within {named} {kept}, and is lost when that is removed: "
        "set PIXMILL_DATA to a folder that lasts\n"
    )
    assert not (kept / "uploads").exists()


BESIDE = """
import jobs, sys
import pixmill
from pixmill.testing import FakePixmill
assert jobs.mine and sys.modules["jobs"] is jobs and "jobs.errors" not in sys.modules and "host" not in sys.modules
client = FakePixmill().client()
for data, fields in ((b"a text", {}), (b"\\xff\\xd8\\xff", {"recipe": {"renditions": [{"name": "a", "widht": 3}]}})):
    try:
        client.upload(data, **fields)
    except pixmill.Refused as refused:
        print(refused.code, refused.detail)
print(client.upload(b"\\xff\\xd8\\xff", preset="web", focus=(0.5, 0.5), metadata={"a": 1}, wait=1).state)
"""


def test_the_stand_in_refuses_by_the_servers_rules_beside_a_programs_own_jobs(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "jobs.py").write_text("mine = True\n")
    done = run(tmp_path, programs / "python", "-c", BESIDE)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "unsupported_type this is text, which is not read here (JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP, HEIC are): "
        "send the image itself",
        "bad_recipe $.renditions[0].widht: no such key",
        "done",
    ]


def test_the_stand_in_without_its_extra_names_it(tmp_path: Path, programs: Path) -> None:
    program = "import sys; sys.modules['msgspec'] = None; import pixmill.testing"
    done = run(tmp_path, programs / "python", "-c", program)
    assert done.stderr.splitlines()[-1].endswith("pixmill.testing needs msgspec: pip install 'pixmill[testing]'")
