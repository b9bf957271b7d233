"""A release: its files can be built from, its SBOM is the lock, and a wrong version or changelog ends it."""

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.house import release
from tests.support.house.release import ROOT, NotReleasable
from tests.support.patience import stretched
from tests.test_wheel import tree


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, committed or not."""
    folder = tmp_path_factory.mktemp("source")
    for name in tree():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("release")
    return {path.name: path for path in release.release(source, folder, 1_700_000_000)}


def test_all_files_are_made_and_summed(made: dict[str, Path], source: Path) -> None:
    version = release.version_of(source)
    names = [f"pixmill-{version}{end}" for end in ("-image.tar.gz", "-py3-none-any.whl", ".cdx.json", ".tar.gz")]
    assert set(made) == {"SHA256SUMS", *names}
    folder = made["SHA256SUMS"].parent
    done = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True)
    assert done.returncode == 0
    assert len(made["SHA256SUMS"].read_text().splitlines()) == len(names)


def test_the_sdist_and_the_images_context_make_the_same_wheel(made: dict[str, Path], tmp_path: Path) -> None:
    (wheel,) = [path for name, path in made.items() if name.endswith(".whl")]
    expected = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert "pixmill/_roles/web/app.py" in expected
    for number, (name, path) in enumerate((n, p) for n, p in made.items() if n.endswith(".tar.gz")):
        (tmp_path / name).mkdir()
        subprocess.run(["tar", "--extract", "--file", path, "--directory", tmp_path / name], check=True)
        (pyproject,) = (tmp_path / name).rglob("pyproject.toml")
        program = "import sys, setuptools.build_meta as b; b.build_wheel(sys.argv[1])"
        command = [sys.executable, "-c", program, str(tmp_path / str(number))]
        subprocess.run(command, cwd=pyproject.parent, check=True, capture_output=True, timeout=stretched(60))
        (built,) = (tmp_path / str(number)).glob("*.whl")
        assert {name for name in zipfile.ZipFile(built).namelist() if ".dist-info/" not in name} == expected


def test_the_list_of_packages_is_the_lock(made: dict[str, Path]) -> None:
    (bill,) = [json.loads(path.read_text()) for name, path in made.items() if name.endswith(".cdx.json")]
    locked = re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements-stores.lock").read_text(), re.MULTILINE)
    assert bill["bomFormat"] == "CycloneDX"
    assert {(each["name"], each["version"]) for each in bill["components"]} == set(locked)
    assert bill["metadata"]["component"]["name"] == "pixmill"


def test_the_same_files_make_the_same_context(source: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for folder in "ab":
        release.write_context(source, tmp_path / folder / "context.tar.gz", 1_700_000_000)
    with tarfile.open(tmp_path / "a" / "context.tar.gz") as one, tarfile.open(tmp_path / "b" / "context.tar.gz") as two:
        assert [entry.get_info() for entry in one] == [entry.get_info() for entry in two]


def test_a_folder_with_an_older_release_is_left(source: Path, tmp_path: Path) -> None:
    (tmp_path / "pixmill-0.0.9.tar.gz").touch()
    with pytest.raises(NotReleasable, match=r"has pixmill-0\.0\.9\.tar\.gz in it"):
        release.release(source, tmp_path, 0)


@pytest.mark.parametrize(
    ("changelog", "reason"),
    [
        ("# Changelog\n\n## 0.2.0\n\n- Something.\n", "begins with"),
        ("# Changelog\n\n## 0.1.0\n\n### Start\n\n## 0.0.9\n\n- Something.\n", "no entry"),
        ("# Changelog\n", "begins with"),
    ],
)
def test_a_changelog_without_this_version_ends_it(changelog: str, reason: str) -> None:
    with pytest.raises(NotReleasable, match=reason):
        release.changes(changelog, "0.1.0")


def test_the_changelog_of_this_version_is_found() -> None:
    assert release.changes("# Changelog\n\n## 0.1.0 (2026-12-01)\n\n- A.\n\n## 0.0.9\n\n- B.\n", "0.1.0") == "\n- A.\n"


def test_another_version_in_a_manifest_ends_it(tmp_path: Path) -> None:
    for name in ["pyproject.toml", *release.VERSIONED]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    version = release.version_of(tmp_path)
    dockerfile = tmp_path / "deploy/image/Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace(f"ARG VERSION={version}", "ARG VERSION=9.9.9"))
    with pytest.raises(NotReleasable, match=r"Dockerfile names \['9\.9\.9'\]"):
        release.version_of(tmp_path)
