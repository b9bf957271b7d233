"""Every example of docs/python.md runs, before the stand-in of pixmill.testing; its tables are what the code has.

A framework that is not installed skips its example. In CI (CI=true) it fails instead.
"""

import importlib.util
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import pixmill
from jobs.recipes.recipe import parse
from pixmill.testing import FakePixmill
from tests.support.clusters.cluster import ROOT
from tests.support.house.needs import lacking
from tests.support.patience import stretched

PAGE = (ROOT / "docs" / "python.md").read_text()
SECTIONS = re.findall(r"^#+ (.+?)\n(.*?)(?=^##? |\Z)", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES = [
    (heading, number, code)
    for heading, text in SECTIONS
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
]
JPEG = b"\xff\xd8\xff a photo"
FILES = {"photo": ("holiday.jpg", JPEG)}


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePixmill:
    """Every client that is made speaks to this stand-in; photo.jpg is in the working folder."""
    service = FakePixmill()
    monkeypatch.setattr(pixmill, "Client", lambda *_, **given: service.client(**given))
    monkeypatch.setattr(pixmill, "AsyncClient", lambda *_, **given: service.async_client(**given))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(JPEG)
    return service


def needed(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        lacking(f"{module} is not installed: its example is not run")


def ran(heading: str, number: int = 0) -> dict[str, Any]:
    """The names that an example leaves behind."""
    (code,) = [code for name, place, code in EXAMPLES if (name, place) == (heading, number)]
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, f"docs/python.md: {heading}", "exec", dont_inherit=True), names)
    return names


APART = {"FastAPI", "Django", "Flask", "In your tests", "Coming from Celery and Pillow"}
"""Their examples only define something: each has a test of its own."""


PRINTED = {
    ("From Python", 0): "done ['http",
    ("Upload", 0): "queued fake.",
    ("Upload", 1): "{'done': 2} ['photo.jpg', 'back.jpg']",
    ("Errors", 0): "422 unknown_preset there is no",
    ("Know when a job has ended", 0): "made thumb http",
    ("Upload without a key", 0): "done ",
    ("Threads, processes and asyncio", 0): "['done', 'done',",
}
"""What each of the others prints."""


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(("heading", "number"), [each[:2] for each in EXAMPLES if each[0] not in APART])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_example_runs(heading: str, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    names = ran(heading, number)
    said = capsys.readouterr().out
    if heading == "Fetch the pictures":
        assert Path("thumb.jpg").read_bytes() == names["data"] != names["original"] == JPEG
    else:
        assert PRINTED[heading, number] in said.replace("done fake.", "queued fake.")


def test_fastapi(service: FakePixmill) -> None:
    needed("fastapi")
    with TestClient(ran("FastAPI")["app"]) as client:
        answer = client.post("/photos", files=FILES)
        assert (answer.status_code, answer.json()) == (202, {"job": service.jobs[0]})
        assert client.post("/photos", files={"photo": ("a.txt", b"text")}).status_code == 415
    assert service.client().job(service.jobs[0]).filename == "holiday.jpg"


DJANGO = """
import django
from django.conf import settings
settings.configure(DEFAULT_CHARSET="utf-8")
django.setup()
from types import SimpleNamespace
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory
import pixmill
from pixmill.testing import FakePixmill
service = FakePixmill()
pixmill.Client = service.client
exec(open("view.py").read())
for name, data in (("holiday.jpg", b"\\xff\\xd8\\xff"), ("a.txt", b"text")):
    request = RequestFactory().post("/photos", {"photo": SimpleUploadedFile(name, data)})
    request.user = SimpleNamespace(pk=17)
    print(upload_photo(request).status_code)
job = service.client().job(service.jobs[0])
print(job.filename, job.reference)
"""


def test_django(tmp_path: Path) -> None:
    """In a process of its own: Django is set up once in a process."""
    needed("django")
    (code,) = [code for heading, _, code in EXAMPLES if heading == "Django"]
    (tmp_path / "view.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-c", DJANGO], cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert (done.stdout.split(), done.stderr) == (["202", "415", "holiday.jpg", "user", "17"], "")


def test_flask(service: FakePixmill) -> None:
    needed("flask")
    client = ran("Flask")["app"].test_client()
    with Path("photo.jpg").open("rb") as photo:
        answer = client.post("/photos", data={"photo": (photo, "holiday.jpg")})
        assert (answer.status_code, answer.json) == (202, {"job": service.jobs[0]})
    with Path("text.txt").open("w+b") as text:
        assert client.post("/photos", data={"photo": (text, "a.txt")}).status_code == 415


def test_the_tests_of_a_program(service: FakePixmill) -> None:
    tests = {name: each for name, each in ran("In your tests").items() if name.startswith("test_")}
    for each in tests.values():
        each(service)
    assert (len(tests), len(service.jobs)) == (2, 2)


def test_the_tests_of_an_app(tmp_path: Path) -> None:
    """As files of a project, by pytest."""
    needed("fastapi")
    code = {(heading, number): text for heading, number, text in EXAMPLES}
    (tmp_path / "photos.py").write_text(code["FastAPI", 0])
    (tmp_path / "test_photos.py").write_text(code["In your tests", 1])
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["pixmill.testing.plugin"]')
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_photos.py"]
    environ = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environ, timeout=stretched(60))
    assert "2 passed" in done.stdout, done.stdout


def test_a_task_that_was_moved(service: FakePixmill) -> None:
    make_thumbnail = ran("Coming from Celery and Pillow")["make_thumbnail"]
    assert make_thumbnail("photo.jpg", 17).endswith("/renditions/small")
    service.fail("undecodable", "cut short")
    with pytest.raises(RuntimeError, match="cut short"):
        make_thumbnail("photo.jpg", 17)


def test_the_recipes_of_its_tables_are_recipes() -> None:
    """Pillow's and sharp's calls stand beside them."""
    cells = re.findall(r"^\| `.*` \| `({.*?})`[ (|]", PAGE, re.MULTILINE)
    assert len(cells) > 12
    for cell in cells:
        parse({"renditions": [{"name": "a", **json.loads(cell)}]})


def test_the_page_has_every_method_and_every_error() -> None:
    from pixmill.client import Client

    tables = {heading: re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for heading, text in SECTIONS}
    named = [name for row in tables["All methods"] for name in re.findall(r"`(\w+)`", row)]
    public = [name for name, _ in inspect.getmembers(Client, callable) if not name.startswith("_")]
    assert sorted(named) == sorted(public)
    errors = {name.strip("`") for name in tables["Errors"]}
    kinds = {
        name
        for name in pixmill.__all__
        if isinstance(each := getattr(pixmill, name), type) and issubclass(each, Exception)
    }
    assert errors == kinds
    told = {name for row in tables["In your tests"] for name in re.findall(r"`(\w+)", row)}
    made = {name for name in dir(FakePixmill()) if not name.startswith("_")}
    assert told == made - {"answer", "close"}
