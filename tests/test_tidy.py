"""Architecture is a test: the rules of tests/support/house/tidy.py hold for every file of the tree, and can fail."""

import ast
import functools
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.house import tidy, wings
from tests.support.patience import stretched

ROOT = Path(__file__).resolve().parents[1]
BLOCKER = """
import sys
blocked = set(sys.argv[1].split(","))
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ImportError(name + " is not installed")
sys.meta_path.insert(0, Blocker())
for module in sys.argv[2:]:
    __import__(module)
"""


def listed(*patterns: str) -> list[str]:
    """The files of the tree, committed or not, that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted(name for name in set(names) if (ROOT / name).is_file())


def modules(*folders: str) -> list[str]:
    return [path for path in listed("*.py") if path.split("/")[0] in folders]


def imported_without(blocked: str, paths: list[str]) -> subprocess.CompletedProcess[str]:
    """Import the modules at `paths` in a fresh Python in which the packages `blocked` are not installed."""
    names = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in paths]
    names = [name for name in names if not name.endswith("__main__")]
    command = [sys.executable, "-c", BLOCKER, blocked, *names]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=stretched(60))


@pytest.mark.parametrize("path", listed("*.py"))
def test_every_module_keeps_the_rules(path: str) -> None:
    faults = tidy.faults(path, (ROOT / path).read_text())
    assert faults == [], (
        "CONTRIBUTING.md has the rules; tests/support/house/tidy.py has the lists of who may import what"
    )


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("jobs/job.py", "import zmq"),
        ("jobs/job.py", "import host.log.start"),
        ("jobs/retry.py", "import time"),
        ("broker/core/books/roster.py", "from broker import loop"),
        ("broker/core/books/roster.py", "from ...loop import Loop"),
        ("broker/core/books/roster.py", "def late() -> None:\n    import random"),
        ("jobs/recipes/plan.py", "from PIL import Image"),
        ("supervisor/core/fleet.py", "from broker.core.books import events"),
        ("broker/loop.py", "import web.broker.link"),
        ("web/app.py", "from worker.images.pipeline import run"),
        ("web/app.py", "import zmq"),
        ("web/uploads/receive.py", "from PIL import Image"),
        ("worker/keeper/loop.py", "import PIL.Image"),
        ("broker/metrics.py", "import starlette.responses"),
        ("stores/blobs/local.py", "import broker.config"),
        ("stores/blobs/local.py", "import sqlite3"),
        ("broker/__main__.py", "from stores.ledger.sqlite import open_ledger"),
        ("web/access/parts.py", "def late():\n    from stores.blobs import local"),
        ("host/log/start.py", "from stores import blobs"),
        ("pixmill/client.py", "from jobs import ids"),
        ("web/app.py", "from tests.support.clusters import cluster"),
        ("web/app.py", "try:\n    pass\nexcept:\n    pass"),
        ("web/app.py", "try:\n    pass\nexcept Exception:\n    pass"),
        ("web/app.py", "try:\n    pass\nexcept (OSError, BaseException):\n    pass"),
        ("web/app.py", "try:\n    pass\nexcept BaseException:\n    log.error('lost')"),
        ("web/app.py", "with contextlib.suppress(builtins.Exception):\n    pass"),
        ("tests/unit/test_x.py", "import time\ntime.sleep(1)"),
        ("tests/simulation/test_x.py", "from asyncio import sleep\nawait_me = sleep(1)"),
        ("tests/cluster/test_x.py", "import subprocess\nsubprocess.run([], timeout=30)"),
    ],
)
def test_the_rules_see_a_planted_fault(path: str, source: str) -> None:
    """One fault each, and none in an innocent module of the same name."""
    assert tidy.faults(path, f'"""Planted."""\n{source}\n') != []
    assert (
        tidy.faults(path, '"""Innocent."""\nfrom jobs import errors\n' if path[:3] != "pix" else '"""Same."""\n') == []
    )


def test_a_module_without_a_docstring_is_seen() -> None:
    assert tidy.faults("web/app.py", "x = 1\n") == ["web/app.py: has no docstring"]


def test_pixels_are_out_of_reach_for_web_broker_and_the_keeper() -> None:
    paths = modules("jobs", "host", "stores", *tidy.ROLES)
    found = tidy.imported({path: ast.parse((ROOT / path).read_text()) for path in paths})
    starts = [*modules("web", "broker", "supervisor"), "worker/keeper/loop.py"]
    reaching = {start for start in starts if "PIL" in tidy.reached(start, found)}
    assert reaching == set(), "these reach PIL by their imports: move what needs pixels to worker/images"
    assert "PIL" in tidy.reached("worker/images/pipeline.py", found), "the search finds nothing at all"


def test_the_cores_load_with_nothing_installed_but_msgspec() -> None:
    pure = [path for path in modules("jobs", *tidy.ROLES) if tidy.is_pure(path)]
    assert {path.split("/")[0] for path in pure} == {"jobs", "broker", "web", "worker", "courier", "supervisor"}
    done = imported_without("zmq,starlette,PIL,uvicorn,sqlite3,httpx2", pure)
    assert done.stderr == ""
    assert done.returncode == 0


def test_web_loads_without_pil_and_the_broker_without_http() -> None:
    assert imported_without("PIL", modules("web")).stderr == ""
    assert imported_without("PIL,starlette,uvicorn", modules("broker")).stderr == ""
    assert imported_without("PIL,starlette,uvicorn", ["worker/keeper/loop.py"]).stderr == ""


def test_the_blocker_blocks() -> None:
    assert "zmq is not installed" in imported_without("zmq", ["broker/loop.py"]).stderr


def test_every_package_has_an_init() -> None:
    folders = {Path(path).parent for path in listed("*.py") if path.split("/")[0] in tidy.PACKAGES}
    stand_ins = Path("tests/support/fake_roles")
    bare = [str(folder) for folder in sorted(folders - {stand_ins}) if not (ROOT / folder / "__init__.py").exists()]
    assert bare == [], "give each folder an __init__.py whose docstring says its purpose"


def test_the_supervisor_stays_small() -> None:
    """Beside its imports, which are a line for each wing: it has to be read whole."""
    lines = [line for path in modules("supervisor") for line in (ROOT / path).read_text().splitlines()]
    count = sum(not line.startswith(("from ", "import ")) for line in lines)
    assert count < 500, "leave something out, or move what is no supervision into host/"


def test_no_file_names_a_path_of_one_machine() -> None:
    machine = re.compile(r"(?<![\w./<>*-])/(?:work|root|home|Users)/\w")
    named = [
        path for path in listed() if (text := _text(path)) and machine.search(text) and path != "tests/test_tidy.py"
    ]
    assert named == [], "name a folder of an example, as /srv/pixmill, or a relative one"
    assert machine.search('open("' + "/ro" + 'ot/x")')


LOCKS = ("requirements.lock", "requirements-stores.lock", "requirements-dev.lock")


def test_the_locks_name_no_host_and_pin_every_package_by_hash() -> None:
    for lock in (*LOCKS, "bench/peers/programs/requirements.lock", "bench/peers/programs/taskiq.lock"):
        text = (ROOT / lock).read_text()
        assert "://" not in text
        assert "--index" not in text
        pins = re.findall(r"^[a-z0-9._-]+==.*\\$", text, re.MULTILINE)
        assert len(pins) > 10
        assert len(pins) == len(re.findall(r"^[a-z]", text, re.MULTILINE))


EVERYTHING = ("jobs", "host", "stores", *tidy.ROLES, "pixmill", "bench", "torture", "tests")


@functools.cache
def arrows_of_all_files() -> wings.Graph:
    return wings.arrows_of_files({path: (ROOT / path).read_text() for path in modules(*EVERYTHING)})


@functools.cache
def arrows_of_all_folders() -> wings.Graph:
    return wings.arrows_of_folders(arrows_of_all_files())


@pytest.mark.parametrize("folder", wings.ARROWS)
def test_a_wing_has_the_arrows_that_its_list_allows_and_no_others(folder: str) -> None:
    """tests/support/house/wings.py has the lists. One that is longer than the code needs is a fault too."""
    imported = " ".join(sorted(arrows_of_all_folders()[folder]))
    assert imported == wings.ARROWS[folder], (
        f"if {folder} shall import these wings, write {imported!r} at its name in tests/support/house/wings.py, "
        "then run python -m tests.support.house.docs"
    )


def test_every_folder_of_code_is_a_wing() -> None:
    folders = {str(Path(path).parent) for path in modules(*EVERYTHING) if path.split("/")[0] != "tests"}
    assert folders == set(wings.ARROWS), (
        "name each folder in ARROWS of tests/support/house/wings.py, with the wings that it imports; "
        "git add it, then run python -m tests.support.house.docs"
    )


def test_neither_files_nor_folders_go_round_in_a_circle() -> None:
    cut = "move what both need into a file or folder that imports neither"
    assert wings.circles(arrows_of_all_files()) == [], cut
    assert wings.circles(arrows_of_all_folders()) == [], cut


def test_a_planted_circle_is_seen_though_it_is_of_types_or_lazy() -> None:
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from web.b.two import Two\n"
    planted = {"web/a/one.py": typed, "web/b/two.py": "def late():\n    from web.a import one\n", "web/c.py": ""}
    files = wings.arrows_of_files(planted)
    assert wings.circles(files) == [["web/a/one.py", "web/b/two.py"]]
    assert wings.circles(wings.arrows_of_folders(files)) == [["web/a", "web/b"]]


def test_folders_go_round_where_no_file_does() -> None:
    planted = {
        "web/a/one.py": "import web.b.two\n",
        "web/a/three.py": "",
        "web/b/two.py": "",
        "web/b/four.py": "from web.a import three\n",
    }
    files = wings.arrows_of_files(planted)
    assert wings.circles(files) == []
    assert wings.circles(wings.arrows_of_folders(files)) == [["web/a", "web/b"]]


def test_a_drawing_leaves_out_what_follows() -> None:
    assert wings.reduced({"a": ["b", "c"], "b": ["c"], "c": []}) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_no_folder_holds_more_files_than_one_can_see_at_once() -> None:
    held = Counter(str(Path(path).parent) for path in modules(*EVERYTHING) if Path(path).name != "__init__.py")
    full = {folder: count for folder, count in held.items() if count > wings.FILES_MAX}
    assert full == {}, f"{wings.FILES_MAX} files are the most: move those of one purpose into a folder"


def test_a_unit_test_is_found_by_its_modules_name() -> None:
    """tests/unit/web/http/test_body_slow.py is of web/http/body.py, and __main__.py is called main."""
    lost = []
    for path in listed("tests/unit/**/test_*.py", "tests/unit/test_*.py"):
        folder = Path(path).parent.relative_to("tests/unit")
        stems = {file.stem.strip("_") for file in (ROOT / folder).glob("*.py") if file.stem != "__init__"}
        words = Path(path).stem.removeprefix("test_").split("_")
        if str(folder) == "." or not any("_".join(words[:end]) in stems for end in range(1, len(words) + 1)):
            lost.append(path)
    assert lost == [], "name a test by its module: that of web/http/body.py is tests/unit/web/http/test_body.py"


def _text(path: str) -> str:
    try:
        return (ROOT / path).read_text()
    except UnicodeDecodeError:
        return ""
